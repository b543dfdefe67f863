import { useEffect, useState } from 'preact/hooks';
import { pathWith } from '../api.ts';
import type { DatasetId, DatasetItem, IdentityItem, RecordItem } from '../model.ts';
import { type Edited, EditRecord } from '../parts/edit-record.tsx';
import { loadPoolNames, nameOfPool } from '../parts/pool-name.tsx';
import { curl, quoted, type Snippet, Snippets, sdk } from '../parts/snippets.tsx';
import { LoadState } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { Value, When } from '../parts/value.tsx';
import { linkTo, open, route } from '../router.ts';
import { settings } from '../settings.ts';
import { useList } from '../use-load.ts';

/** The pool, identity and dataset in the address. Empty if not chosen. */
interface Chosen {
  pool: string;
  identity: string;
  dataset: string;
}

export function Data() {
  const { params } = route.value;
  const [pool = '', identity = '', dataset = ''] = ['pool', 'identity', 'dataset'].map(
    (name) => params.get(name) ?? '',
  );
  const pools = useList<{ identityPoolId: string }>('/query/pools');
  useEffect(() => {
    loadPoolNames().catch(() => undefined);
  }, []);
  const only = pools.data?.length === 1 ? pools.data[0]?.identityPoolId : undefined;
  const chosen: Chosen = { pool: pool || only || '', identity, dataset };
  return (
    <>
      <div class="controls">
        <label class="grow">
          Identity pool
          <select
            value={chosen.pool}
            onChange={({ currentTarget }) => open('data', { pool: currentTarget.value })}
          >
            <option value="">Choose a pool …</option>
            {withChosen(pools.data ?? [], chosen.pool).map((id) => (
              <option key={id} value={id}>
                {nameOfPool(id) === undefined ? id : `${nameOfPool(id)} – ${id}`}
              </option>
            ))}
          </select>
        </label>
        <GoToIdentity pool={chosen.pool} />
      </div>
      <LoadState
        of={pools}
        empty="No pool has data yet. Sync a device, or run: npx cognito-sync-backend demo"
      />
      {chosen.pool !== '' && (
        <div class="browse">
          <Identities chosen={chosen} />
          <Datasets chosen={chosen} />
          {/* The key closes the dialog of one dataset before another is shown, for example by the button Back. */}
          <Records key={[chosen.pool, identity, dataset].join('\n')} chosen={chosen} />
        </div>
      )}
      <Snippets of={snippetsFor(chosen)} />
    </>
  );
}

function withChosen(pools: readonly { identityPoolId: string }[], chosen: string): string[] {
  return [...new Set([...pools.map(({ identityPoolId }) => identityPoolId), ...(chosen ? [chosen] : [])])];
}

/** Identities have the region of their pool, so the list does not repeat it. */
function withoutRegion(identityId: string, pool: string): string {
  const region = `${pool.split(':')[0]}:`;
  return identityId.startsWith(region) ? identityId.slice(region.length) : identityId;
}

function GoToIdentity({ pool }: { pool: string }) {
  return (
    <form
      class="grow"
      onSubmit={(event) => {
        event.preventDefault();
        const identity = String(new FormData(event.currentTarget).get('identity')).trim();
        if (identity !== '') open('data', { pool, identity });
      }}
    >
      <label>
        Identity id
        <span class="joined">
          <input name="identity" placeholder="us-east-1:…" spellcheck={false} disabled={pool === ''} />
          <button type="submit" disabled={pool === ''}>
            Open
          </button>
        </span>
      </label>
    </form>
  );
}

function Identities({ chosen: { pool, identity } }: { chosen: Chosen }) {
  const list = useList<IdentityItem>('/query/identities', { pool });
  return (
    <section class="column" aria-label="Identities">
      <h2>Identities</h2>
      <LoadState of={list} empty="This pool has no identities." />
      <ul class="choices">
        {list.data?.map(({ identityId, providers }) => (
          <li key={identityId}>
            <a
              href={linkTo('data', { pool, identity: identityId })}
              aria-current={identityId === identity ? 'true' : undefined}
            >
              <code title={identityId}>{withoutRegion(identityId, pool)}</code>
              <small>
                {providers === null ? '' : providers.length === 0 ? 'guest' : providers.join(', ')}
              </small>
            </a>
          </li>
        ))}
      </ul>
      {list.hasMore && (
        <button type="button" onClick={list.more}>
          Show more identities
        </button>
      )}
    </section>
  );
}

function Datasets({ chosen: { pool, identity, dataset } }: { chosen: Chosen }) {
  const list = useList<DatasetItem>(identity === '' ? null : '/query/datasets', { pool, identity });
  return (
    <section class="column" aria-label="Datasets">
      <h2>Datasets</h2>
      {identity === '' ? (
        <p class="quiet">Choose an identity.</p>
      ) : (
        <LoadState of={list} empty="This identity has no datasets." />
      )}
      <ul class="choices">
        {list.data?.map(({ datasetName, syncCount, isDeleted }) => (
          <li key={datasetName}>
            <a
              href={linkTo('data', { pool, identity, dataset: datasetName })}
              aria-current={datasetName === dataset ? 'true' : undefined}
            >
              <span>{datasetName}</span>
              <small>{isDeleted ? 'removed' : `sync count ${syncCount}`}</small>
            </a>
          </li>
        ))}
      </ul>
      {list.hasMore && (
        <button type="button" onClick={list.more}>
          Show more datasets
        </button>
      )}
    </section>
  );
}

function Records({ chosen: { pool, identity, dataset } }: { chosen: Chosen }) {
  const [edited, setEdited] = useState<Edited | null>(null);
  const list = useList<RecordItem>(dataset === '' ? null : '/query/records', { pool, identity, dataset });
  const id: DatasetId = { identityPoolId: pool, identityId: identity, datasetName: dataset };
  const edit = (record: RecordItem, isRemoval: boolean) =>
    setEdited({ key: record.recordKey, value: record.recordValue, syncCount: record.syncCount, isRemoval });
  return (
    <section class="column main" aria-label="Records">
      <div class="head">
        <h2>Records</h2>
        {dataset !== '' && (
          <button
            type="button"
            onClick={() => setEdited({ key: null, value: '', syncCount: 0, isRemoval: false })}
          >
            Add a record
          </button>
        )}
      </div>
      {dataset === '' ? (
        <p class="quiet">Choose a dataset.</p>
      ) : (
        <LoadState of={list} empty="This dataset has no live records." />
      )}
      {list.data && list.data.length > 0 && (
        <Table
          label={`Records of ${dataset}`}
          rows={list.data}
          keyOf={({ recordKey }) => recordKey}
          columns={[
            { head: 'Key', kind: 'key', cell: ({ recordKey }) => <code>{recordKey}</code> },
            { head: 'Value', kind: 'wide', cell: ({ recordValue }) => <Value text={recordValue} /> },
            { head: 'Sync count', kind: 'number', cell: ({ syncCount }) => syncCount },
            {
              head: 'Modified',
              kind: 'narrow',
              cell: ({ lastModifiedDate }) => <When date={lastModifiedDate} />,
            },
            {
              head: <span class="hidden">Change</span>,
              cell: (record) => (
                <span class="actions">
                  <button
                    type="button"
                    class="small"
                    aria-label={`Edit ${record.recordKey}`}
                    onClick={() => edit(record, false)}
                  >
                    Edit
                  </button>
                  <button
                    type="button"
                    class="small"
                    aria-label={`Remove ${record.recordKey}`}
                    onClick={() => edit(record, true)}
                  >
                    Remove
                  </button>
                </span>
              ),
            },
          ]}
        />
      )}
      {list.hasMore && (
        <button type="button" onClick={list.more}>
          Show more records
        </button>
      )}
      {edited !== null && (
        <EditRecord dataset={id} edited={edited} onClose={() => setEdited(null)} onWritten={list.reload} />
      )}
    </section>
  );
}

function snippetsFor({ pool, identity, dataset }: Chosen): Snippet[] {
  if (pool === '') return [curl('/query/pools')];
  if (identity === '') return [curl(pathWith('/query/identities', { pool }))];
  if (dataset === '') return [curl(pathWith('/query/datasets', { pool, identity }))];
  const input = { IdentityPoolId: pool, IdentityId: identity, DatasetName: dataset };
  const [quotedPool, quotedIdentity, quotedDataset] = [pool, identity, dataset].map(quoted);
  return [
    {
      title: 'AWS CLI',
      code: `aws cognito-sync list-records --endpoint-url ${location.origin} --region ${settings.value?.region ?? 'us-east-1'} --identity-pool-id ${quotedPool} --identity-id ${quotedIdentity} --dataset-name ${quotedDataset}`,
    },
    sdk('listRecords', input, settings.value?.region),
    curl(pathWith('/query/records', { pool, identity, dataset })),
  ];
}
