import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKinesisReader } from '../../../lib/aws/kinesis-reader.ts';
import { createKinesisStreamReader } from '../../../lib/aws/stream-reader.ts';
import type { Database } from '../../../lib/database/database.ts';
import { checkOrigin } from '../../../lib/move/check-origin.ts';
import type { MoveStore } from '../../../lib/move/ports/move-store.ts';
import type { Origin } from '../../../lib/move/ports/origin.ts';
import { createMoveStore } from '../../../lib/move/store/move-store.ts';
import { type KinesisEmulator, startKinesisEmulator } from '../../fixtures/aws/kinesis-emulator.ts';
import { SERVICE_DATABASES } from '../../fixtures/database/databases.ts';
import { newPool } from '../../fixtures/identity/identity-pools.ts';
import { failure, scriptedOrigin } from './scripted-origin.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

describe.each(SERVICE_DATABASES)('the check of which origin events are applied, on $name', ({ open }) => {
  let database: Database;
  let store: MoveStore;
  let kinesis: KinesisEmulator;
  beforeAll(async () => {
    database = await open();
    store = createMoveStore(database, { offloading: null, now: Date.now });
    kinesis = await startKinesisEmulator();
  });
  afterAll(async () => {
    await kinesis.close();
    await database.close();
  });

  /** Creates a pool that was copied from the returned origin or from `copiedFrom`. The stream has two shards. */
  async function moving(calls: Partial<Origin> = {}, copiedFrom?: string) {
    const pool = await newPool(database);
    const streamName = await kinesis.createStream(2);
    const origin = { ...scriptedOrigin(pool, {}), name: streamName, streamName, ...calls };
    const about = { origin: copiedFrom ?? streamName, holder: 'test', now: Date.now(), until: 0 };
    await store.takeLease(pool, about);
    return { pool, origin, streamName };
  }
  const streaming = (origin: Origin, streamName: string | null): Origin => ({
    ...origin,
    readPool: async (pool) => ({
      ...(await origin.readPool(pool)),
      streaming: { isEnabled: streamName !== null, streamName, roleArn: null },
    }),
  });
  /** @param laterMs how much later than now the check is */
  async function check(origin: Origin, laterMs: number) {
    const problems: [string, string][] = [];
    const outcome = await checkOrigin({
      store,
      origin,
      streams: createKinesisStreamReader(kinesis.client),
      now: () => Date.now() + laterMs,
      onProblem: (pool, problem) => problems.push([pool, problem]),
    });
    return { ...outcome, problems };
  }
  const caughtUp = async (pool: string) => (await store.readPool(pool, 0))?.caughtUpTo;

  /** Saves the position of the last record of each shard, as the function `follow-origin` does after it applied it. */
  async function applyAll(streamName: string) {
    const reader = createKinesisReader(kinesis.client);
    for (const { shardId } of await reader.listShards(streamName)) {
      const iterator = await reader.openIterator(streamName, shardId, { type: 'TRIM_HORIZON' });
      const last = (await reader.getRecords(iterator, 100)).records.at(-1);
      if (!last) continue;
      const { sequenceNumber, arrivedAt } = last;
      await store.saveShard(streamName, {
        streamName,
        shardId,
        sequenceNumber,
        arrivedAt: arrivedAt.getTime(),
      });
    }
  }
  const TEXTS = Array.from({ length: 20 }, (_, index) => `key-${index}:event`);

  it('saves up to when all events are applied, and saves nothing while events of one shard wait', async () => {
    const { pool, origin: scripted, streamName } = await moving();
    const origin = streaming(scripted, streamName);
    await kinesis.put(streamName, TEXTS);
    await check(origin, 2 * MINUTE);
    expect(await caughtUp(pool)).toBeNull();
    await applyAll(streamName);
    const [shardId = '', last = ''] = [...(await store.readShards(streamName, streamName))][0] ?? [];
    expect(last).not.toBe('');
    const startedAt = Date.now();
    expect((await check(origin, 2 * MINUTE)).problems).toEqual([]);
    const upTo = await caughtUp(pool);
    expect(upTo).toBeGreaterThanOrEqual(startedAt + MINUTE);
    // A late invocation of `follow-origin` does not move the saved position back.
    await store.saveShard(streamName, { streamName, shardId, sequenceNumber: '1', arrivedAt: 1 });
    expect((await store.readShards(streamName, streamName)).get(shardId)).toBe(last);
    await kinesis.put(streamName, ['key-1:late']);
    await check(origin, 3 * MINUTE);
    expect(await caughtUp(pool)).toBe(upTo);
  });

  it('measures how long the oldest event of all shards has been waiting, even if nothing is ever applied', async () => {
    const { origin: scripted, streamName } = await moving();
    const origin = streaming(scripted, streamName);
    expect((await check(origin, 0)).lagMs).toBe(0);
    await kinesis.put(streamName, TEXTS);
    await applyAll(streamName);
    expect((await check(origin, 20 * MINUTE)).lagMs).toBe(0);
    await kinesis.put(streamName, ['key-1:waits']);
    const { lagMs } = await check(origin, 20 * MINUTE);
    expect(lagMs).toBeGreaterThan(19 * MINUTE);
    expect(lagMs).toBeLessThan(21 * MINUTE);
  });

  it('returns no lag if no pool is being migrated from this origin', async () => {
    const { origin, streamName } = await moving({}, 'https://another.example.com');
    await kinesis.put(streamName, TEXTS);
    expect((await check(origin, 20 * MINUTE)).lagMs).toBeNull();
  });

  it('does not wait for events that have just arrived', async () => {
    const { pool, origin, streamName } = await moving();
    await kinesis.put(streamName, TEXTS);
    await check(streaming(origin, streamName), 0);
    expect(await caughtUp(pool)).toEqual(expect.any(Number));
  });

  it('reports that events are missing if events waited for longer than the stream keeps them', async () => {
    const { pool, origin: scripted, streamName } = await moving();
    const origin = streaming(scripted, streamName);
    await check(origin, 0);
    const upTo = await caughtUp(pool);
    await check(origin, 2 * DAY);
    expect((await store.readPool(pool, 0))?.gapSince).toBe(upTo);
    expect((await check(origin, 2 * DAY)).withGap).toBeGreaterThan(0);
  });

  it('reports a pool that no longer streams, and a pool that was copied from another origin', async () => {
    const first = await moving();
    const { problems } = await check(streaming(first.origin, null), 0);
    expect(problems).toContainEqual([first.pool, expect.stringContaining('does not stream')]);
    const second = await moving({}, 'https://another.example.com');
    const found = await check(second.origin, 0);
    expect(found.problems).toContainEqual([second.pool, expect.stringContaining('another.example.com')]);
    expect(found.notFollowed).toBeGreaterThan(0);
  });

  it('fails if the origin does not return the settings of a pool', async () => {
    const { origin } = await moving();
    const readPool: Origin['readPool'] = async () => {
      throw failure('unavailable');
    };
    await expect(check({ ...origin, readPool }, 0)).rejects.toThrow('scripted');
  });
});
