import type { KinesisStreamEvent } from 'aws-lambda';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { CheckpointStore } from '../../infra/local/event-source-mapping/checkpoint-file.ts';
import type { FailureDestination } from '../../infra/local/event-source-mapping/failure-destination.ts';
import { LOCAL_OPTIONS } from '../../infra/local/event-source-mapping/mapping-settings.ts';
import { startShardPoller } from '../../infra/local/event-source-mapping/shard-poller.ts';
import { SETTINGS, scriptedReader } from '../fixtures/aws/kinesis-scripted.ts';

const logger = { info: () => undefined, warn: () => undefined, error: () => undefined };
const tick = () => new Promise<void>((resolve) => setImmediate(resolve));

const scenario = fc.record({
  keys: fc.array(fc.integer({ min: 0, max: 7 }), { minLength: 1, maxLength: 60 }),
  parallelizationFactor: fc.integer({ min: 1, max: 10 }),
  batchSize: fc.integer({ min: 1, max: 12 }),
  bisectBatchOnFunctionError: fc.boolean(),
  reportBatchItemFailures: fc.boolean(),
  maximumRetryAttempts: fc.integer({ min: -1, max: 3 }),
  poison: fc.array(fc.nat({ max: 59 }), { maxLength: 3 }),
  /**
   * Numbers that decide which calls fail. Each number is used once. After the last number, only poison records fail.
   */
  dice: fc.array(fc.nat({ max: 99 }), { maxLength: 120 }),
  /** The process restarts after each of these numbers of invocations. */
  stops: fc.array(fc.integer({ min: 1, max: 10 }), { maxLength: 3 }),
});
type Scenario = typeof scenario extends fc.Arbitrary<infer Value> ? Value : never;

/** Runs a closed shard to its end, and checks the invariants on the way. */
async function play({ keys, poison, dice, stops, ...chosen }: Scenario) {
  const settings = { ...SETTINGS, ...chosen };
  const endless = settings.maximumRetryAttempts === -1;
  const roll = () => dice.pop() ?? 0;
  const settled = new Set<number>();
  const firstProcessed: number[] = [];
  const discarded: number[] = [];
  const inFlight = new Set<number>();
  let checkpoint: string | undefined;
  let invocations = 0;
  let lanesInFlight = 0;
  // The mapping handles errors of its dependencies, so broken invariants are reported through this promise.
  const { promise: violation, reject: reportViolation } = Promise.withResolvers<never>();
  violation.catch(() => undefined);
  const must = (invariant: () => void) => {
    try {
      invariant();
    } catch (error) {
      reportViolation(error);
    }
  };

  const settle = (number: number, into: number[]) => {
    if (!settled.has(number)) into.push(number);
    settled.add(number);
  };
  const keyOf = (number: number) => keys[number - 1];
  const numbersOf = (event: KinesisStreamEvent) =>
    event.Records.map(({ kinesis }) => Number(kinesis.sequenceNumber));

  const checkpoints: CheckpointStore = {
    startedAt: 0,
    get: () => checkpoint,
    async save(_shardId, sequenceNumber) {
      if (roll() > 90) throw new Error('no space left on device');
      const before = Array.from({ length: Number(sequenceNumber) }, (_, index) => index + 1);
      must(() => expect(before.filter((number) => !settled.has(number))).toEqual([]));
      must(() => expect(Number(sequenceNumber)).toBeGreaterThanOrEqual(Number(checkpoint ?? 0)));
      checkpoint = sequenceNumber;
    },
  };
  const failures: FailureDestination = {
    async keep({ payload, KinesisBatchInfo }) {
      if (roll() > 80) throw new Error('access denied');
      const numbers = numbersOf(JSON.parse(payload));
      const { startSequenceNumber, endSequenceNumber, batchSize } = KinesisBatchInfo;
      const info = [Number(startSequenceNumber), Number(endSequenceNumber), batchSize];
      must(() => expect(info).toEqual([numbers[0], numbers.at(-1), numbers.length]));
      must(() => expect(endless).toBe(false));
      for (const number of numbers) settle(number, discarded);
    },
  };

  async function invoke(event: KinesisStreamEvent): Promise<unknown> {
    const numbers = numbersOf(event);
    invocations += 1;
    must(() => expect(numbers.length).toBeLessThanOrEqual(settings.batchSize));
    must(() => expect(numbers).toEqual([...numbers].sort((one, other) => one - other)));
    const busy = new Set([...inFlight].map(keyOf));
    must(() => expect(numbers.map(keyOf).filter((key) => busy.has(key))).toEqual([]));
    const skipped = keys.flatMap((key, index) => {
      const after = numbers.find((number) => number > index + 1 && keyOf(number) === key);
      return after === undefined || settled.has(index + 1) || numbers.includes(index + 1) ? [] : [index + 1];
    });
    must(() => expect(skipped).toEqual([]));
    lanesInFlight += 1;
    must(() => expect(lanesInFlight).toBeLessThanOrEqual(settings.parallelizationFactor));
    for (const number of numbers) inFlight.add(number);
    for (let ticks = roll() % 4; ticks > 0; ticks--) await tick();
    for (const number of numbers) inFlight.delete(number);
    lanesInFlight -= 1;

    const poisoned = endless ? -1 : numbers.findIndex((number) => poison.includes(number));
    const fate = roll();
    if (fate > 75) throw new Error('out of luck');
    const failed = fate > 50 ? fate % numbers.length : poisoned;
    if (failed === -1) {
      for (const number of numbers) settle(number, firstProcessed);
      return undefined;
    }
    if (!settings.reportBatchItemFailures) throw new Error('poison');
    for (const number of numbers.slice(0, failed)) settle(number, firstProcessed);
    return { batchItemFailures: [{ itemIdentifier: String(numbers[failed]) }] };
  }

  const shards = new Map([['s0', { texts: keys.map((key) => `${key}:`), closed: true }]]);
  const start = () =>
    startShardPoller('s0', checkpoint, {
      reader: scriptedReader(shards).reader,
      streamName: 'stream',
      streamArn: 'arn:aws:kinesis:us-east-1:000000000000:stream/stream',
      region: 'us-east-1',
      functionName: 'function',
      settings,
      options: LOCAL_OPTIONS,
      invoke,
      checkpoints,
      failures,
      logger,
      now: () => 0,
      random: () => 0,
      sleep: tick,
    });
  for (const stop of stops) {
    const poller = start();
    const until = invocations + stop;
    const ended = poller.ended.then(() => true);
    while (invocations < until && !(await Promise.race([ended, violation, tick().then(() => false)])));
    poller.stop();
    await poller.ended;
  }
  const poller = start();
  expect(await Promise.race([poller.ended, violation]).finally(poller.stop)).toBe('drained');
  expect(poller.status()).toMatchObject({ state: 'drained', lastError: null, millisBehind: 0 });
  return { checkpoint, firstProcessed, discarded, keyOf, endless };
}

it('the shard poller keeps the order of each key and loses no record under failures, with any number of lanes (concurrent batches)', async () => {
  const check = async (chosen: Scenario) => {
    const count = chosen.keys.length;
    const { checkpoint, firstProcessed, discarded, keyOf, endless } = await play({
      ...chosen,
      dice: [...chosen.dice],
    });
    expect(checkpoint).toBe(String(count));
    expect([...firstProcessed, ...discarded].sort((one, other) => one - other)).toEqual(
      Array.from({ length: count }, (_, index) => index + 1),
    );
    if (endless) expect(discarded).toEqual([]);
    for (const key of new Set(chosen.keys)) {
      const ofKey = firstProcessed.filter((number) => keyOf(number) === key);
      expect(ofKey).toEqual([...ofKey].sort((one, other) => one - other));
    }
  };
  await fc.assert(fc.asyncProperty(scenario, check), { numRuns: 300 });
});
