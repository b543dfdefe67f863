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
  /** What goes wrong in turn; when they are used up, only poison does. */
  dice: fc.array(fc.nat({ max: 99 }), { maxLength: 120 }),
  /** After how many invocations the process ends and begins again. */
  stops: fc.array(fc.integer({ min: 1, max: 10 }), { maxLength: 3 }),
});
type Scenario = typeof scenario extends fc.Arbitrary<infer Value> ? Value : never;

/** Runs a closed shard to its end, and checks on the way what must hold at every moment. */
async function play({ keys, poison, dice, stops, ...chosen }: Scenario) {
  const settings = { ...SETTINGS, ...chosen };
  const endless = settings.maximumRetryAttempts === -1;
  const roll = () => dice.pop() ?? 0;
  const settled = new Set<number>();
  const firstProcessed: number[] = [];
  const discarded: number[] = [];
  const underWay = new Set<number>();
  let checkpoint: string | undefined;
  let invocations = 0;
  let lanesUnderWay = 0;
  // What the mapping is given may throw, and it goes on: a broken rule has to be told past it.
  const { promise: ruleBroken, reject: breakRule } = Promise.withResolvers<never>();
  ruleBroken.catch(() => undefined);
  const must = (rule: () => void) => {
    try {
      rule();
    } catch (error) {
      breakRule(error);
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
    const busy = new Set([...underWay].map(keyOf));
    must(() => expect(numbers.map(keyOf).filter((key) => busy.has(key))).toEqual([]));
    const skipped = keys.flatMap((key, index) => {
      const after = numbers.find((number) => number > index + 1 && keyOf(number) === key);
      return after === undefined || settled.has(index + 1) || numbers.includes(index + 1) ? [] : [index + 1];
    });
    must(() => expect(skipped).toEqual([]));
    lanesUnderWay += 1;
    must(() => expect(lanesUnderWay).toBeLessThanOrEqual(settings.parallelizationFactor));
    for (const number of numbers) underWay.add(number);
    for (let ticks = roll() % 4; ticks > 0; ticks--) await tick();
    for (const number of numbers) underWay.delete(number);
    lanesUnderWay -= 1;

    const spoilt = endless ? -1 : numbers.findIndex((number) => poison.includes(number));
    const fate = roll();
    if (fate > 75) throw new Error('out of luck');
    const failed = fate > 50 ? fate % numbers.length : spoilt;
    if (failed === -1) {
      for (const number of numbers) settle(number, firstProcessed);
      return undefined;
    }
    if (!settings.reportBatchItemFailures) throw new Error('poison');
    for (const number of numbers.slice(0, failed)) settle(number, firstProcessed);
    return { batchItemFailures: [{ itemIdentifier: String(numbers[failed]) }] };
  }

  const shards = new Map([['s0', { texts: keys.map((key) => `${key}:`), closed: true }]]);
  const begin = () =>
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
    const poller = begin();
    const until = invocations + stop;
    const ended = poller.ended.then(() => true);
    while (invocations < until && !(await Promise.race([ended, ruleBroken, tick().then(() => false)])));
    poller.stop();
    await poller.ended;
  }
  const poller = begin();
  expect(await Promise.race([poller.ended, ruleBroken]).finally(poller.stop)).toBe('drained');
  expect(poller.status()).toMatchObject({ state: 'drained', lastError: null, millisBehind: 0 });
  return { checkpoint, firstProcessed, discarded, keyOf, endless };
}

it('keeps the order of every key and loses no record, whatever fails, in however many lanes', async () => {
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
