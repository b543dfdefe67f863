import { useEffect, useState } from 'preact/hooks';
import { pathWith } from '../api.ts';
import { isolate, showInvisible } from '../invisible.ts';
import type { DatasetItem, IdentityItem } from '../model.ts';
import { loadPoolNames, nameOfPool } from '../parts/pool-name.tsx';
import { Records } from '../parts/records.tsx';
import { Copy, curl, quoted, type Snippet, Snippets, sdk } from '../parts/snippets.tsx';
import { LoadState } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
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
                {textOfPool(id)}
              </option>
            ))}
          </select>
        </label>
        <GoToIdentity pool={chosen.pool} identity={identity} />
      </div>
      <LoadState
        of={pools}
        empty="No pool has data yet. Sync a device, or run: npx cognito-sync-backend demo"
      />
      {chosen.pool !== '' && (
        <div class="browse">
          <Identities chosen={chosen} />
          {identity !== '' && (
            <h2>
              Records of{' '}
              <code>
                <Text text={identity} />
              </code>{' '}
              <Copy text={identity} what="id of the identity" />
            </h2>
          )}
          <Datasets chosen={chosen} />
          {/* The key closes the dialog of one dataset before another is shown, for example by the button Back. */}
          <Records
            key={[chosen.pool, identity, dataset].join('\n')}
            of={{ identityPoolId: chosen.pool, identityId: identity, datasetName: dataset }}
          />
        </div>
      )}
      <Snippets of={snippetsFor(chosen)} />
    </>
  );
}

function textOfPool(id: string): string {
  const name = nameOfPool(id);
  return name === undefined ? isolate(id) : `${isolate(name)} – ${isolate(id)}`;
}

function withChosen(pools: readonly { identityPoolId: string }[], chosen: string): string[] {
  return [...new Set([...pools.map(({ identityPoolId }) => identityPoolId), ...(chosen ? [chosen] : [])])];
}

/** Identities have the region of their pool. Returns it with the colon that follows it: `us-east-1:`. */
function regionOf(pool: string): string {
  return `${pool.split(':')[0]}:`;
}

function withoutRegion(identityId: string, pool: string): string {
  const region = regionOf(pool);
  return identityId.startsWith(region) ? identityId.slice(region.length) : identityId;
}

/** Opens the identity whose id the user enters, with or without the region. */
function GoToIdentity({ pool, identity }: { pool: string; identity: string }) {
  const [text, setText] = useState(identity);
  useEffect(() => setText(identity), [identity]);
  return (
    <form
      class="grow"
      onSubmit={(event) => {
        event.preventDefault();
        const id = text.trim();
        if (id !== '') open('data', { pool, identity: id.includes(':') ? id : regionOf(pool) + id });
      }}
    >
      <label>
        Identity id
        <span class="joined">
          <input
            value={text}
            placeholder={pool === '' ? '' : `${regionOf(pool)}…`}
            spellcheck={false}
            disabled={pool === ''}
            onInput={({ currentTarget }) => setText(currentTarget.value)}
          />
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
              <code title={showInvisible(identityId)}>
                <Text text={withoutRegion(identityId, pool)} />
              </code>
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
        <LoadState
          of={list}
          empty={`No identity with this id has data in this pool. An id looks like ${regionOf(pool)}…`}
        />
      )}
      <ul class="choices">
        {list.data?.map(({ datasetName, syncCount, isDeleted }) => (
          <li key={datasetName}>
            <a
              href={linkTo('data', { pool, identity, dataset: datasetName })}
              aria-current={datasetName === dataset ? 'true' : undefined}
            >
              <span class="name">
                <Text text={datasetName} />
              </span>
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
