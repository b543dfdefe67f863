import { expect, it, vi } from 'vitest';
import { createBatchCollector, laneOf } from '../../../infra/local/event-source-mapping/batch-collector.ts';
import { LOCAL_OPTIONS } from '../../../infra/local/event-source-mapping/mapping-settings.ts';
import { createRetryState } from '../../../infra/local/event-source-mapping/retry-state.ts';
import { createShardProgress } from '../../../infra/local/event-source-mapping/shard-progress.ts';
import { memoryCheckpoints, SETTINGS } from '../../fixtures/aws/kinesis-scripted.ts';

const logger = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };
const origin = { shardId: 's0', streamArn: 'arn', region: 'us-east-1', invokeIdentityArn: 'arn' };
const [left, right] = ['a', 'b', 'c', 'd', 'e', 'f'].reduce<[string, string]>(
  ([zero, one], key) => (laneOf(key, 2) === 0 ? [key, one] : [zero, key]),
  ['', ''],
);

interface Reads {
  /** Whether the shard is closed. */
  ended?: boolean;
  /** Whether more records follow after an empty page. */
  isBehind?: boolean;
  idleIntervalMs?: number;
  /** Called during each read, with the number of pages that follow. */
  onRead?: (following: number) => void;
  writes?: EventTarget;
}

/** Creates a collector whose clock advances only while it sleeps. `pages` holds the partition keys of each read. */
function collectFrom(
  pages: string[][],
  settings: Partial<typeof SETTINGS>,
  { ended = false, isBehind = false, idleIntervalMs, onRead, writes }: Reads = {},
) {
  let now = 0;
  let sequenceNumber = 0;
  const stopping = new AbortController();
  const collector = createBatchCollector({
    cursor: {
      async read() {
        const records = (pages.shift() ?? []).map((partitionKey) => ({
          sequenceNumber: String(++sequenceNumber),
          partitionKey,
          data: new Uint8Array(),
          arrivedAt: new Date(0),
        }));
        onRead?.(pages.length);
        return { records, ended: ended && pages.length === 0, isLatest: !isBehind };
      },
    },
    origin,
    settings: { ...SETTINGS, ...settings },
    progress: createShardProgress({ shardId: 's0', after: undefined, checkpoints: memoryCheckpoints() }),
    notBefore: 0,
    options: { ...LOCAL_OPTIONS, ...(idleIntervalMs !== undefined && { idleIntervalMs }) },
    ...(writes && { writes }),
    retryState: createRetryState(logger, {}),
    signal: stopping.signal,
    now: () => now,
    random: () => 0,
    async sleep(ms, signal) {
      if (!signal.aborted) now += ms;
    },
  });
  const next = async (lane = 0) => {
    const batch = await collector.next(lane);
    return { numbers: batch.map((record) => record.sequenceNumber).join(' '), now };
  };
  return { collector, next, stop: () => stopping.abort() };
}

it('the collector waits for the batching window, counted from the oldest record', async () => {
  const settings = { maximumBatchingWindowMs: 1_050 };
  const { next } = collectFrom([['a', 'b'], [], ['c']], settings);
  expect(await next()).toEqual({ numbers: '1 2 3', now: 1_050 });
});

it('the collector does not wait for the batching window once the batch is full', async () => {
  const settings = { maximumBatchingWindowMs: 300_000, batchSize: 3 };
  const { next } = collectFrom([['a', 'b'], [], ['c']], settings);
  expect(await next()).toEqual({ numbers: '1 2 3', now: LOCAL_OPTIONS.pollIntervalMs });
});

it('the collector does not wait at all without a batching window, or at the end of a closed shard', async () => {
  expect(await collectFrom([['a', 'b']], {}).next()).toEqual({ numbers: '1 2', now: 0 });
  const settings = { maximumBatchingWindowMs: 300_000, parallelizationFactor: 2 };
  const { collector, next } = collectFrom([[left, right, left]], settings, { ended: true });
  expect(await Promise.all([next(0), next(1)])).toMatchObject([
    { numbers: '1 3', now: 0 },
    { numbers: '2', now: 0 },
  ]);
  collector.processed(0, 2);
  expect(await next(0)).toMatchObject({ numbers: '' });
  expect(collector.end()).toBe('drained');
});

it('the collector gives each lane (the source of one of the concurrent batches) the records of its own keys, and its own batching window', async () => {
  const settings = { maximumBatchingWindowMs: 1_000, parallelizationFactor: 2, batchSize: 2 };
  const { next, stop } = collectFrom([[left], [], [right, left]], settings);
  const [one, other] = await Promise.all([next(0), next(1)]);
  expect(one).toEqual({ numbers: '1 3', now: 100 });
  expect(other).toEqual({ numbers: '2', now: 1_100 });
  stop();
  expect(await next(1)).toMatchObject({ numbers: '' });
});

it('the collector pauses longer at the end of an idle shard, but not while more records follow an empty page', async () => {
  const idleIntervalMs = 1_000;
  expect(await collectFrom([[], [], ['a']], {}, { idleIntervalMs }).next()).toMatchObject({ now: 2_000 });
  const behind = collectFrom([[], [], ['a']], {}, { idleIntervalMs, isBehind: true });
  expect(await behind.next()).toMatchObject({ now: 2 * LOCAL_OPTIONS.pollIntervalMs });
});

it('a write to the stream, also during a read, ends the pause of an idle shard', async () => {
  const writes = new EventTarget();
  const onRead = (following: number) => {
    if (following === 1) writes.dispatchEvent(new Event('write'));
  };
  const { next } = collectFrom([[], [], ['a']], {}, { idleIntervalMs: 1_000, writes, onRead });
  expect(await next()).toMatchObject({ now: 1_000 + LOCAL_OPTIONS.pollIntervalMs });
});

it('a batching window ends on time at an idle shard', async () => {
  const settings = { maximumBatchingWindowMs: 150 };
  const { next } = collectFrom([['a'], [], [], ['b']], settings, { idleIntervalMs: 1_000 });
  expect(await next()).toEqual({ numbers: '1', now: 150 });
});

it('laneOf always assigns a key to the same lane, and uses all lanes', () => {
  const keys = Array.from({ length: 1_000 }, (_, index) => `key${index}`);
  for (let factor = 1; factor <= 10; factor++) {
    const lanes = keys.map((key) => laneOf(key, factor));
    expect(keys.map((key) => laneOf(key, factor))).toEqual(lanes);
    expect([...new Set(lanes)].sort((one, other) => one - other)).toEqual(
      Array.from({ length: factor }, (_, lane) => lane),
    );
  }
});
