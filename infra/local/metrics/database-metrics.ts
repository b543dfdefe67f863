import { createStatusStore } from '../../../lib/backfill/store/status-store.ts';
import type { DatabaseUse } from '../../../lib/database/connections.ts';
import type { Database } from '../../../lib/database/database.ts';
import { countOutboxEvents, readOutboxState } from '../../../lib/sync/store/outbox-state.ts';
import type { Metric, Sample } from './format-metrics.ts';

/** What is read from the database for one scrape. */
interface StoredState {
  outboxEvents: number;
  outboxOldestMs: number;
  outboxParked: number;
  /** Numbers of quarantined events, by the keyword of the reason. */
  quarantined: ReadonlyMap<string, number>;
  openGaps: number;
}

/** A database that answers later counts as down. By default, Prometheus gives up after 10 s. */
const SCRAPE_TIMEOUT_MS = 2_000;

/**
 * Creates a function that reads metrics from the database. If the database is down or does not answer in time, the
 * metric `…_database_up` is 0, and the other metrics have no values. Calls share a reading that is in progress, so
 * that scrapes do not accumulate on a slow database.
 */
export function createDatabaseMetrics(
  database: Database,
  timeoutMs = SCRAPE_TIMEOUT_MS,
): () => Promise<Metric[]> {
  let reading: Promise<StoredState | null> | undefined;
  return async () => {
    reading ??= readState(database)
      .catch(() => null)
      .finally(() => {
        reading = undefined;
      });
    const late = Promise.withResolvers<null>();
    const timer = setTimeout(() => late.resolve(null), timeoutMs);
    const state = await Promise.race([reading, late.promise]);
    clearTimeout(timer);
    return describe(state);
  };
}

async function readState(database: Database): Promise<StoredState> {
  const status = createStatusStore(database);
  const outboxEvents = await countOutboxEvents(database);
  const outbox = await readOutboxState(database);
  const quarantined = new Map<string, number>();
  for (const { reason, events } of await status.countQuarantinedByReason()) {
    quarantined.set(reason, (quarantined.get(reason) ?? 0) + events);
  }
  const gaps = await status.readGaps();
  return {
    outboxEvents,
    outboxOldestMs: outbox.oldestMs,
    outboxParked: outbox.parked,
    quarantined,
    openGaps: gaps.filter(({ repairedAt }) => repairedAt === null).length,
  };
}

function describe(state: StoredState | null): Metric[] {
  const of = (read: (known: StoredState) => number): Sample[] =>
    state === null ? [] : [{ value: read(state) }];
  const gauge = (name: string, help: string, samples: readonly Sample[]): Metric => ({
    name: `cognito_sync_${name}`,
    type: 'gauge',
    help,
    samples,
  });
  return [
    gauge('database_up', '1 if the database answered this scrape within 2 s, otherwise 0.', [
      { value: state === null ? 0 : 1 },
    ]),
    gauge(
      'outbox_events',
      'Events that are not published yet, including parked events (rejected repeatedly); counted up to 100,000.',
      of(({ outboxEvents }) => outboxEvents),
    ),
    gauge(
      'outbox_oldest_seconds',
      'How long the oldest event has been waiting to be published.',
      of(({ outboxOldestMs }) => outboxOldestMs / 1_000),
    ),
    gauge(
      'outbox_parked_events',
      'Events that the stream rejected repeatedly, among the oldest 10,000 unpublished events.',
      of(({ outboxParked }) => outboxParked),
    ),
    gauge(
      'quarantine_events',
      'Quarantined events that were neither projected nor dismissed.',
      [...(state?.quarantined ?? [])].map(([reason, value]) => ({ labels: { reason }, value })),
    ),
    gauge(
      'gaps_open',
      'Periods for which removals may be missing in the query store.',
      of(({ openGaps }) => openGaps),
    ),
  ];
}

/** Returns the load of the connections of each use of the database. Runs no statement. */
export function connectionMetrics(uses: Readonly<Record<DatabaseUse, Database>>): Metric[] {
  const loads = Object.entries(uses).flatMap(([use, database]) => {
    const load = database.load?.();
    return load === undefined ? [] : [{ labels: { use }, load }];
  });
  const samples = (read: (load: (typeof loads)[number]['load']) => number) =>
    loads.map(({ labels, load }) => ({ labels, value: read(load) }));
  return [
    {
      name: 'cognito_sync_database_connections_in_use',
      type: 'gauge',
      help: 'Connections that run a statement or transaction now.',
      samples: samples(({ running }) => running),
    },
    {
      name: 'cognito_sync_database_connections_max',
      type: 'gauge',
      help: 'Connections that may be in use at a time.',
      samples: samples(({ maxRunning }) => maxRunning),
    },
    {
      name: 'cognito_sync_database_statements_waiting',
      type: 'gauge',
      help: 'Statements and transactions that wait for a connection.',
      samples: samples(({ waiting }) => waiting),
    },
  ];
}
