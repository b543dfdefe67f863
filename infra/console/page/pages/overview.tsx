import { useEffect } from 'preact/hooks';
import { ApiError, getJson, pathWith } from '../api.ts';
import { isConnected } from '../connection.ts';
import { formatCount, formatDuration } from '../format.ts';
import { describeHealth, type HealthReport, lagOf } from '../health-words.ts';
import type { SqlTable } from '../model.ts';
import { loadPoolNames, nameOfPool } from '../parts/pool-name.tsx';
import { curl, Snippets } from '../parts/snippets.tsx';
import { LoadState, Note } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { Text } from '../parts/text.tsx';
import { Id, Name, Value, When } from '../parts/value.tsx';
import { linkTo } from '../router.ts';
import { runSql } from '../sql.ts';
import { useList, useLoad } from '../use-load.ts';

const REFRESH_MS = 2_000;
const LATEST = `select identity_pool_id, identity_id, dataset_name, record_key, case
  when length(record_value) > 1000 then left(record_value, 1000) || '…' else record_value end as record_value, projected_at
from query.records order by projected_at desc limit 8`;

interface Count {
  count: number;
  /** Whether the number is an estimate, because the list is long. */
  isEstimate: boolean;
}

type Counts = Readonly<Record<'pools' | 'identities' | 'datasets' | 'records' | 'quarantined', Count>>;

export function Overview() {
  const health = useLoad('health', (signal) => getJson<HealthReport>('/healthz', signal));
  const counts = useLoad('counts', (signal) => getJson<Counts>('/query/counts', signal));
  const pools = useList<{ identityPoolId: string }>('/query/pools');
  const latest = useLoad('latest', readLatest);
  const { reload } = health;
  useEffect(() => {
    loadPoolNames().catch(() => undefined);
    const timer = setInterval(reload, REFRESH_MS);
    return () => clearInterval(timer);
  }, [reload]);
  return (
    <>
      {/* An outdated report would say that a server works that has stopped or fails. */}
      {isConnected.value && health.error === undefined && (
        <HealthPart
          health={health.data}
          quarantined={counts.error === undefined ? counts.data?.quarantined.count : undefined}
        />
      )}
      <LoadState of={health} />
      <Numbers counts={counts.data} lagMs={health.data ? lagOf(health.data) : null} />
      <LoadState of={counts} />
      <h2>Identity pools</h2>
      <LoadState of={pools} empty={<FirstSteps />} />
      {pools.data && pools.data.length > 0 && (
        <Table
          label="Identity pools"
          rows={pools.data}
          keyOf={({ identityPoolId }) => identityPoolId}
          columns={[
            { head: 'Name', cell: ({ identityPoolId }) => nameOfPool(identityPoolId) ?? '–' },
            {
              head: 'Id',
              kind: 'wide',
              cell: ({ identityPoolId }) => (
                <code>
                  <Text text={identityPoolId} />
                </code>
              ),
            },
            {
              head: <span class="hidden">Open</span>,
              cell: ({ identityPoolId }) => (
                <a class="id" href={linkTo('data', { pool: identityPoolId })}>
                  Browse data
                </a>
              ),
            },
          ]}
        />
      )}
      {pools.hasMore && (
        <button type="button" onClick={pools.more}>
          Show more pools
        </button>
      )}
      <h2>Newest records</h2>
      <LoadState of={latest} />
      {latest.data && <Latest latest={latest.data} />}
      <Snippets
        of={[
          curl('/healthz'),
          curl('/query/counts'),
          { title: 'Command line', code: 'npx cognito-sync-backend status' },
        ]}
      />
    </>
  );
}

/** The newest records, or why they are not shown. */
type Newest = { result: SqlTable } | { advice: string };

/**
 * Reads the newest records if the index `changes` exists. Without the index, each refresh would read all records. The
 * feed of changes needs the same index, and its error names the command that adds the index.
 */
async function readLatest(signal: AbortSignal): Promise<Newest> {
  const since = new Date().toISOString();
  try {
    await getJson(pathWith('/query/changes', { since, limit: 1 }), signal);
  } catch (error) {
    if (error instanceof ApiError && error.status === 409) return { advice: error.message };
    throw error;
  }
  return { result: await runSql(LATEST) };
}

function HealthPart({
  health,
  quarantined,
}: {
  health: HealthReport | undefined;
  quarantined: number | undefined;
}) {
  if (health === undefined || health.status === undefined) return null;
  const { summary, parts } = describeHealth(health, quarantined);
  return (
    <section class="health" aria-label="Health">
      {summary && <p class={`summary state ${summary.state}`}>{summary.text}</p>}
      <ul>
        {parts.map(({ part, text, state }) => (
          <li key={`${part} ${text}`}>
            <span class={`state ${state}`}>
              <span class="hidden">
                {state === 'good' ? 'OK: ' : state === 'warn' ? 'Attention: ' : 'Problem: '}
              </span>
              {part}
            </span>
            <span>{text}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Numbers({ counts, lagMs }: { counts: Counts | undefined; lagMs: number | null }) {
  const quarantined = counts?.quarantined.count ?? 0;
  const items: [string, string, string?][] = [
    ['Pools', shown(counts?.pools), linkTo('data')],
    ['Identities', shown(counts?.identities), linkTo('data')],
    ['Datasets', shown(counts?.datasets), linkTo('data')],
    ['Records', shown(counts?.records), linkTo('query')],
    ['Lag', lagMs === null ? '–' : formatDuration(lagMs)],
    ['In quarantine', shown(counts?.quarantined), linkTo('quarantine')],
  ];
  return (
    <dl class="numbers">
      {items.map(([name, value, href]) => (
        <div key={name} class={name === 'In quarantine' && quarantined > 0 ? 'warn' : ''}>
          <dt>{href ? <a href={href}>{name}</a> : name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function shown(count: Count | undefined): string {
  if (count === undefined) return '–';
  return `${count.isEstimate ? '≈ ' : ''}${formatCount(count.count)}`;
}

function Latest({ latest }: { latest: Newest }) {
  if ('advice' in latest) return <Note>The newest records are not shown: {latest.advice}.</Note>;
  const { result } = latest;
  if (result.rows.length === 0) return <p class="quiet">No record is stored yet.</p>;
  return (
    <Table
      label="Newest records"
      rows={result.rows}
      keyOf={(row) => row.slice(0, 4).join('\n')}
      columns={[
        {
          head: 'Identity',
          cell: ([pool, identity, dataset]) => (
            <a href={linkTo('data', { pool: pool ?? '', identity: identity ?? '', dataset: dataset ?? '' })}>
              <Id id={identity ?? null} />
            </a>
          ),
        },
        { head: 'Dataset', kind: 'key', cell: (row) => <Name text={row[2] ?? ''} /> },
        {
          head: 'Key',
          kind: 'key',
          cell: (row) => (
            <code>
              <Name text={row[3] ?? ''} />
            </code>
          ),
        },
        { head: 'Value', kind: 'wide', cell: (row) => <Value text={row[4] ?? null} /> },
        { head: 'Projected', kind: 'narrow', cell: (row) => <When date={row[5] ?? null} /> },
      ]}
    />
  );
}

function FirstSteps() {
  return (
    <>
      <p>
        <strong>No data yet.</strong> Write some as two devices would:
      </p>
      <pre>npx cognito-sync-backend demo</pre>
      <p>
        Or point your app at <code>{location.origin}</code>. Each change appears here within a second. The
        page <a href={linkTo('live')}>Live</a> shows its way to SQL.
      </p>
    </>
  );
}
