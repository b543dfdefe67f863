import type { KinesisStreamEvent } from 'aws-lambda';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { CheckpointStore } from '../../../infra/local/event-source-mapping/checkpoint-file.ts';
import {
  type EventSourceMapping,
  type EventSourceMappingDeps,
  startEventSourceMapping,
} from '../../../infra/local/event-source-mapping/event-source-mapping.ts';
import { sleep } from '../../../infra/local/waiting.ts';
import { KinesisReaderError } from '../../../lib/aws/kinesis-reader.ts';
import {
  type Call,
  mappingDeps,
  memoryCheckpoints,
  notFound,
  type ScriptedShard,
  SETTINGS,
  scriptedReader,
} from '../../fixtures/aws/kinesis-scripted.ts';

const logger = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };
const mappings: EventSourceMapping[] = [];

afterEach(async () => {
  for (const mapping of mappings.splice(0)) await mapping.close();
  vi.clearAllMocks();
});

const until = (condition: () => void) => vi.waitFor(condition, { timeout: 15_000, interval: 5 });

const expired = () => new KinesisReaderError('iterator-expired', new Error('the iterator has expired'));

function start(overrides: Partial<EventSourceMappingDeps> & Pick<EventSourceMappingDeps, 'reader'>) {
  const mapping = startEventSourceMapping(mappingDeps({ logger, ...overrides }));
  mappings.push(mapping);
  return mapping;
}

function createFunction() {
  const done: string[] = [];
  const invoke = async ({ Records }: KinesisStreamEvent) => {
    done.push(...Records.map(({ kinesis }) => Buffer.from(kinesis.data, 'base64').toString()));
  };
  return { done, invoke };
}

const texts = (name: string, count: number) => Array.from({ length: count }, (_, index) => `${name}${index}`);

describe('a failing stream reader', () => {
  it('loses and repeats no record when iterators keep expiring', async () => {
    let calls = 0;
    const fault = (call: Call) => (call === 'getRecords' && ++calls % 2 === 0 ? expired() : undefined);
    const { reader } = scriptedReader(new Map([['s0', { texts: texts('a', 200) }]]), fault);
    const { done, invoke } = createFunction();
    start({ reader, invoke });
    await until(() => expect(done).toEqual(texts('a', 200)));
    expect(logger.warn).not.toHaveBeenCalled();
  });

  it('loses and repeats no record on throttling and network errors', async () => {
    let calls = 0;
    const fault = () => (++calls % 5 < 3 ? new Error('ProvisionedThroughputExceededException') : undefined);
    const shards = new Map([
      ['s0', { texts: texts('a', 100) }],
      ['s1', { texts: texts('b', 100) }],
    ]);
    const { reader } = scriptedReader(shards, fault);
    const { done, invoke } = createFunction();
    start({ reader, invoke });
    await until(() => expect(done).toHaveLength(200));
    expect(done.filter((text) => text.startsWith('a'))).toEqual(texts('a', 100));
    expect(done.filter((text) => text.startsWith('b'))).toEqual(texts('b', 100));
  });

  it('appears in the status until the next successful read', async () => {
    let broken = true;
    const fault = (call: Call) => (broken && call === 'getRecords' ? new Error('socket hang up') : undefined);
    const { reader } = scriptedReader(new Map([['s0', { texts: ['a'] }]]), fault);
    const { done, invoke } = createFunction();
    const mapping = start({ reader, invoke });
    const retrying = { state: 'retrying', lastError: expect.stringContaining('socket hang up') };
    await until(() => expect(mapping.status().shards).toMatchObject([retrying]));
    broken = false;
    await until(() => expect(mapping.status().shards).toMatchObject([{ state: 'reading', lastError: null }]));
    await until(() => expect(done).toEqual(['a']));
  });

  it('does not delay close if it never responds', async () => {
    const never = () => new Promise<never>(() => undefined);
    const { reader } = scriptedReader(new Map([['s0', { texts: [] }]]));
    const getRecords = vi.fn(never);
    const hangingRead = start({ reader: { ...reader, getRecords } });
    await until(() => expect(getRecords).toHaveBeenCalled());
    await hangingRead.close();
    const hangingList = start({ reader: { ...reader, listShards: never } });
    await hangingList.close();
  });

  it('delivers the records already read while further reads fail', async () => {
    let calls = 0;
    const fault = (call: Call) => (call === 'getRecords' && ++calls > 1 ? new Error('reset') : undefined);
    const { reader } = scriptedReader(new Map([['s0', { texts: texts('a', 10) }]]), fault);
    const { done, invoke } = createFunction();
    const settings = { ...SETTINGS, batchSize: 11, maximumBatchingWindowMs: 50 };
    start({ reader, invoke, settings });
    await until(() => expect(done).toEqual(texts('a', 10)));
  });

  it('replaces an iterator that was unused for a minute with one that starts after the last record read', async () => {
    const { reader, opened } = scriptedReader(new Map([['s0', { texts: texts('a', 3) }]]));
    const { done, invoke } = createFunction();
    let aheadMs = 0;
    start({ reader, invoke, now: () => Date.now() + aheadMs });
    await until(() => expect(done).toHaveLength(3));
    expect(opened).toEqual(['s0 TRIM_HORIZON']);
    aheadMs = 61_000;
    await until(() => expect(opened).toEqual(['s0 TRIM_HORIZON', 's0 3']));
    expect(done).toHaveLength(3);
  });
});

describe('shards', () => {
  it('are read after all their parents are processed', async () => {
    const shards = new Map<string, ScriptedShard>([
      ['parent-1', { texts: texts('a', 30), closed: true }],
      ['parent-2', { texts: texts('b', 30), closed: true, parents: ['aged-out'] }],
      ['child', { texts: texts('c', 3), parents: ['parent-1', 'parent-2'] }],
    ]);
    const { done, invoke } = createFunction();
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    const { reader } = scriptedReader(shards);
    const mapping = start({
      reader,
      async invoke(event) {
        if (event.Records[0]?.eventID === 'parent-2:21') await held;
        return invoke(event);
      },
    });
    const state = () => mapping.status().shards.map((shard) => [shard.shardId, shard.state]);
    await until(() => expect(done).toHaveLength(50));
    await until(() =>
      expect(state()).toEqual([
        ['parent-1', 'drained'],
        ['parent-2', 'reading'],
      ]),
    );
    release();
    await until(() => expect(done.slice(60)).toEqual(texts('c', 3)));
    expect(state()).toEqual([
      ['child', 'reading'],
      ['parent-1', 'drained'],
      ['parent-2', 'drained'],
    ]);
  });

  it('that were read to their end before a restart are not delivered again', async () => {
    const shards = new Map<string, ScriptedShard>([
      ['parent', { texts: texts('a', 3), closed: true }],
      ['child', { texts: texts('c', 3), parents: ['parent'] }],
    ]);
    const { done, invoke } = createFunction();
    const checkpoints = memoryCheckpoints(
      new Map([
        ['parent', '3'],
        ['child', '1'],
      ]),
    );
    start({ reader: scriptedReader(shards).reader, invoke, checkpoints });
    await until(() => expect(done).toEqual(['c1', 'c2']));
  });

  it('of another stream with the same name are read from their start', async () => {
    const shards = new Map<string, ScriptedShard>([['s0', { texts: texts('a', 5) }]]);
    const { done, invoke } = createFunction();
    const mapping = start({ reader: scriptedReader(shards).reader, invoke });
    await until(() => expect(mapping.status().shards).toMatchObject([{ sequenceNumber: '5' }]));
    shards.set('s0', { texts: texts('b', 3), startingSequenceNumber: '100' });
    await until(() => expect(done).toEqual([...texts('a', 5), ...texts('b', 3)]));
    await until(() => expect(mapping.status().shards).toMatchObject([{ sequenceNumber: '3' }]));
  });

  it.each([
    ['with other sequence numbers', '100', false],
    ['with the same sequence numbers, after its deletion was observed', '0', true],
  ])(
    'of a re-created stream are read even if the shards of the old stream were read to their end: %s',
    async (_name, first, sawDeletion) => {
      const shards = new Map<string, ScriptedShard>([['s0', { texts: texts('a', 3), closed: true }]]);
      let gone = false;
      const { reader } = scriptedReader(shards, () => (gone ? notFound() : undefined));
      const { done, invoke } = createFunction();
      const mapping = start({ reader, invoke });
      await until(() => expect(mapping.status().shards).toMatchObject([{ state: 'drained' }]));
      gone = sawDeletion;
      if (sawDeletion) await until(() => expect(mapping.status().shards).toEqual([]));
      shards.set('s0', { texts: texts('b', 2), startingSequenceNumber: first });
      gone = false;
      await until(() => expect(done).toEqual([...texts('a', 3), ...texts('b', 2)]));
    },
  );

  it('that no longer exist disappear from the status', async () => {
    const shards = new Map([
      ['s0', { texts: [] }],
      ['s1', { texts: [] }],
    ]);
    const mapping = start({ reader: scriptedReader(shards).reader });
    const ids = () => mapping.status().shards.map(({ shardId }) => shardId);
    await until(() => expect(ids()).toEqual(['s0', 's1']));
    shards.delete('s1');
    await until(() => expect(ids()).toEqual(['s0']));
  });
});

describe('a failing checkpoint store', () => {
  it('is retried until it succeeds, before the next invocation', async () => {
    const saved = new Map<string, string>();
    const checkpoints = memoryCheckpoints(saved);
    const { done, invoke } = createFunction();
    let broken = true;
    const save = vi.fn<CheckpointStore['save']>(async (...args) => {
      if (broken) throw new Error('no space left on device');
      return checkpoints.save(...args);
    });
    const { reader } = scriptedReader(new Map([['s0', { texts: texts('a', 15) }]]));
    const mapping = start({ reader, invoke, checkpoints: { ...checkpoints, save } });
    await until(() => expect(save.mock.calls.length).toBeGreaterThan(3));
    expect(done).toEqual(texts('a', 10));
    const [status] = mapping.status().shards;
    expect(status).toMatchObject({ state: 'retrying', sequenceNumber: null });
    expect(status?.lastError).toContain('no space left');
    broken = false;
    await until(() => expect(done).toEqual(texts('a', 15)));
    await until(() => expect(saved.get('s0')).toBe('15'));
    expect(mapping.status().shards).toMatchObject([
      { state: 'reading', sequenceNumber: '15', lastError: null },
    ]);
  });

  it('does not delay close, and the batch is delivered again', async () => {
    const checkpoints = memoryCheckpoints();
    const { done, invoke } = createFunction();
    const save = vi.fn(() => Promise.reject(new Error('no space left on device')));
    const { reader } = scriptedReader(new Map([['s0', { texts: ['a', 'b'] }]]));
    const mapping = start({ reader, invoke, checkpoints: { ...checkpoints, save } });
    await until(() => expect(save).toHaveBeenCalled());
    await mapping.close();
    start({ reader, invoke, checkpoints });
    await until(() => expect(done).toEqual(['a', 'b', 'a', 'b']));
  });
});

it('the mapping doubles the pause between retries up to ten seconds, and starts again with the shortest pause after progress', async () => {
  const pausesMs: number[] = [];
  const { reader } = scriptedReader(new Map([['s0', { texts: texts('a', 3) }]]));
  let attempts = 0;
  start({
    reader,
    options: { pollIntervalMs: 7 },
    random: () => 0,
    async sleep(ms, signal) {
      // Only the pauses before retries are recorded.
      if (ms === 7 || ms > 9_000) return sleep(ms, signal);
      pausesMs.push(ms);
    },
    async invoke() {
      attempts += 1;
      if (attempts < 10) throw new Error('not yet');
      if (attempts === 10) return { batchItemFailures: [{ itemIdentifier: '2' }] };
      if (attempts < 13) return { batchItemFailures: [{ itemIdentifier: '2' }] };
      return undefined;
    },
  });
  await until(() => expect(attempts).toBe(13));
  // With jitter, the minimum pause is half of 100, 200, ... 10,000.
  const full = [50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000];
  expect(pausesMs).toEqual([...full, 50, 100, 200]);
});

it('the mapping closes while it waits for a retry, without another invocation or checkpoint', async () => {
  const invoke = vi.fn(async () => {
    throw new Error('down');
  });
  const save = vi.fn();
  const { reader } = scriptedReader(new Map([['s0', { texts: ['a'] }]]));
  const options = { pollIntervalMs: 5, retryBaseMs: 3_600_000, retryCapMs: 3_600_000 };
  const mapping = start({ reader, invoke, options, checkpoints: { ...memoryCheckpoints(), save } });
  await until(() =>
    expect(mapping.status().shards).toMatchObject([{ state: 'retrying', lastError: 'down' }]),
  );
  await mapping.close();
  await mapping.close();
  expect(invoke).toHaveBeenCalledOnce();
  expect(save).not.toHaveBeenCalled();
});
