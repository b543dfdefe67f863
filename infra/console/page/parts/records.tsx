import { useState } from 'preact/hooks';
import { showInvisible } from '../invisible.ts';
import type { DatasetId, RecordItem } from '../model.ts';
import { useList } from '../use-load.ts';
import { type Edited, EditRecord } from './edit-record.tsx';
import { LoadState } from './states.tsx';
import { Table } from './table.tsx';
import { Name, Value, When } from './value.tsx';

/** The records of a dataset, which the user can add to, edit and remove. An empty `datasetName` means that none is chosen. */
export function Records({ of }: { of: DatasetId }) {
  const [edited, setEdited] = useState<Edited | null>(null);
  const { identityPoolId: pool, identityId: identity, datasetName: dataset } = of;
  const list = useList<RecordItem>(dataset === '' ? null : '/query/records', { pool, identity, dataset });
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
          label={`Records of ${showInvisible(dataset)}`}
          rows={list.data}
          keyOf={({ recordKey }) => recordKey}
          columns={[
            {
              head: 'Key',
              kind: 'key',
              cell: ({ recordKey }) => (
                <code>
                  <Name text={recordKey} />
                </code>
              ),
            },
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
                    aria-label={`Edit ${showInvisible(record.recordKey)}`}
                    onClick={() => edit(record, false)}
                  >
                    Edit
                  </button>
                  <button
                    type="button"
                    class="small"
                    aria-label={`Remove ${showInvisible(record.recordKey)}`}
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
        <EditRecord dataset={of} edited={edited} onClose={() => setEdited(null)} onWritten={list.reload} />
      )}
    </section>
  );
}
