import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPayloadFetch } from '../../lib/aws/payload-fetch.ts';
import type { FetchPayload } from '../../lib/stream/ports/fetch-payload.ts';
import { deleteRows } from '../fixtures/database/delete-rows.ts';
import { FAULT_DATABASES, type FaultDatabase } from './databases.ts';
import { createFaultyDatabase } from './faulty-database.ts';
import { startInvocation } from './invocation.ts';
import { type ObjectStore, SLOW_MS, startObjectStore } from './object-store.ts';
import { type FaultPlan, faultPlans } from './plan.ts';
import { type Invoke, pollShard } from './poll-shard.ts';
import { expectProgressToBeTrue, positionOf, readProgress } from './progress.ts';
import { readRows } from './rows.ts';
import { layOut, type PlannedStream } from './stream.ts';

/** Number of plans per database. Set `FAULT_PLANS=2000` for a long run. */
const PLANS = Number(process.env.FAULT_PLANS ?? 30);
/** The seed of the first plan. Each further plan has the next seed. A failure names its seed. */
const SEED = Number(process.env.FAULT_SEED ?? Date.now() % 1_000_000_000);

let objects: ObjectStore;
let fetchPayload: FetchPayload;
beforeAll(async () => {
  objects = await startObjectStore();
  fetchPayload = createPayloadFetch({
    policy: { regions: ['us-east-1'], ownOrigin: objects.origin },
    now: Date.now,
    sleep: async () => undefined,
    timeoutMs: SLOW_MS / 2,
    attempts: 2,
  });
});
afterAll(() => objects.close());

describe.each(FAULT_DATABASES)('the projection with random faults on $name', ({ open }) => {
  let opened: FaultDatabase;
  beforeAll(async () => {
    opened = await open();
  });
  afterAll(() => opened.close());

  it('writes the same rows as without faults, and quarantines each unprojectable event with its reason', {
    timeout: 60_000 + PLANS * 2_000,
  }, async () => {
    for (let seed = SEED; seed < SEED + PLANS; seed += 1) {
      const [plan] = fc.sample(fc.noBias(faultPlans), { seed, numRuns: 1 });
      if (plan) await expectToHold(plan, opened).catch(nameSeed(seed));
    }
  });
});

async function expectToHold(plan: FaultPlan, opened: FaultDatabase): Promise<void> {
  const tables = ['datasets', 'records', 'quarantine', 'dated_removals', 'stream_progress'];
  await deleteRows(
    opened.observer,
    tables.map((table) => `projection.${table}`),
  );
  const stream = layOut(plan, objects);
  await play(plan, stream, opened);
  expect(await readRows(opened.observer)).toEqual(stream.rows);
  expect(await readQuarantine(opened)).toEqual(quarantineOf(stream));
  expect(await readProgress(opened.observer)).toEqual(progressOf(stream));
}

/** Runs a plan until all its invocations have ended. */
async function play(
  { invocations, statements }: FaultPlan,
  stream: PlannedStream,
  { database, observer, endSessions }: FaultDatabase,
): Promise<void> {
  const faulty = createFaultyDatabase(database, statements, endSessions);
  const inFlight = new Set<Promise<unknown>>();
  const invoke: Invoke = async (records, kill) => {
    const { response, ended } = startInvocation(records, kill, { database: faulty, fetchPayload });
    inFlight.add(ended);
    const responded = await response;
    await expectProgressToBeTrue(stream, observer);
    return responded;
  };
  await Promise.all(
    stream.shards.map((records, shard) => pollShard(records, invocations[shard] ?? [], invoke)),
  );
  await Promise.all(inFlight);
}

async function readQuarantine({ observer }: FaultDatabase): Promise<unknown> {
  const { rows } = await observer.query(
    `SELECT shard_id, sequence_number, arrived_at, reason FROM query.quarantine
     ORDER BY shard_id, sequence_number`,
  );
  return rows;
}

function quarantineOf({ shards, quarantined }: PlannedStream): unknown {
  return shards.flat().flatMap((record) => {
    const reason = quarantined.get(record);
    return reason ? [{ ...positionOf(record), reason: expect.stringMatching(reason) }] : [];
  });
}

function progressOf({ shards }: PlannedStream): unknown {
  return shards.flatMap((records) => records.slice(-1).map(positionOf));
}

function nameSeed(seed: number): (error: unknown) => never {
  return (cause) => {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`FAULT_SEED=${seed} FAULT_PLANS=1 repeats this plan: ${message}`, { cause });
  };
}
