import { ApiError } from '../api.ts';
import { formatDate } from '../format.ts';
import { PoolName } from '../parts/pool-name.tsx';
import { curl, Snippets } from '../parts/snippets.tsx';
import { LoadState } from '../parts/states.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { useList } from '../use-load.ts';

interface BulkPublish {
  identityPoolId: string;
  startedAt: string;
  completedAt: string | null;
  status: string;
  failureMessage: string | null;
  completeness: string;
  waitingFor: string | null;
}

interface Gap {
  identityPoolId: string;
  since: string;
  until: string | null;
  cause: string;
  mendedAt: string | null;
}

interface Shard {
  streamName: string;
  shardId: string;
  arrivedAt: string | null;
  projectedAt: string;
}

const COMPLETENESS: Readonly<Record<string, string>> = {
  waiting: 'waiting',
  projected: 'everything is in SQL',
  stalled: 'stalled, no progress for 15 minutes',
  unknown: 'unknown',
};
const CAUSES: Readonly<Record<string, string>> = {
  'streaming-off': 'streaming was disabled for the pool',
  expired: 'events may have expired in the stream',
};

export function Backfill() {
  return (
    <>
      <List<BulkPublish>
        title="Bulk publishes"
        path="/query/bulk-publishes"
        empty="No bulk publish was observed. A bulk publish sends all data of a pool to the stream again."
        columns={[
          POOL,
          { head: 'Started', kind: 'narrow', cell: ({ startedAt }) => formatDate(startedAt) },
          { head: 'Completed', kind: 'narrow', cell: ({ completedAt }) => formatDate(completedAt) },
          {
            head: 'Status',
            cell: ({ status, failureMessage }) => <StatusOf status={status} reason={failureMessage} />,
          },
          {
            head: 'In SQL',
            kind: 'wide',
            cell: ({ completeness, waitingFor }) =>
              `${COMPLETENESS[completeness] ?? completeness}${waitingFor ? `: ${waitingFor}` : ''}`,
          },
        ]}
      />
      <List<Gap>
        title="Gaps"
        path="/query/gaps"
        empty="No gap is known: the rows contain every removal."
        columns={[
          POOL,
          { head: 'Since', kind: 'narrow', cell: ({ since }) => formatDate(since) },
          {
            head: 'Until',
            kind: 'narrow',
            cell: ({ until }) => (until === null ? 'continues' : formatDate(until)),
          },
          { head: 'Cause', kind: 'wide', cell: ({ cause }) => CAUSES[cause] ?? cause },
          {
            head: 'Repaired',
            cell: ({ mendedAt }) =>
              mendedAt === null ? (
                <span class="state warn">removals may be missing</span>
              ) : (
                formatDate(mendedAt)
              ),
          },
        ]}
      />
      <List<Shard>
        title="Progress"
        path="/query/progress"
        empty="No event was projected yet."
        columns={[
          { head: 'Stream', kind: 'key', cell: ({ streamName }) => streamName },
          { head: 'Shard', kind: 'wide', cell: ({ shardId }) => <code>{shardId}</code> },
          { head: 'Last event arrived', kind: 'narrow', cell: ({ arrivedAt }) => formatDate(arrivedAt) },
          { head: 'Projected', kind: 'narrow', cell: ({ projectedAt }) => formatDate(projectedAt) },
        ]}
      />
      <Migrations />
      <Snippets
        of={[
          {
            title: 'Command line',
            code: 'npx cognito-sync-backend status\nnpx cognito-sync-backend bulk-publish start --pool <id>\nnpx cognito-sync-backend reconcile --pool <id>',
          },
          curl('/query/bulk-publishes'),
          curl('/query/gaps'),
        ]}
      />
    </>
  );
}

const POOL: Column<{ identityPoolId: string }> = {
  head: 'Pool',
  cell: ({ identityPoolId }) => <PoolName id={identityPoolId} />,
};

function StatusOf({ status, reason }: { status: string; reason: string | null }) {
  const state = status === 'FAILED' ? 'bad' : status === 'SUCCEEDED' ? 'good' : 'warn';
  return (
    <span class={`state ${state}`}>
      {status}
      {reason && `: ${reason}`}
    </span>
  );
}

function List<Row extends object>({
  title,
  path,
  empty,
  columns,
}: {
  title: string;
  path: string;
  empty: string;
  columns: readonly Column<Row>[];
}) {
  const list = useList<Row>(path);
  return (
    <>
      <h2>{title}</h2>
      <LoadState of={list} empty={empty} />
      {list.data && list.data.length > 0 && (
        <Table label={title} rows={list.data} keyOf={(row) => JSON.stringify(row)} columns={columns} />
      )}
      {list.hasMore && (
        <button type="button" onClick={list.more}>
          Show more
        </button>
      )}
    </>
  );
}

/**
 * The members of a migration are shown as they are, because they differ by the step of the migration. If the query API
 * answers 404, it does not offer the list, and there are no migrations to show.
 */
function Migrations() {
  const list = useList<Readonly<Record<string, unknown>>>('/query/migrations');
  const [first] = list.data ?? [];
  const isUnknown = list.error instanceof ApiError && list.error.status === 404;
  if (isUnknown) return null;
  return (
    <>
      <h2>Migrations</h2>
      <LoadState of={list} empty="No pool is being migrated from another service." />
      {list.data && first && (
        <Table
          label="Migrations"
          rows={list.data}
          keyOf={(row) => JSON.stringify(row)}
          columns={Object.keys(first).map((name) => ({
            head: toWords(name),
            cell: (row: Readonly<Record<string, unknown>>) => textOf(row[name]),
          }))}
        />
      )}
    </>
  );
}

/** `copiedIdentities` becomes `Copied identities`. */
function toWords(name: string): string {
  const words = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '–';
  if (typeof value === 'string') return /^\d{4}-\d\d-\d\dT/.test(value) ? formatDate(value) : value;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
