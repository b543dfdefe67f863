import type { SyncRecord } from '../../lib/sync/model.ts';
import { live, type ModelDataset, type ModelState, nameOf } from './model-state.ts';

/** How a stream responds to events. */
export type Reception = 'accepts all' | 'does not exist' | 'rejects permanently';

export function recordsEvent(dataset: ModelDataset, records: readonly SyncRecord[]): object {
  const kinesisSyncRecords = records.map((record) => ({
    key: record.Key,
    value: record.Value,
    syncCount: record.SyncCount,
    lastModifiedDate: record.LastModifiedDate,
    deviceLastModifiedDate: record.DeviceLastModifiedDate ?? record.LastModifiedDate,
    op: record.Value === null ? 'remove' : 'replace',
  }));
  return { ...about(dataset), operation: 'replace', kinesisSyncRecords };
}

export function removalEvent(dataset: ModelDataset): object {
  return { ...about(dataset), operation: 'remove' };
}

function about({ pool, identity, name, count, modified }: ModelDataset): object {
  const key = { identityPoolId: pool, identityId: identity, datasetName: name };
  return { ...key, syncCount: count, lastModifiedDate: modified };
}

/** Adds an event to the outbox if streaming is enabled for the pool. */
export function putEvent(state: ModelState, pool: string, event: object): void {
  const streams = state.pools.get(pool)?.CognitoStreams;
  if (streams?.StreamingStatus !== 'ENABLED') return;
  const waiting = { attempts: 0, parked: false, bulkPublish: null };
  state.outbox.push({ stream: streams.StreamName ?? '', event, pool, ...waiting });
}

/** Runs the relay once. All waiting events are due, including those that wait for a retry. */
export function relay(state: ModelState, reception: Readonly<Record<string, Reception>>): void {
  const gone = new Set<string>();
  state.outbox = state.outbox.filter((waiting) => {
    if (waiting.parked) return true;
    waiting.attempts += 1;
    const outcome = reception[waiting.stream] ?? 'accepts all';
    if (outcome === 'accepts all') {
      state.published.push({ stream: waiting.stream, event: waiting.event });
      return false;
    }
    if (outcome === 'does not exist' && waiting.attempts >= 3) gone.add(waiting.stream);
    waiting.parked = outcome === 'rejects permanently' && waiting.attempts >= 5;
    if (waiting.parked) stateOfPool(state, waiting.pool).streamIsComplete = false;
    return true;
  });
  for (const pool of state.pools.values()) {
    const streams = pool.CognitoStreams;
    if (streams?.StreamingStatus !== 'ENABLED' || !gone.has(streams.StreamName ?? '')) continue;
    const DisabledReason = `stream ${streams.StreamName} does not exist`;
    pool.CognitoStreams = { ...streams, StreamingStatus: 'DISABLED', DisabledReason };
    pool.streamIsComplete = false;
  }
}

function stateOfPool(state: ModelState, id: string) {
  const pool = state.pools.get(id);
  if (!pool) throw new Error(`an event of the unknown pool ${id}`);
  return pool;
}

/**
 * Runs the bulk publishes until each has ended or has to wait for its events to be published.
 * @param maxWaiting maximum number of unpublished events per bulk publish
 */
export function runBulkPublishes(state: ModelState, now: number, maxWaiting: number): void {
  for (const [id, pool] of state.pools) {
    const bulk = pool.bulkPublish;
    if (bulk?.status !== 'IN_PROGRESS') continue;
    const end = (status: 'SUCCEEDED' | 'FAILED') => Object.assign(bulk, { status, endedAt: now });
    if (pool.CognitoStreams?.StreamingStatus !== 'ENABLED') {
      end('FAILED');
      continue;
    }
    const own = () => state.outbox.filter((waiting) => waiting.bulkPublish === bulk);
    const waits = () => own().filter(({ parked }) => !parked).length;
    let next = nextDataset(state, id, bulk.cursor);
    while (next && !bulk.allInOutbox && waits() < maxWaiting) {
      const { StreamName } = pool.CognitoStreams;
      const waiting = { attempts: 0, parked: false, pool: id, bulkPublish: bulk };
      state.outbox.push({
        stream: StreamName ?? '',
        event: recordsEvent(next, [...next.records.values()]),
        ...waiting,
      });
      bulk.cursor = nameOf(next.pool, next.identity, next.name);
      next = nextDataset(state, id, bulk.cursor);
    }
    if (!next && waits() < maxWaiting) bulk.allInOutbox = true;
    if (bulk.allInOutbox && waits() === 0) end(own().length === 0 ? 'SUCCEEDED' : 'FAILED');
  }
}

/** Returns the next dataset after the cursor, in the order of identity and name. */
function nextDataset({ datasets }: ModelState, pool: string, cursor: string): ModelDataset | undefined {
  return [...datasets]
    .filter(([name, one]) => one.exists && one.pool === pool && name > cursor)
    .sort(([a], [b]) => (a < b ? -1 : 1))[0]?.[1];
}

/** Returns the live values of a pool, by `nameOf` the dataset followed by a slash and the key. */
export function liveOf({ datasets }: ModelState, pool: string): Record<string, string | null> {
  return Object.fromEntries(
    [...datasets]
      .filter(([, dataset]) => dataset.pool === pool)
      .flatMap(([name, dataset]) => live(dataset).map(({ Key, Value }) => [`${name}/${Key}`, Value])),
  );
}
