import type { KinesisStreamEvent } from 'aws-lambda';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  type EventSourceMapping,
  type EventSourceMappingDeps,
  startEventSourceMapping,
} from '../../../infra/local/event-source-mapping/event-source-mapping.ts';
import {
  mappingDeps,
  memoryCheckpoints,
  memoryFailures,
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

function start(shard: ScriptedShard, overrides: Partial<EventSourceMappingDeps>) {
  const { reader } = scriptedReader(new Map([['s0', shard]]));
  const saved = new Map<string, string>();
  const mapping = startEventSourceMapping(
    mappingDeps({ reader, logger, checkpoints: memoryCheckpoints(saved), ...overrides }),
  );
  mappings.push(mapping);
  return { mapping, checkpoint: () => saved.get('s0') };
}

const textsOf = ({ Records }: KinesisStreamEvent) =>
  Records.map(({ kinesis }) => Buffer.from(kinesis.data, 'base64').toString());
const payloadTexts = ({ payload }: { payload: string }) => textsOf(JSON.parse(payload));

/** Creates a function that throws at one record. `batches` collects the records of each invocation. */
function throwingAt(poison: string) {
  const batches: string[][] = [];
  const invoke = async (event: KinesisStreamEvent) => {
    batches.push(textsOf(event));
    if (textsOf(event).includes(poison)) throw new Error('secret value');
  };
  return { batches, invoke };
}

const six = ['a', 'b', 'c', 'd', 'e', 'f'];

describe('a record that breaks the function', () => {
  it('is isolated by bisecting and discarded, without changing the order of the shard', async () => {
    const failures = memoryFailures();
    const { batches, invoke } = throwingAt('c');
    const settings = { ...SETTINGS, bisectBatchOnFunctionError: true, maximumRetryAttempts: 1 };
    const { mapping, checkpoint } = start({ texts: six }, { settings, invoke, failures });
    await until(() => expect(checkpoint()).toBe('6'));
    expect(batches.map((batch) => batch.join(''))).toEqual(['abcdef', 'abc', 'ab', 'c', 'c', 'def']);
    expect(failures.kept.map(payloadTexts)).toEqual([['c']]);
    expect(failures.kept).toMatchObject([
      {
        requestContext: {
          condition: 'RetryAttemptsExhausted',
          functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:function',
          approximateInvokeCount: 4,
        },
        responseContext: { functionError: 'Unhandled' },
        KinesisBatchInfo: { shardId: 's0', startSequenceNumber: '3', endSequenceNumber: '3', batchSize: 1 },
      },
    ]);
    expect(mapping.status().shards).toMatchObject([
      { state: 'reading', lastError: null, discardedBatches: 1, discardedRecords: 1 },
    ]);
    const [[, details] = []] = logger.error.mock.calls;
    expect(details).toMatchObject({ condition: 'RetryAttemptsExhausted', startSequenceNumber: '3' });
    const logged = [logger.info, logger.warn, logger.error].flatMap(({ mock }) => mock.calls);
    expect(JSON.stringify(logged)).not.toContain('secret');
  });

  it('is discarded with its batch if bisecting is off', async () => {
    const failures = memoryFailures();
    const { batches, invoke } = throwingAt('c');
    const settings = { ...SETTINGS, batchSize: 4, maximumRetryAttempts: 0 };
    const { checkpoint } = start({ texts: six }, { settings, invoke, failures });
    await until(() => expect(checkpoint()).toBe('6'));
    expect(batches.map((batch) => batch.join(''))).toEqual(['abcd', 'ef']);
    expect(failures.kept.map(payloadTexts)).toEqual([['a', 'b', 'c', 'd']]);
  });

  it('if the function reports it, is discarded with the later records of its batch; the failure record has the last request id', async () => {
    const failures = memoryFailures();
    const requestIds: string[] = [];
    const settings = { ...SETTINGS, maximumRetryAttempts: 1 };
    const { checkpoint } = start(
      { texts: six },
      {
        settings,
        failures,
        async invoke({ Records }, requestId) {
          requestIds.push(requestId);
          return {
            batchItemFailures: Records.slice(-2, -1).map(({ kinesis }) => {
              return { itemIdentifier: kinesis.sequenceNumber };
            }),
          };
        },
      },
    );
    await until(() => expect(checkpoint()).toBe('6'));
    expect(failures.kept.map(payloadTexts)).toEqual([['e', 'f']]);
    expect(failures.kept).toMatchObject([
      {
        requestContext: { requestId: requestIds[2], approximateInvokeCount: 3 },
        responseContext: { functionError: null },
      },
    ]);
    expect(new Set(requestIds).size).toBe(3);
  });
});

describe('a record that is too old', () => {
  const settings = { ...SETTINGS, maximumRecordAgeInSeconds: 60 };

  it('is discarded without an invocation, and later records are delivered', async () => {
    const failures = memoryFailures();
    const { batches, invoke } = throwingAt('none');
    const arrivedAt = (index: number) => (index < 2 ? 0 : 50_000);
    const { checkpoint } = start(
      { texts: six, arrivedAt },
      { settings, invoke, failures, now: () => 60_001 },
    );
    await until(() => expect(checkpoint()).toBe('6'));
    expect(batches).toEqual([['c', 'd', 'e', 'f']]);
    expect(failures.kept.map(payloadTexts)).toEqual([['a', 'b']]);
    expect(failures.kept).toMatchObject([
      { requestContext: { condition: 'RecordAgeExceeded', approximateInvokeCount: 0 } },
    ]);
  });

  it('is discarded when it expires between two attempts', async () => {
    const failures = memoryFailures();
    let now = 0;
    const { batches, invoke } = throwingAt('a');
    const { mapping, checkpoint } = start(
      { texts: ['a'], arrivedAt: () => 0 },
      { settings, invoke, failures, now: () => now },
    );
    await until(() => expect(batches.length).toBeGreaterThan(3));
    expect(checkpoint()).toBeUndefined();
    now = 60_001;
    await until(() => expect(checkpoint()).toBe('1'));
    expect(failures.kept).toMatchObject([
      {
        requestContext: { condition: 'RecordAgeExceeded', approximateInvokeCount: batches.length },
        responseContext: { functionError: 'Unhandled' },
      },
    ]);
    await until(() => expect(mapping.status().shards).toMatchObject([{ state: 'reading', lastError: null }]));
  });
});

it('the mapping discards a record that exceeds the payload limit, and delivers the other records', async () => {
  const failures = memoryFailures();
  const { batches, invoke } = throwingAt('none');
  const huge = 'x'.repeat(5 * 1024 * 1024);
  const { checkpoint } = start({ texts: ['a', huge, 'b'] }, { invoke, failures });
  await until(() => expect(checkpoint()).toBe('3'));
  expect(batches).toEqual([['a'], ['b']]);
  expect(failures.kept.map(payloadTexts)).toEqual([[huge]]);
  expect(failures.kept).toMatchObject([
    { requestContext: { condition: 'InvocationPayloadSizeExceeded', approximateInvokeCount: 0 } },
  ]);
});

describe('a failing failure destination', () => {
  const settings = { ...SETTINGS, batchSize: 2, maximumRetryAttempts: 0 };

  it('blocks the shard until it has stored the records', async () => {
    const failures = memoryFailures();
    let broken = true;
    const keep = vi.fn<typeof failures.keep>(async (record) => {
      if (broken) throw new Error('access denied');
      return failures.keep(record);
    });
    const { batches, invoke } = throwingAt('b');
    const { mapping, checkpoint } = start({ texts: six }, { settings, invoke, failures: { keep } });
    await until(() => expect(keep.mock.calls.length).toBeGreaterThan(3));
    expect(batches).toEqual([['a', 'b']]);
    expect(checkpoint()).toBeUndefined();
    const [status] = mapping.status().shards;
    expect(status).toMatchObject({ state: 'retrying', discardedBatches: 0 });
    expect(status?.lastError).toMatch(/failure destination.*access denied/);
    broken = false;
    await until(() => expect(checkpoint()).toBe('6'));
    expect(failures.kept.map(payloadTexts)).toEqual([['a', 'b']]);
  });

  it('does not delay close(), and the checkpoint does not pass the unstored records', async () => {
    const keep = vi.fn(() => Promise.reject(new Error('access denied')));
    const { invoke } = throwingAt('b');
    const { mapping, checkpoint } = start({ texts: six }, { settings, invoke, failures: { keep } });
    await until(() => expect(keep).toHaveBeenCalled());
    await mapping.close();
    expect(checkpoint()).toBeUndefined();
  });
});

describe('concurrent batches of a shard', () => {
  const keys = Array.from({ length: 40 }, (_, index) => `key${index}`);
  const texts = Array.from({ length: 20 }, (_, round) => keys.map((key) => `${key}:${round}`)).flat();
  const settings = { ...SETTINGS, batchSize: 5, parallelizationFactor: 4 };

  it('are limited by parallelizationFactor', async () => {
    let inFlight = 0;
    let maxInFlight = 0;
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    const { checkpoint } = start(
      { texts },
      {
        settings,
        async invoke() {
          maxInFlight = Math.max(maxInFlight, ++inFlight);
          await held;
          inFlight -= 1;
        },
      },
    );
    await until(() => expect(inFlight).toBe(4));
    release();
    await until(() => expect(checkpoint()).toBe(String(texts.length)));
    expect(maxInFlight).toBe(4);
  });

  it('continue while one batch fails, up to the read-ahead limit', async () => {
    const done: string[] = [];
    let isFixed = false;
    const { mapping, checkpoint } = start(
      { texts },
      {
        settings,
        async invoke(event) {
          if (!isFixed && textsOf(event).includes('key0:1')) throw new Error('stuck');
          done.push(...textsOf(event));
        },
      },
    );
    // The read-ahead limit: four batches of five records for each of four lanes. The mapping counts from the first
    // unprocessed record.
    const ahead = 4 * 4 * 5;
    const blocked = () =>
      texts.slice(0, ahead + Number(checkpoint() ?? 0)).filter((text) => !done.includes(text));
    await until(() => {
      expect(mapping.status().shards).toMatchObject([{ state: 'retrying', lastError: 'stuck' }]);
      expect(done.length).toBeGreaterThan(ahead / 2);
      // Of the records that were read, only those in the lane of key0 stay unprocessed.
      expect(blocked().length).toBeLessThan(ahead / 2);
    });
    expect(done).not.toContain('key0:1');
    expect(Number(checkpoint() ?? 0)).toBeLessThan(texts.indexOf('key0:1') + 1);
    expect(done.length).toBeLessThanOrEqual(ahead + Number(checkpoint() ?? 0));
    isFixed = true;
    await until(() => expect(checkpoint()).toBe(String(texts.length)));
    for (const key of keys) {
      const ofKey = done.filter((text) => text.startsWith(`${key}:`));
      expect(ofKey).toEqual(Array.from({ length: 20 }, (_, round) => `${key}:${round}`));
    }
    await until(() => expect(mapping.status().shards).toMatchObject([{ lastError: null, millisBehind: 0 }]));
  });
});
