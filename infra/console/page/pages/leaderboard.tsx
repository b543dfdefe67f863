import { ApiError, pathWith } from '../api.ts';
import { formatCount } from '../format.ts';
import { showInvisible } from '../invisible.ts';
import type { RecordItem } from '../model.ts';
import { Copy, curl, Snippets } from '../parts/snippets.tsx';
import { Empty, LoadState, Note } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { Text } from '../parts/text.tsx';
import { Id, Name, Value, When } from '../parts/value.tsx';
import { linkTo, open, route } from '../router.ts';
import { runSql, sqlText } from '../sql.ts';
import { readItems, useLoad } from '../use-load.ts';

const ORDERS = [
  ['-number', 'Highest number first'],
  ['number', 'Lowest number first'],
  ['-text', 'Text, Z to A'],
  ['text', 'Text, A to Z'],
] as const;
const STEP = 50;
/** Suggests keys of a sample, because counting all keys would read every record. */
const KEYS = `select distinct record_key from (select record_key from query.records
  where octet_length(record_key) < 100 limit 1000) as sample order by 1 limit 100`;

const never = () => false;

interface Board {
  records: readonly Pick<
    RecordItem,
    'identityPoolId' | 'identityId' | 'datasetName' | 'recordValue' | 'lastModifiedDate'
  >[];
  hasMore: boolean;
  /** The command that would make the query fast; null if it is fast. */
  advice: string | null;
}

export function Leaderboard() {
  const { params } = route.value;
  const given = Object.fromEntries(
    ['key', 'order', 'dataset', 'show'].map((name) => [name, params.get(name) ?? '']),
  );
  const { key = '', order = '', dataset = '' } = given;
  const size = Number(given.show) || STEP;
  const keys = useLoad('keys', () => runSql(KEYS), never);
  const query = { key, order: order || '-number', dataset };
  const board = useLoad(
    key === '' ? null : pathWith('board', { ...query, size }),
    (signal) => loadBoard(query, size, signal),
    ({ advice }) => advice === null,
  );
  return (
    <>
      <form
        class="controls"
        onSubmit={(event) => {
          event.preventDefault();
          const fields = new FormData(event.currentTarget);
          const read = (name: string) => String(fields.get(name) ?? '');
          open('leaderboard', { key: read('key'), order: read('order'), dataset: read('dataset') });
        }}
      >
        <label class="grow">
          Key
          <input
            name="key"
            list="keys"
            required
            value={key}
            placeholder="for example score"
            spellcheck={false}
          />
          <datalist id="keys">
            {keys.data?.rows.map(([each]) => (
              <option key={each} value={each ?? ''} label={labelOf(each ?? '')} />
            ))}
          </datalist>
        </label>
        <label>
          Order
          <select name="order" value={query.order}>
            {ORDERS.map(([value, name]) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label>
          Dataset <input name="dataset" value={dataset} placeholder="any" spellcheck={false} />
        </label>
        <button type="submit" class="primary">
          Show
        </button>
      </form>
      {key === '' && <ChooseKey keys={keys.data?.rows.flatMap(([each]) => (each ? [each] : [])) ?? []} />}
      {key !== '' && <LoadState of={board} />}
      {board.data && (
        <Ranking
          board={board.data}
          orderedBy={key}
          isByNumber={query.order.endsWith('number')}
          onRefresh={board.reload}
          onMore={() => open('leaderboard', { ...query, show: String(size + STEP) })}
        />
      )}
      {key !== '' && (
        <Snippets
          of={[
            curl(pathWith('/query/records-by-key', { ...query, limit: 10 })),
            { title: 'SQL', code: statement(query, 10) },
          ]}
        />
      )}
    </>
  );
}

/** Undefined if the suggestion shows the key as it is. */
function labelOf(key: string): string | undefined {
  const shown = showInvisible(key);
  return shown === key ? undefined : shown;
}

function ChooseKey({ keys }: { keys: readonly string[] }) {
  return (
    <Empty>
      <p>Choose a key to rank all identities by its value.</p>
      <p class="chips">
        {keys.slice(0, 20).map((key) => (
          <a key={key} class="chip" href={linkTo('leaderboard', { key })}>
            <Text text={key} />
          </a>
        ))}
      </p>
    </Empty>
  );
}

function Ranking({
  board,
  orderedBy,
  isByNumber,
  onMore,
  onRefresh,
}: {
  board: Board;
  orderedBy: string;
  isByNumber: boolean;
  onMore: () => void;
  onRefresh: () => void;
}) {
  const { records, hasMore, advice } = board;
  const more = hasMore && (
    <button type="button" onClick={onMore}>
      Show more
    </button>
  );
  if (records.length === 0 && hasMore) {
    return (
      <>
        <Note>No match among the first records in this order.</Note>
        {more}
      </>
    );
  }
  if (records.length === 0) {
    return (
      <Empty>
        No live record with the key “<Text text={orderedBy} />” matches. For an order by number, the values
        must be numbers.
      </Empty>
    );
  }
  return (
    <>
      {advice !== null && (
        <Note>
          There is no index, so this list reads every record and does not refresh by itself.{' '}
          <button type="button" class="small" onClick={onRefresh}>
            Refresh
          </button>{' '}
          To make the list fast for many records, run: <code>{advice}</code>{' '}
          <Copy text={advice} what="the command" />
        </Note>
      )}
      <Table
        label={`Records with the key ${showInvisible(orderedBy)}`}
        rows={records.map((record, index) => ({ ...record, rank: index + 1 }))}
        keyOf={({ identityPoolId, identityId, datasetName }) =>
          `${identityPoolId}\n${identityId}\n${datasetName}`
        }
        columns={[
          { head: 'Rank', kind: 'number', cell: ({ rank }) => formatCount(rank) },
          {
            head: 'Value',
            kind: isByNumber ? 'number' : 'wide',
            cell: ({ recordValue }) => <Value text={recordValue} />,
          },
          {
            head: 'Identity',
            // Numbers are short, so the identity is beside them and takes the remaining width.
            ...(isByNumber && { kind: 'wide' as const }),
            cell: ({ identityPoolId: pool, identityId: identity, datasetName: dataset }) => (
              <a href={linkTo('data', { pool, identity, dataset })}>
                <Id id={identity} />
              </a>
            ),
          },
          { head: 'Dataset', kind: 'key', cell: ({ datasetName }) => <Name text={datasetName} /> },
          {
            head: 'Modified',
            kind: 'narrow',
            cell: ({ lastModifiedDate }) => <When date={lastModifiedDate} />,
          },
        ]}
      />
      {more}
    </>
  );
}

interface BoardQuery {
  key: string;
  order: string;
  dataset: string;
}

/** Uses the index if it exists. Otherwise uses SQL, which reads every record, and names the command that adds the index. */
async function loadBoard(query: BoardQuery, size: number, signal: AbortSignal): Promise<Board> {
  try {
    const { items, hasMore } = await readItems<RecordItem>(
      '/query/records-by-key',
      { ...query },
      size,
      signal,
    );
    return { records: items, hasMore, advice: null };
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 409) throw error;
    const { rows } = await runSql(statement(query, size + 1), size + 1);
    const index = query.order.endsWith('number') ? 'numeric' : 'text';
    return {
      records: rows.slice(0, size).map((row) => ({
        identityPoolId: row[0] ?? '',
        identityId: row[1] ?? '',
        datasetName: row[2] ?? '',
        recordValue: row[3] ?? '',
        lastModifiedDate: row[4] ?? '',
      })),
      hasMore: rows.length > size,
      advice: `npx cognito-sync-backend indexes add ${index}`,
    };
  }
}

function statement({ key, order, dataset }: BoardQuery, limit: number): string {
  const column = order.endsWith('number') ? 'numeric_value' : 'record_value';
  const direction = order.startsWith('-') ? ' desc' : '';
  const conditions = [
    `${column} is not null`,
    ...(dataset === '' ? [] : [`dataset_name = ${sqlText(dataset)}`]),
  ];
  return `select identity_pool_id, identity_id, dataset_name, record_value, last_modified_date
from query.records_of(${sqlText(key)})
where ${conditions.join(' and ')}
order by ${column}${direction} limit ${limit}`;
}
