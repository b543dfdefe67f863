import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Database } from '../../lib/database/database.ts';
import {
  forgetPublishes,
  inProgress,
  openPoller,
  SHARD,
  succeeded,
} from '../fixtures/backfill/publish-poller.ts';
import { SERVICE_DATABASES } from '../fixtures/database/databases.ts';
import { NEW_YEAR, POOL } from '../fixtures/sync/stream-events.ts';

vi.setConfig({ testTimeout: 120_000 });

/** A step on a stream or in its projection. `shard` is taken modulo the number of shards. */
type Step = { afterMs: number } & (
  | { kind: 'arrive'; shard: number; count: number }
  | { kind: 'project'; shard: number; count: number }
  | { kind: 'quarantine'; shard: number }
  | { kind: 'redrive' }
  | { kind: 'split'; shard: number }
  | { kind: 'complete' }
  | { kind: 'poll' }
);

const shard = fc.nat(7);
const count = fc.integer({ min: 1, max: 4 });
const ARRIVE = fc.record({ kind: fc.constant('arrive' as const), shard, count });
const PROJECT = fc.record({ kind: fc.constant('project' as const), shard, count });
const QUARANTINE = fc.record({ kind: fc.constant('quarantine' as const), shard });
const REDRIVE = fc.record({ kind: fc.constant('redrive' as const) });
const SPLIT = fc.record({ kind: fc.constant('split' as const), shard });
const POLL = fc.record({ kind: fc.constant('poll' as const) });
const RUNNING = fc.oneof(ARRIVE, ARRIVE, ARRIVE, PROJECT, PROJECT, QUARANTINE, REDRIVE, SPLIT, POLL);
const ENDED = fc.oneof(ARRIVE, PROJECT, PROJECT, PROJECT, QUARANTINE, REDRIVE, REDRIVE, SPLIT);

/** Generates steps while the bulk publish runs, its end, and later steps, each of which is followed by a poll. */
const histories: fc.Arbitrary<Step[]> = fc
  .tuple(
    fc.array(fc.tuple(RUNNING, fc.integer({ min: 1, max: 2_000 })), { minLength: 1, maxLength: 15 }),
    fc.integer({ min: 1, max: 1_500 }),
    fc.array(fc.tuple(ENDED, fc.integer({ min: 1, max: 5_000 })), { maxLength: 12 }),
  )
  .map(([running, afterMs, ended]) => [
    ...running.map(([step, pause]): Step => ({ ...step, afterMs: pause })),
    { kind: 'complete', afterMs },
    ...ended.flatMap(([step, pause]): Step[] => [
      { ...step, afterMs: pause },
      { kind: 'poll', afterMs: 1 },
    ]),
  ]);

interface ModelShard {
  shardId: string;
  isOpen: boolean;
  /** The arrival time of each event. */
  events: number[];
  projected: number;
}

/** Creates the poller under test, and a model of its stream that knows which events are not projected yet. */
function openModel(database: Database) {
  const poller = openPoller(database);
  const shards: ModelShard[] = [{ shardId: SHARD, isOpen: true, events: [], projected: 0 }];
  let quarantined: number[] = [];
  let completedAt: number | null = null;
  poller.pool().details = inProgress(NEW_YEAR);

  async function project(target: ModelShard, count: number): Promise<void> {
    const projected = Math.min(target.events.length, target.projected + count);
    if (projected === target.projected) return;
    target.projected = projected;
    await poller.project(projected, target.shardId);
  }

  function split(target: ModelShard): void {
    target.isOpen = false;
    poller.shards.set(target.shardId, {
      ...(poller.shards.get(target.shardId) ?? { texts: [] }),
      closed: true,
    });
    for (const side of ['a', 'b']) {
      const child = { shardId: `${target.shardId}${side}`, isOpen: true, events: [], projected: 0 };
      shards.push(child);
      poller.shards.set(child.shardId, { texts: [] });
    }
  }

  async function quarantine(target: ModelShard): Promise<void> {
    const event = target.events[target.projected];
    if (event === undefined) return;
    quarantined.push(event);
    await poller.quarantine(event);
    await project(target, 1);
  }

  async function isProjected(): Promise<boolean> {
    const { rows } = await database.query(
      `SELECT 1 FROM projection.bulk_publishes WHERE identity_pool_id = $1 AND completeness = 'projected'`,
      [POOL],
    );
    return rows.length > 0;
  }

  /** Returns the events that arrived before the end of the publish and are not in the query store. */
  function missing(): number[] {
    const waiting = shards.flatMap(({ events, projected }) => events.slice(projected));
    return [...waiting, ...quarantined].filter((at) => at <= (completedAt ?? 0));
  }

  async function redrive(): Promise<void> {
    quarantined = [];
    await database.query('UPDATE projection.quarantine SET redriven_at = now()');
  }

  return {
    async step(step: Step): Promise<void> {
      poller.clock.now += step.afterMs;
      const { now } = poller.clock;
      const open = shards.filter(({ isOpen }) => isOpen);
      const chosen = 'shard' in step ? shards[step.shard % shards.length] : undefined;
      const chosenOpen = 'shard' in step ? open[step.shard % open.length] : undefined;
      if (step.kind === 'arrive' && chosenOpen) {
        for (let count = 0; count < step.count; count += 1) {
          chosenOpen.events.push(now);
          poller.arrive(now, chosenOpen.shardId);
        }
      } else if (step.kind === 'project' && chosen) await project(chosen, step.count);
      else if (step.kind === 'quarantine' && chosen) await quarantine(chosen);
      else if (step.kind === 'redrive') await redrive();
      else if (step.kind === 'split' && chosenOpen && shards.length < 8) split(chosenOpen);
      else if (step.kind === 'complete' && completedAt === null) {
        completedAt = now;
        poller.pool().details = succeeded(NEW_YEAR, now);
      } else if (step.kind === 'poll') {
        expect((await poller.poll()).failures).toEqual([]);
        if (await isProjected()) expect(missing()).toEqual([]);
      }
    },
    /** Projects all events, and expects that the next poll marks the bulk publish as projected. */
    async finish(): Promise<void> {
      await this.step({ kind: 'complete', afterMs: 1 });
      await redrive();
      for (const one of shards) await project(one, one.events.length);
      await this.step({ kind: 'poll', afterMs: 5_000 });
      expect(await isProjected()).toBe(true);
    },
  };
}

describe.each(SERVICE_DATABASES)('a bulk publish on $name', ({ open }) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());

  it('counts as projected exactly when all events before its end are in the query store, even if shards split', async () => {
    await fc.assert(
      fc
        .asyncProperty(histories, async (all) => {
          const model = openModel(database);
          for (const step of all) await model.step(step);
          await model.finish();
        })
        .beforeEach(() => forgetPublishes(database)),
      { numRuns: 150 },
    );
  });
});
