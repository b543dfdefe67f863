import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MergeShardsCommand, PutRecordCommand, SplitShardCommand } from '@aws-sdk/client-kinesis';
import type { KinesisStreamEvent } from 'aws-lambda';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { openCheckpointFile } from '../../../infra/local/event-source-mapping/checkpoint-file.ts';
import {
  type EventSourceMapping,
  type EventSourceMappingDeps,
  startEventSourceMapping,
} from '../../../infra/local/event-source-mapping/event-source-mapping.ts';
import { createFailureDirectory } from '../../../infra/local/event-source-mapping/failure-destination.ts';
import { createKinesisReader, type KinesisReader } from '../../../lib/aws/kinesis-reader.ts';
import {
  type KinesisEmulator,
  keyOf,
  region,
  startKinesisEmulator,
  until,
} from '../../fixtures/aws/kinesis-emulator.ts';
import { memoryFailures, SETTINGS } from '../../fixtures/aws/kinesis-scripted.ts';

const functionName = 'project-stream';
const settings = SETTINGS;
const options = { pollIntervalMs: 20, discoveryIntervalMs: 100, retryBaseMs: 5, retryCapMs: 50 };

let emulator: KinesisEmulator;
let reader: KinesisReader;
/** Functions that close what a test opened, called in reverse order. */
const cleanups: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  emulator = await startKinesisEmulator();
  reader = createKinesisReader(emulator.client);
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

afterAll(() => emulator.close());

const numbered = (key: string, count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => `${key}:${from + index}`);
const textOf = ({ kinesis }: KinesisStreamEvent['Records'][number]) =>
  Buffer.from(kinesis.data, 'base64').toString();
const textsOf = (event: KinesisStreamEvent) => event.Records.map(textOf);
const shardOf = (event: KinesisStreamEvent) => event.Records[0]?.eventID.split(':')[0] ?? '';

async function checkpointDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'mapping-'));
  cleanups.push(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

const silent = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };
const logLines = () => [silent.info, silent.warn, silent.error].flatMap(({ mock }) => mock.calls);
afterEach(() => {
  expect(silent.error).not.toHaveBeenCalled();
  vi.clearAllMocks();
});

type Overrides = Partial<EventSourceMappingDeps> & { directory?: string };

async function start(
  streamName: string,
  invoke: EventSourceMappingDeps['invoke'],
  { directory, ...overrides }: Overrides = {},
): Promise<EventSourceMapping> {
  const mapping = startEventSourceMapping({
    reader,
    streamName,
    streamArn: `arn:aws:kinesis:${region}:000000000000:stream/${streamName}`,
    region,
    functionName,
    settings,
    invoke,
    checkpoints: await openCheckpointFile({
      directory: directory ?? (await checkpointDirectory()),
      functionName,
      streamName,
    }),
    failures: memoryFailures(),
    logger: silent,
    options,
    ...overrides,
  });
  cleanups.push(() => mapping.close());
  return mapping;
}

/** Creates a generator of numbers from 0 to 1 that depend only on the seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Creates a function that fails at random. `processed` holds what it processed, per partition key, in order. */
function unreliableFunction(random: () => number) {
  const processed = new Map<string, string[]>();
  const take = (texts: readonly string[]) => {
    for (const text of texts) {
      processed.set(keyOf(text), [...(processed.get(keyOf(text)) ?? []), text]);
    }
  };
  const invoke = async (event: KinesisStreamEvent): Promise<unknown> => {
    const texts = textsOf(event);
    const dice = random();
    if (dice < 0.15) throw new Error('out of luck');
    if (dice < 0.3) return { batchItemFailures: [{ itemIdentifier: '' }] };
    if (dice < 0.6) {
      const failed = Math.floor(random() * texts.length);
      take(texts.slice(0, failed));
      return { batchItemFailures: [{ itemIdentifier: event.Records[failed]?.kinesis.sequenceNumber }] };
    }
    take(texts);
    return dice < 0.8 ? { batchItemFailures: [] } : undefined;
  };
  return { processed, invoke };
}

/**
 * Recreates a stream with one shard. The emulator distinguishes two streams of one name only by the second of their
 * creation, so this function repeats the creation until that second has changed.
 */
async function recreate(streamName: string): Promise<void> {
  const [before] = await reader.listShards(streamName);
  await until(async () => {
    await emulator.deleteStream(streamName);
    await emulator.createStream(1, streamName);
    const [after] = await reader.listShards(streamName);
    expect(after?.startingSequenceNumber).not.toBe(before?.startingSequenceNumber);
  });
}

/** Creates a promise that invocations wait for until the test calls `release`. */
function heldFunction() {
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  cleanups.push(async () => release());
  return { held, release };
}

describe('an event source mapping on an emulator', () => {
  it('delivers the documented event, as a separate copy to each invocation', async () => {
    const streamName = await emulator.createStream(1);
    const events: KinesisStreamEvent[] = [];
    const mapping = await start(streamName, async (event) => {
      events.push(structuredClone(event));
      const [record] = event.Records;
      if (record) record.kinesis.data = 'spoilt';
      if (events.length === 1) throw new Error('again, please');
    });
    const before = Date.now();
    await emulator.put(streamName, ['key:ünïcode 💡']);
    await until(() => expect(events).toHaveLength(2));

    const [event] = events;
    if (!event?.Records[0]) throw new Error('no record');
    expect(events[1]).toEqual(event);
    expect(textsOf(event)).toEqual(['key:ünïcode 💡']);
    const { approximateArrivalTimestamp, sequenceNumber } = event.Records[0].kinesis;
    expect(Math.abs(approximateArrivalTimestamp * 1_000 - before)).toBeLessThan(60_000);
    expect(event.Records[0]).toMatchObject({
      eventID: `shardId-000000000000:${sequenceNumber}`,
      eventSourceARN: `arn:aws:kinesis:us-east-1:000000000000:stream/${streamName}`,
      invokeIdentityArn: 'arn:aws:iam::000000000000:role/project-stream',
      awsRegion: 'us-east-1',
      kinesis: { partitionKey: 'key', kinesisSchemaVersion: '1.0' },
    });
    await until(() => expect(mapping.status().shards[0]?.sequenceNumber).toBe(sequenceNumber));
  });

  it.each([1, 2, 3])(
    'delivers all records in order even if the function often fails (seed %i)',
    async (seed) => {
      const streamName = await emulator.createStream(3);
      const texts = ['a', 'b', 'c', 'd', 'e', 'f'].map((key) => numbered(key, 150));
      const interleaved = texts[0]?.flatMap((_, index) => texts.map((ofKey) => ofKey[index] ?? '')) ?? [];
      const { processed, invoke } = unreliableFunction(seeded(seed));
      const mapping = await start(streamName, invoke, {
        options: { ...options, retryBaseMs: 1, retryCapMs: 2 },
      });
      await emulator.put(streamName, interleaved.slice(0, 450));
      await emulator.put(streamName, interleaved.slice(450));

      const expected = new Map(texts.map((ofKey) => [keyOf(ofKey[0] ?? ''), ofKey]));
      await until(() => expect([...processed.values()].flat()).toHaveLength(interleaved.length));
      expect(processed).toEqual(expected);
      await until(() =>
        expect(mapping.status().shards.map(({ lastError }) => lastError)).toEqual([null, null, null]),
      );
      expect(mapping.status().shards).toHaveLength(3);
      expect(JSON.stringify(logLines())).not.toMatch(/out of luck|[a-f]:\d/);
    },
  );

  it('keeps the order of the records of each key across concurrent batches of a shard', async () => {
    const streamName = await emulator.createStream(1);
    const texts = ['a', 'b', 'c', 'd', 'e', 'f'].map((key) => numbered(key, 100));
    const interleaved = texts[0]?.flatMap((_, index) => texts.map((ofKey) => ofKey[index] ?? '')) ?? [];
    const { processed, invoke } = unreliableFunction(seeded(6));
    const parallel = { ...settings, parallelizationFactor: 4, bisectBatchOnFunctionError: true };
    const mapping = await start(streamName, invoke, {
      settings: parallel,
      options: { ...options, retryBaseMs: 1, retryCapMs: 2 },
    });
    await emulator.put(streamName, interleaved);
    await until(() => expect([...processed.values()].flat()).toHaveLength(interleaved.length));
    for (const [key, done] of processed) expect(done).toEqual(numbered(key, 100));
    await until(() =>
      expect(mapping.status().shards).toMatchObject([
        { state: 'reading', lastError: null, millisBehind: 0, discardedBatches: 0 },
      ]),
    );
  });

  it('stores discarded records as Lambda does in S3, and continues after them on restart', async () => {
    const streamName = await emulator.createStream(1);
    const directory = await checkpointDirectory();
    const failures = createFailureDirectory({
      directory: join(directory, 'failures'),
      mappingUuid: 'f89f8514-cdd9-4602-9e1f-01a5b77d449b',
    });
    const done: string[] = [];
    const invoke = async (event: KinesisStreamEvent) => {
      if (textsOf(event).includes('k:3')) throw new Error('broken by one record');
      done.push(...textsOf(event));
    };
    const strict = { ...settings, bisectBatchOnFunctionError: true, maximumRetryAttempts: 2 };
    await emulator.put(streamName, numbered('k', 10));
    const mapping = await start(streamName, invoke, { directory, failures, settings: strict });
    await until(() => expect(done).toEqual(numbered('k', 10).filter((text) => text !== 'k:3')));
    expect(mapping.status().shards).toMatchObject([{ discardedBatches: 1, discardedRecords: 1 }]);
    await mapping.close();

    const kept = (
      await readdir(join(directory, 'failures'), { recursive: true, withFileTypes: true })
    ).filter((entry) => entry.isFile());
    expect(kept).toHaveLength(1);
    const record = JSON.parse(await readFile(join(kept[0]?.parentPath ?? '', kept[0]?.name ?? ''), 'utf8'));
    expect(record.requestContext.condition).toBe('RetryAttemptsExhausted');
    expect(textsOf(JSON.parse(record.payload))).toEqual(['k:3']);
    silent.error.mockClear();

    const rest: string[] = [];
    await start(streamName, async (event) => void rest.push(...textsOf(event)), { directory });
    await emulator.put(streamName, ['k:10']);
    await until(() => expect(rest).toEqual(['k:10']));
  });

  it('loses no record across restarts, and repeats at most the invocation in flight', async () => {
    const streamName = await emulator.createStream(2);
    const directory = await checkpointDirectory();
    const texts = ['a', 'b', 'c', 'd'].flatMap((key) => numbered(key, 100));
    const random = seeded(4);
    const { processed, invoke } = unreliableFunction(random);
    const slowly = async (event: KinesisStreamEvent) => {
      await new Promise((resolve) => setImmediate(resolve));
      return invoke(event);
    };
    const seen = () => [...processed.values()].flat().length;

    for (let at = 0; at < texts.length; at += 50) {
      const mapping = await start(streamName, slowly, { directory });
      await emulator.put(streamName, texts.slice(at, at + 50));
      const goal = Math.min(seen() + Math.floor(random() * 60), at + 50);
      await until(() => expect(seen()).toBeGreaterThanOrEqual(goal));
      await mapping.close();
    }
    const mapping = await start(streamName, slowly, { directory });
    await until(() => expect(seen()).toBe(texts.length));
    expect([...processed.values()].flat().sort()).toEqual([...texts].sort());
    for (const [key, done] of processed) expect(done).toEqual(numbered(key, 100));
    await mapping.close();

    const idle = vi.fn(async () => undefined);
    const again = await start(streamName, idle, { directory });
    await emulator.put(streamName, ['z:after']);
    await until(() => expect(idle).toHaveBeenCalled());
    expect(idle.mock.calls).toEqual([
      [{ Records: [expect.objectContaining({ eventSource: 'aws:kinesis' })] }, expect.any(String)],
    ]);
    await again.close();
  });

  it('if the function reports a failed record, retries the batch from that record until the function accepts it', async () => {
    const streamName = await emulator.createStream(1);
    await emulator.put(streamName, numbered('k', 10));
    const batches: string[][] = [];
    let repaired = false;
    const mapping = await start(streamName, async (event) => {
      batches.push(textsOf(event));
      const poison = event.Records.find((record) => textOf(record) === 'k:6');
      if (repaired || !poison) return { batchItemFailures: [] };
      return { batchItemFailures: [{ itemIdentifier: poison.kinesis.sequenceNumber }] };
    });
    await until(() => expect(batches.length).toBeGreaterThan(5));
    const stuck = mapping.status().shards[0];
    expect(stuck).toMatchObject({ state: 'retrying', lastError: expect.stringContaining('reported record') });
    expect(stuck?.millisBehind).toBeGreaterThan(0);

    await emulator.put(streamName, ['k:10']);
    repaired = true;
    await until(() => expect(batches.flat()).toContain('k:10'));
    const [first, ...retries] = batches;
    expect(first).toEqual(numbered('k', 10));
    expect(retries.pop()).toEqual(['k:10']);
    for (const retry of retries) expect(retry).toEqual(numbered('k', 4, 6));
    await until(() =>
      expect(mapping.status().shards[0]).toMatchObject({
        state: 'reading',
        lastError: null,
        millisBehind: 0,
      }),
    );
  });

  it('retries the entire batch after the function throws, and shows the error message only in the status, not in the log', async () => {
    const streamName = await emulator.createStream(1);
    await emulator.put(streamName, numbered('k', 5));
    const batches: string[][] = [];
    let repaired = false;
    const mapping = await start(streamName, (event) => {
      batches.push(textsOf(event));
      if (!repaired) throw new TypeError('no such table');
      return Promise.resolve();
    });
    await until(() => expect(batches.length).toBeGreaterThan(3));
    const { shards } = mapping.status();
    expect(shards).toMatchObject([{ sequenceNumber: null, state: 'retrying', lastError: 'no such table' }]);
    repaired = true;
    await until(() => expect(mapping.status().shards[0]?.lastError).toBeNull());
    for (const batch of batches) expect(batch).toEqual(numbered('k', 5));
    expect(silent.warn.mock.calls.map(([message]) => message)).toEqual(['the function threw TypeError']);
    expect(JSON.stringify(logLines())).not.toContain('no such table');
  });

  it('retries the batch if the result of the function is not JSON, or is malformed', async () => {
    const streamName = await emulator.createStream(1);
    await emulator.put(streamName, ['k:0']);
    const results: unknown[] = [1n, { toJSON: () => ({ batchItemFailures: 'all' }) }];
    const invoke = vi.fn(async () => results.shift());
    const mapping = await start(streamName, invoke);
    await until(() => expect(mapping.status().shards[0]?.sequenceNumber).toMatch(/^\d+$/));
    expect(invoke).toHaveBeenCalledTimes(3);
  });

  it('keeps every invocation within 6 MB', async () => {
    const streamName = await emulator.createStream(1);
    for (let index = 0; index < 7; index++) {
      const Data = new Uint8Array(1_000_000).fill(index);
      await emulator.client.send(new PutRecordCommand({ StreamName: streamName, PartitionKey: 'k', Data }));
    }
    const batches: { first: number[]; size: number }[] = [];
    await start(streamName, async (event) => {
      const first = event.Records.map(({ kinesis }) => Buffer.from(kinesis.data, 'base64')[0] ?? -1);
      batches.push({ first, size: Buffer.byteLength(JSON.stringify(event)) });
    });
    await until(() => expect(batches.flatMap(({ first }) => first)).toHaveLength(7));
    expect(batches.map(({ first }) => first)).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6],
    ]);
    for (const { size } of batches) expect(size).toBeLessThanOrEqual(6 * 1024 * 1024);
  });

  it('waits for more records during the batching window, unless the batch is full', async () => {
    const streamName = await emulator.createStream(1);
    const batches: string[][] = [];
    const window = { ...settings, batchSize: 3, maximumBatchingWindowMs: 2_000 };
    await start(streamName, async (event) => void batches.push(textsOf(event)), { settings: window });
    for (const text of numbered('k', 5)) await emulator.put(streamName, [text]);
    await until(() => expect(batches).toHaveLength(2));
    expect(batches).toEqual([numbered('k', 3), numbered('k', 2, 3)]);
  });

  it('fills batches from the available records if no batching window is set', async () => {
    const streamName = await emulator.createStream(1);
    await emulator.put(streamName, numbered('k', 500));
    const sizes: number[] = [];
    const large = { ...settings, batchSize: 400 };
    await start(streamName, async (event) => void sizes.push(event.Records.length), { settings: large });
    await until(() => expect(sizes).toEqual([400, 100]));
  });

  it('blocks only one shard if the function does not return for records of that shard', async () => {
    const streamName = await emulator.createStream(2);
    const { held, release } = heldFunction();
    const done: string[] = [];
    let blocked: string | undefined;
    const mapping = await start(streamName, async (event) => {
      blocked ??= shardOf(event);
      if (shardOf(event) === blocked) await held;
      done.push(...textsOf(event));
    });
    const texts = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].flatMap((key) => numbered(key, 5));
    await emulator.put(streamName, texts);
    await until(() => {
      expect(done.length).toBeGreaterThan(0);
      expect(mapping.status().shards.filter(({ millisBehind }) => millisBehind > 0)).toHaveLength(1);
    });
    expect(done.length).toBeLessThan(texts.length);
    release();
    await until(() => expect(done).toHaveLength(texts.length));
  });

  it('waits on close for the invocation in flight, saves its checkpoint, and starts no further invocation', async () => {
    const streamName = await emulator.createStream(1);
    const directory = await checkpointDirectory();
    await emulator.put(streamName, numbered('k', 25));
    const { held, release } = heldFunction();
    const invoke = vi.fn(() => held);
    const mapping = await start(streamName, invoke, { directory });
    await until(() => expect(invoke).toHaveBeenCalledOnce());
    let closed = false;
    const closing = mapping.close().then(() => {
      closed = true;
    });
    await emulator.put(streamName, ['k:25']);
    expect(closed).toBe(false);
    release();
    await closing;
    expect(invoke).toHaveBeenCalledOnce();

    const rest: string[] = [];
    await start(streamName, async (event) => void rest.push(...textsOf(event)), { directory });
    await until(() => expect(rest).toContain('k:25'));
    expect(rest).toEqual(numbered('k', 16, 10));
  });

  it('with the starting position LATEST, delivers records that arrive after its first start, even those that arrive while it is stopped', async () => {
    const streamName = await emulator.createStream(1);
    const directory = await checkpointDirectory();
    const latest = { directory, settings: { ...settings, startingPosition: 'LATEST' as const } };
    const done: string[] = [];
    const invoke = async (event: KinesisStreamEvent) => void done.push(...textsOf(event));
    await emulator.put(streamName, numbered('old', 3));
    const started = Date.now();
    await until(() => expect(Date.now()).toBeGreaterThan(started));
    const first = await start(streamName, invoke, latest);
    await first.close();
    await emulator.put(streamName, numbered('k', 3));
    await start(streamName, invoke, latest);
    await emulator.put(streamName, numbered('k', 3, 3));
    await until(() => expect(done).toEqual(numbered('k', 6)));
  });

  it('waits for a stream that does not exist yet, and logs that once', async () => {
    const streamName = 'later';
    const done: string[] = [];
    const mapping = await start(streamName, async (event) => void done.push(...textsOf(event)));
    await until(() => expect(mapping.status().lastError).toMatch(/does not exist/));
    expect(mapping.status().shards).toEqual([]);
    await emulator.createStream(1, streamName);
    await emulator.put(streamName, ['k:0']);
    await until(() => expect(done).toEqual(['k:0']));
    expect(mapping.status().lastError).toBeNull();
    expect(silent.warn.mock.calls.filter(([message]) => /does not exist/.test(message))).toHaveLength(1);
  });

  it('reads a recreated stream from its start, even with fewer shards', async () => {
    const streamName = await emulator.createStream(2);
    const done: string[] = [];
    const mapping = await start(streamName, async (event) => void done.push(...textsOf(event)));
    const old = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((key) => `${key}:old`);
    await emulator.put(streamName, old);
    await until(() => expect(done).toHaveLength(old.length));
    await recreate(streamName);
    await emulator.put(streamName, numbered('k', 20));
    await until(() => expect(done.slice(old.length)).toEqual(numbered('k', 20)));
    await until(() => expect(mapping.status().shards).toHaveLength(1));
  });

  it('logs a warning and reads the stream from its start if it was recreated while the mapping was down', async () => {
    const streamName = await emulator.createStream(1);
    const directory = await checkpointDirectory();
    const done: string[] = [];
    const invoke = async (event: KinesisStreamEvent) => void done.push(...textsOf(event));
    const first = await start(streamName, invoke, { directory });
    await emulator.put(streamName, numbered('old', 20));
    await until(() => expect(done).toHaveLength(20));
    await first.close();
    await recreate(streamName);

    done.length = 0;
    await emulator.put(streamName, numbered('k', 3));
    await start(streamName, invoke, { directory });
    await until(() => expect(done).toEqual(numbered('k', 3)));
    expect(silent.warn).toHaveBeenCalledWith(
      expect.stringContaining('the checkpoint belongs to another stream'),
      expect.anything(),
    );
  });

  it('keeps the order of the records of each key across a split and a merge of shards', async () => {
    const streamName = await emulator.createStream(1);
    const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
    const phase = (from: number) =>
      emulator.put(
        streamName,
        keys.flatMap((key) => numbered(key, 20, from)),
      );
    const { processed, invoke } = unreliableFunction(seeded(5));
    await phase(0);
    await emulator.client.send(
      new SplitShardCommand({
        StreamName: streamName,
        ShardToSplit: 'shardId-000000000000',
        NewStartingHashKey: (2n ** 127n).toString(),
      }),
    );
    await emulator.untilActive(streamName);
    await phase(20);
    const mapping = await start(streamName, invoke);
    await until(() => expect([...processed.values()].flat()).toHaveLength(keys.length * 40));
    await emulator.client.send(
      new MergeShardsCommand({
        StreamName: streamName,
        ShardToMerge: 'shardId-000000000001',
        AdjacentShardToMerge: 'shardId-000000000002',
      }),
    );
    await emulator.untilActive(streamName);
    await phase(40);
    await until(() => expect([...processed.values()].flat()).toHaveLength(keys.length * 60));
    expect(processed).toEqual(new Map(keys.map((key) => [key, numbered(key, 60)])));
    expect(mapping.status().shards.map(({ state }) => state)).toEqual([
      'drained',
      'drained',
      'drained',
      'reading',
    ]);
  });
});
