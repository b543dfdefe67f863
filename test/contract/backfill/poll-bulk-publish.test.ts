import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SyncClientCondition } from '../../../lib/backfill/sync-client.ts';
import type { Database } from '../../../lib/database/database.ts';
import {
  DAY,
  failed,
  forgetPublishes,
  HOUR,
  inProgress,
  MINUTE,
  NEVER,
  OTHER_POOL,
  openPoller,
  type Poller,
  refusal,
  SECOND,
  SHARD,
  scriptedPool,
  succeeded,
  unreadable,
} from '../../fixtures/backfill/publish-poller.ts';
import { openDatabase } from '../../fixtures/database/databases.ts';
import { NEW_YEAR, POOL } from '../../fixtures/sync/stream-events.ts';

const START = NEW_YEAR + HOUR;
const END = START + MINUTE;
const CONDITIONS: SyncClientCondition[] = [
  'not-found',
  'not-authorized',
  'credentials',
  'throttled',
  'unavailable',
  'refused',
];

describe('the poller of bulk publishes', () => {
  let database: Database;
  let poller: Poller;
  beforeAll(async () => {
    database = await openDatabase();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await forgetPublishes(database);
    poller = openPoller(database);
  });

  const runs = async (pool = POOL) =>
    (
      await database.query(
        `SELECT status, completeness, waiting_for, started_at, completed_at, projected_at, failure_message
         FROM query.bulk_publishes WHERE identity_pool_id = $1 ORDER BY started_at`,
        [pool],
      )
    ).rows;
  const gaps = async (pool = POOL) =>
    (
      await database.query(
        'SELECT cause, since, until FROM query.gaps WHERE identity_pool_id = $1 ORDER BY since, cause',
        [pool],
      )
    ).rows;
  const told = ({ transitions }: Awaited<ReturnType<Poller['poll']>>) => transitions.map(({ to }) => to);
  /** A poll after the run of these tests is over. */
  const pollAfter = (ms = 5 * SECOND, options = {}) => {
    poller.clock.now = END + ms;
    return poller.poll(options);
  };

  describe('a pool that streams to another stream than the one that is projected', () => {
    const pollHere = (options = {}) => poller.poll({ streamName: 'cognito-sync', ...options });
    const streamTo = (streamName: string) => {
      poller.pool().streaming = { isEnabled: true, streamName, roleArn: null };
    };

    it('is left alone: no bulk publish or gap of it is kept, its stream is not read, nothing is started', async () => {
      streamTo('of-another-team');
      poller.pool().details = succeeded(START, END);
      poller.fault.of = () => new Error('the stream of another team was read');
      const outcome = await pollHere({ policy: { kind: 'first' } });
      expect(outcome).toMatchObject({ elsewhere: [POOL], failures: [], transitions: [], gaps: [] });
      expect(poller.starts).toEqual([]);
      expect(poller.opened).toEqual([]);
      expect(await runs()).toEqual([]);
      expect(await gaps()).toEqual([]);
    });

    it('has a gap if it streamed here before, which ends when it comes back', async () => {
      await pollHere();
      streamTo('of-another-team');
      poller.clock.now += MINUTE;
      expect((await pollHere()).gaps).toHaveLength(1);
      poller.clock.now += MINUTE;
      expect((await pollHere()).gaps).toEqual([]);
      expect(await gaps()).toMatchObject([{ cause: 'streaming-off', until: null }]);
      // One that was published meanwhile was published there, and proves nothing.
      poller.pool().details = succeeded(poller.clock.now + MINUTE, poller.clock.now + 2 * MINUTE);
      streamTo('cognito-sync');
      poller.clock.now += HOUR;
      await pollHere();
      expect(await gaps()).toMatchObject([{ until: new Date(poller.clock.now) }]);
    });

    it('has no bulk publish of there called projected here, once it comes', async () => {
      streamTo('of-another-team');
      await pollHere();
      poller.clock.now += HOUR;
      poller.pool().details = succeeded(poller.clock.now - 2 * MINUTE, poller.clock.now - MINUTE);
      streamTo('cognito-sync');
      expect(told(await pollHere())).not.toContain('projected');
      poller.clock.now += MINUTE;
      expect(told(await pollHere())).not.toContain('projected');
      expect(await runs()).toMatchObject([{ status: 'SUCCEEDED', completeness: 'unknown' }]);
    });

    it('has none of there called projected by somebody who watches it, either', async () => {
      streamTo('of-another-team');
      await pollHere();
      poller.clock.now += HOUR;
      poller.pool().details = succeeded(poller.clock.now - 2 * MINUTE, poller.clock.now - MINUTE);
      streamTo('cognito-sync');
      const watch = () => poller.poll({ keepsStreaming: false });
      expect([...told(await watch()), ...told(await watch())]).not.toContain('projected');
      expect(await runs()).toMatchObject([{ completeness: 'unknown' }]);
    });

    it('has none called projected that was under way when it came, as that may have begun there', async () => {
      streamTo('of-another-team');
      await pollHere();
      poller.clock.now += HOUR;
      const begun = poller.clock.now - SECOND;
      poller.pool().details = inProgress(begun);
      streamTo('cognito-sync');
      expect(told(await pollHere())).toEqual(['IN_PROGRESS']);
      poller.clock.now += MINUTE;
      poller.pool().details = succeeded(begun, poller.clock.now - SECOND);
      expect(told(await pollHere())).toEqual(['SUCCEEDED']);
      poller.clock.now += MINUTE;
      expect(told(await pollHere())).toEqual([]);
      expect(await runs()).toMatchObject([
        { completeness: 'unknown', waiting_for: 'its stream is not known' },
      ]);
    });

    it('has one that begins after a look here followed like any other', async () => {
      streamTo('of-another-team');
      await pollHere();
      streamTo('cognito-sync');
      poller.clock.now += MINUTE;
      await pollHere();
      const begun = poller.clock.now + SECOND;
      poller.clock.now += HOUR;
      poller.pool().details = succeeded(begun, begun + SECOND);
      expect(told(await pollHere())).toEqual(['SUCCEEDED', 'projected']);
    });

    it('has its gap neither ended nor made twice by somebody who watches it', async () => {
      await pollHere();
      streamTo('of-another-team');
      for (let look = 0; look < 3; look += 1) {
        poller.clock.now += MINUTE;
        await pollHere();
        poller.clock.now += MINUTE;
        await poller.poll({ keepsStreaming: false });
      }
      expect(await gaps()).toMatchObject([{ cause: 'streaming-off', until: null }]);
    });
  });

  describe('the status of a run', () => {
    it('is not kept of a pool that was never published', async () => {
      expect(await poller.poll()).toMatchObject({ pools: 1, transitions: [], failures: [] });
      expect(await runs()).toEqual([]);
    });

    it('is followed from its beginning until all of it is projected, each step told once', async () => {
      poller.clock.now = START;
      poller.pool().details = inProgress(START);
      expect(told(await poller.poll())).toEqual(['IN_PROGRESS']);
      expect(told(await poller.poll())).toEqual([]);
      expect(await runs()).toMatchObject([
        {
          status: 'IN_PROGRESS',
          completeness: 'waiting',
          waiting_for: 'the service, which is still publishing',
        },
      ]);
      poller.arrive(START + SECOND);
      poller.pool().details = succeeded(START, END);
      expect(told(await pollAfter())).toEqual(['SUCCEEDED']);
      expect(await runs()).toMatchObject([
        {
          status: 'SUCCEEDED',
          completeness: 'waiting',
          waiting_for: `shard ${SHARD} is 1 event behind`,
          completed_at: new Date(END),
          projected_at: null,
        },
      ]);
      await poller.project(1);
      expect(told(await pollAfter(MINUTE))).toEqual(['projected']);
      expect(told(await pollAfter(2 * MINUTE))).toEqual([]);
      expect(await runs()).toEqual([
        {
          status: 'SUCCEEDED',
          completeness: 'projected',
          waiting_for: null,
          started_at: new Date(START),
          completed_at: new Date(END),
          projected_at: new Date(END + MINUTE),
          failure_message: null,
        },
      ]);
    });

    it('is kept with why it failed, of each run that did', async () => {
      for (const [index, message] of ['first', 'second'].entries()) {
        poller.pool().details = failed(START + index, message);
        expect(told(await poller.poll())).toEqual(['FAILED']);
        expect(told(await poller.poll())).toEqual([]);
      }
      expect(await runs()).toMatchObject([
        { status: 'FAILED', failure_message: 'first', completeness: 'unknown', waiting_for: null },
        { status: 'FAILED', failure_message: 'second', completeness: 'unknown', waiting_for: null },
      ]);
    });

    it('is UNSEEN where a newer run began before its end was seen', async () => {
      poller.pool().details = inProgress(START);
      await poller.poll();
      poller.pool().details = succeeded(START + DAY, START + DAY + MINUTE);
      expect(told(await poller.poll())).toEqual(['UNSEEN', 'SUCCEEDED', 'projected']);
      expect(await runs()).toMatchObject([
        { status: 'UNSEEN', completeness: 'unknown' },
        { status: 'SUCCEEDED' },
      ]);
    });

    it('is UNSEEN where the pool under its id was made anew', async () => {
      poller.pool().details = inProgress(START);
      await poller.poll();
      poller.pool().details = NEVER;
      expect(told(await poller.poll())).toEqual(['UNSEEN']);
      expect(await runs()).toMatchObject([{ status: 'UNSEEN' }]);
    });

    it('is not taken back by an answer that is late', async () => {
      poller.pool().details = succeeded(START, END);
      await poller.poll();
      poller.pool().details = inProgress(START);
      expect(told(await poller.poll())).toEqual([]);
      poller.pool().details = succeeded(START - DAY, END - DAY);
      await poller.poll();
      expect(await runs()).toMatchObject([{ status: 'SUCCEEDED' }, { status: 'SUCCEEDED' }]);
    });
  });

  describe('a run that has succeeded', () => {
    beforeEach(() => {
      poller.pool().details = succeeded(START, END);
    });

    it('is projected where the stream holds nothing', async () => {
      expect(told(await pollAfter())).toEqual(['SUCCEEDED', 'projected']);
    });

    it('is not looked at until what was put on the stream can be read', async () => {
      expect(told(await pollAfter(SECOND))).toEqual(['SUCCEEDED']);
      expect(poller.opened).toEqual([]);
      expect(told(await pollAfter(5 * SECOND))).toEqual(['projected']);
    });

    it('waits for what arrived before its end, and for nothing that arrived later', async () => {
      for (const at of [START - HOUR, START, END, END + 30 * SECOND]) poller.arrive(at);
      await poller.project(1);
      await pollAfter(MINUTE);
      expect(await runs()).toMatchObject([{ waiting_for: `shard ${SHARD} is 2 events behind` }]);
      await poller.project(2);
      await pollAfter(MINUTE);
      expect(await runs()).toMatchObject([{ waiting_for: `shard ${SHARD} is 1 event behind` }]);
      await poller.project(3);
      await pollAfter(MINUTE);
      expect(await runs()).toMatchObject([{ completeness: 'projected' }]);
    });

    it('waits for every shard: those never projected, closed ones, and those that came meanwhile', async () => {
      poller.shards.set('closed', { texts: [], closed: true });
      for (const shardId of ['closed', SHARD, 'child', 'other']) poller.arrive(START, shardId);
      await pollAfter();
      expect(await runs()).toMatchObject([
        {
          waiting_for: `shard ${SHARD} is 1 event behind, shard closed is 1 event behind, shard child is 1 event behind, 1 more shards`,
        },
      ]);
      for (const shardId of [SHARD, 'child', 'other']) await poller.project(1, shardId);
      await pollAfter();
      expect(await runs()).toMatchObject([{ waiting_for: 'shard closed is 1 event behind' }]);
      await poller.project(1, 'closed');
      await pollAfter();
      expect(await runs()).toMatchObject([{ completeness: 'projected' }]);
    });

    it('does not wait for what was left on a shard that was closed before it began', async () => {
      poller.shards.set('closed', { texts: [], closed: true });
      for (let index = 0; index < 250; index += 1) poller.arrive(START - HOUR, 'closed');
      await pollAfter();
      expect(await runs()).toMatchObject([{ completeness: 'projected' }]);
    });

    it('waits for its events in quarantine, and those of nobody knows which pool, until they are redriven', async () => {
      await poller.quarantine(START + SECOND);
      await poller.quarantine(END, null);
      await poller.quarantine(START + SECOND, OTHER_POOL);
      await poller.quarantine(START - MINUTE);
      await poller.quarantine(END + MINUTE);
      await pollAfter(2 * MINUTE);
      expect(await runs()).toMatchObject([{ waiting_for: '2 events in quarantine' }]);
      await database.query('UPDATE projection.quarantine SET redriven_at = now()');
      expect(told(await pollAfter(2 * MINUTE))).toEqual(['projected']);
    });

    it('waits for batches that the mapping has given up', async () => {
      poller.stream.failedBatches = 2;
      await pollAfter();
      expect(await runs()).toMatchObject([{ completeness: 'waiting', waiting_for: '2 failed batches' }]);
      poller.stream.failedBatches = 0;
      expect(told(await pollAfter())).toEqual(['projected']);
    });

    it('does not read the shards again once they were past it, while it waits for other things', async () => {
      poller.arrive(START);
      await poller.project(1);
      await poller.quarantine(START);
      await pollAfter();
      const reads = poller.opened.length;
      // Beyond the retention, when nobody could read them any more.
      expect((await pollAfter(2 * DAY)).stalled).toBe(1);
      await database.query('UPDATE projection.quarantine SET redriven_at = now()');
      expect(told(await pollAfter(2 * DAY))).toEqual(['projected']);
      // What is quiet for so long is looked at once, whether anything has expired.
      expect(poller.opened.length).toBe(reads + 1);
    });

    it('stalls when nothing has moved for a quarter of an hour, and goes on when something does', async () => {
      for (let index = 0; index < 3; index += 1) poller.arrive(START);
      await pollAfter();
      await pollAfter(14 * MINUTE);
      expect(await runs()).toMatchObject([{ completeness: 'waiting' }]);
      await poller.project(1);
      expect(told(await pollAfter(16 * MINUTE))).toEqual([]);
      expect(told(await pollAfter(31 * MINUTE))).toEqual(['stalled']);
      expect(await pollAfter(32 * MINUTE)).toMatchObject({ transitions: [], stalled: 1 });
      await poller.project(2);
      expect(await pollAfter(33 * MINUTE)).toMatchObject({ transitions: [{ to: 'waiting' }], stalled: 0 });
    });

    it('neither stalls nor fails by a clock that is set back', async () => {
      poller.arrive(START);
      await pollAfter(10 * MINUTE);
      poller.clock.now = START - DAY;
      expect(await poller.poll()).toMatchObject({ failures: [], transitions: [], stalled: 0 });
      poller.clock.now += 14 * MINUTE;
      expect(await poller.poll()).toMatchObject({ transitions: [], stalled: 0 });
      await poller.project(1);
      expect(told(await poller.poll())).toEqual(['projected']);
    });

    it('is unknown where batches of a shard are projected side by side', async () => {
      poller.arrive(START);
      expect(told(await pollAfter(MINUTE, { parallelizationFactor: 2 }))).toEqual(['SUCCEEDED', 'unknown']);
      expect(poller.opened).toEqual([]);
      await poller.project(1, SHARD, false);
      expect(told(await pollAfter())).toEqual([]);
      expect(await runs()).toMatchObject([
        {
          completeness: 'unknown',
          waiting_for: 'batches of one shard are projected side by side, nobody knows how far',
        },
      ]);
      await poller.project(1);
      expect(told(await pollAfter())).toEqual(['projected']);
    });

    it('is unknown where it was first seen when the stream may have lost it', async () => {
      expect(told(await pollAfter(DAY))).toEqual(['SUCCEEDED', 'unknown']);
      expect(await runs()).toMatchObject([
        {
          waiting_for:
            'its records may have left the stream before anybody looked, or went with a stream since made anew',
        },
      ]);
      expect(told(await pollAfter(DAY))).toEqual([]);
    });

    it('is unknown for good where the stream was made anew before all of it was seen projected', async () => {
      poller.arrive(START);
      poller.pool().details = succeeded(START, END);
      expect(told(await pollAfter())).toEqual(['SUCCEEDED']);
      poller.shards.set(SHARD, { texts: [] });
      poller.stream.createdAt = END + MINUTE;
      expect(told(await pollAfter(2 * MINUTE))).toEqual(['unknown']);
      expect(told(await pollAfter(3 * MINUTE))).toEqual([]);
    });

    it('is projected, however old, where every shard is projected beyond it, or the stream keeps it so long', async () => {
      poller.stream.retentionMs = 7 * DAY;
      expect(told(await pollAfter(DAY))).toEqual(['SUCCEEDED', 'projected']);
      await forgetPublishes(database);
      poller.stream.retentionMs = DAY;
      poller.arrive(END + HOUR);
      await poller.project(1);
      expect(told(await pollAfter(DAY))).toEqual(['SUCCEEDED', 'projected']);
    });

    it('needs not be waited for once a newer one is projected', async () => {
      await poller.quarantine(START);
      await pollAfter();
      poller.clock.now = END + DAY;
      poller.pool().details = succeeded(END + HOUR, END + 2 * HOUR);
      expect(told(await poller.poll())).toEqual(['SUCCEEDED', 'projected', 'stalled']);
      expect(await poller.poll()).toMatchObject({ transitions: [], stalled: 0 });
    });

    it('is unknown where nobody knows its stream', async () => {
      poller.pool().streaming = { isEnabled: false, streamName: null, roleArn: null };
      expect(told(await pollAfter())).toEqual(['SUCCEEDED']);
      expect(await runs()).toMatchObject([
        { completeness: 'unknown', waiting_for: 'its stream is not known' },
      ]);
    });

    it('is looked for on the stream that it was seen on first', async () => {
      poller.pool().details = inProgress(START);
      poller.arrive(START);
      await poller.poll();
      poller.pool().streaming = { isEnabled: true, streamName: 'another', roleArn: null };
      poller.pool().details = succeeded(START, END);
      await pollAfter();
      await poller.project(1);
      expect(told(await pollAfter())).toEqual(['projected']);
    });
  });

  describe('a failure', () => {
    it.each(CONDITIONS)('of one pool, %s, is told and hides no other', async (condition) => {
      poller.pool().failure = refusal(condition);
      poller.pools.set(OTHER_POOL, scriptedPool({ details: succeeded(START, END) }));
      const outcome = await pollAfter();
      expect(outcome.failures).toEqual([
        { identityPoolId: POOL, condition, message: `it said ${condition}` },
      ]);
      expect(told(outcome)).toEqual(['SUCCEEDED', 'projected']);
      expect(await runs(OTHER_POOL)).toMatchObject([{ completeness: 'projected' }]);
    });

    it('of one pool leaves what is known of it', async () => {
      poller.pool().details = inProgress(START);
      await poller.poll();
      poller.pool().failure = refusal('throttled');
      await poller.poll();
      expect(await runs()).toMatchObject([{ status: 'IN_PROGRESS' }]);
    });

    it('of a stream is told, waited for, and stalls', async () => {
      poller.pool().details = succeeded(START, END);
      poller.pools.set(OTHER_POOL, scriptedPool({ details: inProgress(START) }));
      poller.fault.of = () =>
        Object.assign(new Error('slow down'), { name: 'ProvisionedThroughputExceededException' });
      expect((await pollAfter()).failures).toEqual([
        {
          identityPoolId: POOL,
          condition: 'throttled',
          message: 'ProvisionedThroughputExceededException: slow down',
        },
      ]);
      expect(await runs()).toMatchObject([
        {
          completeness: 'waiting',
          waiting_for: 'what cannot be read: ProvisionedThroughputExceededException: slow down',
        },
      ]);
      expect(await runs(OTHER_POOL)).toMatchObject([{ status: 'IN_PROGRESS' }]);
      expect((await pollAfter(16 * MINUTE)).stalled).toBe(1);
      poller.fault.of = () => undefined;
      expect(told(await pollAfter(17 * MINUTE))).toEqual(['projected']);
    });

    it('of the failure destination is told, and nothing counts as projected meanwhile', async () => {
      poller.pool().details = succeeded(START, END);
      poller.stream.failure = unreadable('not-authorized');
      expect(await pollAfter()).toMatchObject({ failures: [{ condition: 'not-authorized' }] });
      expect(await runs()).toMatchObject([{ completeness: 'waiting' }]);
    });

    it('that nobody foresaw is thrown once the other pools were looked at', async () => {
      poller.pool().failure = new TypeError('a bug');
      poller.pools.set(OTHER_POOL, scriptedPool({ details: inProgress(START) }));
      await expect(poller.poll()).rejects.toThrow('a bug');
      expect(await runs(OTHER_POOL)).toMatchObject([{ status: 'IN_PROGRESS' }]);
    });

    it('to know a configured pool is told like any other', async () => {
      const outcome = await poller.poll({ identityPoolIds: [OTHER_POOL, POOL] });
      expect(outcome).toMatchObject({
        pools: 2,
        failures: [{ identityPoolId: OTHER_POOL, condition: 'not-found' }],
      });
    });
  });

  describe('a pool that streams no more', () => {
    const off = { isEnabled: false, streamName: 'cognito-sync', roleArn: null };
    const on = { ...off, isEnabled: true };

    it('has a gap since it was last seen to stream, until it is seen to stream again', async () => {
      await poller.poll();
      poller.clock.now += HOUR;
      await poller.poll();
      const since = new Date(poller.clock.now);
      poller.clock.now += HOUR;
      poller.pool().streaming = off;
      expect((await poller.poll()).gaps).toMatchObject([{ identityPoolId: POOL, cause: 'streaming-off' }]);
      expect(await gaps()).toEqual([{ cause: 'streaming-off', since, until: null }]);
      poller.clock.now += HOUR;
      expect(await poller.poll()).toMatchObject({ gaps: [], gapsOpen: 1 });
      poller.pool().streaming = on;
      await poller.poll();
      poller.clock.now += HOUR;
      expect(await poller.poll()).toMatchObject({ gaps: [], gapsOpen: 1 });
      expect(await gaps()).toEqual([
        { cause: 'streaming-off', since, until: new Date(poller.clock.now - HOUR) },
      ]);
    });

    it('is known to stream again by a bulk publish that began since', async () => {
      await poller.poll();
      poller.pool().streaming = off;
      await poller.poll();
      const startedAt = poller.clock.now + MINUTE;
      poller.pool().streaming = on;
      poller.pool().details = inProgress(startedAt);
      poller.clock.now += HOUR;
      await poller.poll();
      expect(await gaps()).toMatchObject([{ until: new Date(startedAt) }]);
    });

    it('has a gap since before the poller was down', async () => {
      await poller.poll();
      const since = new Date(poller.clock.now);
      poller.clock.now += 3 * DAY;
      poller.pool().streaming = off;
      await poller.poll();
      expect(await gaps()).toEqual([{ cause: 'streaming-off', since, until: null }]);
    });

    it('has none where it was never seen to stream', async () => {
      poller.pool().streaming = off;
      await poller.poll();
      poller.pool().streaming = on;
      await poller.poll();
      expect(await gaps()).toEqual([]);
    });

    it('has one where it streams to another stream, which is over at once', async () => {
      await poller.poll();
      const since = new Date(poller.clock.now);
      poller.clock.now += HOUR;
      poller.pool().streaming = { ...on, streamName: 'another' };
      await poller.poll();
      expect(await gaps()).toEqual([{ cause: 'streaming-off', since, until: new Date(poller.clock.now) }]);
    });

    it('has none that ends before it began, where the clock is set back', async () => {
      await poller.poll();
      const since = new Date(poller.clock.now);
      poller.pool().streaming = off;
      poller.clock.now -= DAY;
      await poller.poll();
      poller.pool().streaming = on;
      await poller.poll();
      expect(await gaps()).toEqual([{ cause: 'streaming-off', since, until: since }]);
    });

    it('is no failure', async () => {
      poller.pool().streaming = { isEnabled: false, streamName: null, roleArn: null };
      expect(await poller.poll()).toMatchObject({ failures: [], gaps: [] });
    });
  });

  describe('records that may have left the stream', () => {
    it('are a gap of every pool on it since the last one that was projected, until it is projected again', async () => {
      poller.pools.set(OTHER_POOL, scriptedPool());
      poller.arrive(NEW_YEAR);
      await poller.project(1);
      poller.arrive(NEW_YEAR + 2 * DAY);
      poller.clock.now = NEW_YEAR + 2 * DAY + HOUR;
      expect((await poller.poll()).gaps).toHaveLength(2);
      expect(await poller.poll()).toMatchObject({ gaps: [], gapsOpen: 2 });
      const gap = { cause: 'expired', since: new Date(NEW_YEAR), until: null };
      expect([await gaps(), await gaps(OTHER_POOL)]).toEqual([[gap], [gap]]);
      await poller.project(2);
      await poller.poll();
      const until = new Date(poller.clock.now);
      expect([await gaps(), await gaps(OTHER_POOL)]).toEqual([[{ ...gap, until }], [{ ...gap, until }]]);
    });

    it('are none where the stream keeps them longer', async () => {
      poller.stream.retentionMs = 7 * DAY;
      poller.arrive(NEW_YEAR);
      await poller.project(1);
      poller.arrive(NEW_YEAR + 2 * DAY);
      poller.clock.now = NEW_YEAR + 3 * DAY;
      expect(await poller.poll()).toMatchObject({ gaps: [] });
    });

    it('are none where nothing waits, nor when something comes after a quiet time', async () => {
      poller.arrive(NEW_YEAR);
      await poller.project(1);
      for (let quiet = 1; quiet <= 20; quiet += 1) {
        poller.clock.now += 6 * HOUR;
        expect(await poller.poll()).toMatchObject({ gaps: [] });
      }
      poller.arrive(poller.clock.now);
      poller.clock.now += 13 * HOUR;
      expect(await poller.poll()).toMatchObject({ gaps: [] });
      poller.clock.now += 12 * HOUR;
      expect((await poller.poll()).gaps).toMatchObject([{ since: NEW_YEAR + 5 * DAY }]);
    });

    describe('that was made anew', () => {
      const LATER = NEW_YEAR + 2 * HOUR;
      beforeEach(async () => {
        poller.arrive(NEW_YEAR);
        await poller.project(1);
      });
      const remake = () => {
        poller.stream.createdAt = LATER;
        poller.clock.now = LATER + MINUTE;
      };

      it('are a gap of every pool that streamed to it, once, though nothing waits now', async () => {
        poller.pools.set(OTHER_POOL, scriptedPool());
        await poller.poll();
        remake();
        const found = await poller.poll({ identityPoolIds: [POOL] });
        expect(found.gaps).toMatchObject([{ since: NEW_YEAR }, { since: NEW_YEAR }]);
        const gap = { cause: 'expired', since: new Date(NEW_YEAR), until: new Date(LATER + MINUTE) };
        expect([await gaps(), await gaps(OTHER_POOL)]).toEqual([[gap], [gap]]);
        expect((await poller.poll()).gaps).toEqual([]);
        poller.clock.now += DAY;
        expect((await poller.poll()).gaps).toEqual([]);
      });

      it('are one where the new stream has not that shard', async () => {
        remake();
        poller.shards.clear();
        expect((await poller.poll()).gaps).toHaveLength(1);
        expect((await poller.poll()).gaps).toEqual([]);
      });

      it('are one where records of the new stream were projected before anybody looked', async () => {
        await poller.poll();
        remake();
        poller.arrive(LATER + SECOND);
        await poller.project(2);
        expect((await poller.poll()).gaps).toMatchObject([{ since: NEW_YEAR }]);
        expect((await poller.poll()).gaps).toEqual([]);
      });
    });

    it('are none on a stream that was made before it was projected', async () => {
      poller.stream.createdAt = NEW_YEAR - HOUR;
      poller.arrive(NEW_YEAR);
      await poller.project(1);
      expect((await poller.poll()).gaps).toEqual([]);
    });

    it('are looked for once an hour, and not while the stream is projected', async () => {
      poller.arrive(NEW_YEAR);
      await poller.project(1);
      for (let minute = 0; minute < 10; minute += 1) {
        poller.clock.now += MINUTE;
        await poller.poll();
      }
      expect(poller.opened).toEqual([]);
      for (let minute = 0; minute < 170; minute += 1) {
        poller.clock.now += MINUTE;
        await poller.poll();
      }
      expect(poller.opened).toHaveLength(2);
    });

    it('are not asked for on shards that nobody follows, or that are gone', async () => {
      poller.arrive(NEW_YEAR);
      await poller.project(1, SHARD, false);
      await poller.project(1, 'gone');
      poller.arrive(NEW_YEAR + DAY);
      poller.clock.now = NEW_YEAR + 3 * DAY;
      expect(await poller.poll()).toMatchObject({ gaps: [], failures: [] });
      expect(poller.opened).toEqual([]);
    });
  });

  describe('the policy', () => {
    const first = { policy: { kind: 'first' } } as const;
    const weekly = { policy: { kind: 'every', days: 7 } } as const;

    it('starts nothing while it is off, nor of a pool that does not stream', async () => {
      await poller.poll();
      poller.pool().streaming = { isEnabled: false, streamName: null, roleArn: null };
      await poller.poll(first);
      expect(poller.starts).toEqual([]);
    });

    it('starts the first bulk publish of a pool, and no other', async () => {
      expect((await poller.poll(first)).started).toEqual([{ identityPoolId: POOL, answer: 'started' }]);
      poller.pool().details = inProgress(START);
      await poller.poll(first);
      poller.pool().details = succeeded(START, END);
      poller.clock.now = END + 300 * DAY;
      await poller.poll(first);
      expect(poller.starts).toEqual([POOL]);
    });

    it('starts one when the last is some days old', async () => {
      poller.pool().details = succeeded(START, END);
      poller.clock.now = END + 7 * DAY - 1;
      await poller.poll(weekly);
      expect(poller.starts).toEqual([]);
      poller.clock.now += 1;
      await poller.poll(weekly);
      expect(poller.starts).toEqual([POOL]);
    });

    it.each(['in-progress', 'published-less-than-a-day-ago'] as const)(
      'takes the answer %s for one',
      async (start) => {
        poller.pool().start = start;
        expect(await poller.poll(first)).toMatchObject({
          started: [{ identityPoolId: POOL, answer: start }],
          failures: [],
        });
      },
    );

    it('tries again after an hour, then two, when runs fail', async () => {
      const waits: number[] = [];
      for (let attempt = 1; attempt <= 7; attempt += 1) {
        poller.pool().details = failed(poller.clock.now);
        await poller.poll(first);
        const failedAt = poller.clock.now;
        poller.starts.length = 0;
        while (poller.starts.length === 0) {
          poller.clock.now += 30 * MINUTE;
          await poller.poll(first);
        }
        waits.push((poller.clock.now - failedAt) / HOUR);
      }
      expect(waits).toEqual([1, 2, 4, 8, 16, 24, 24]);
    });
  });

  describe('many pools', () => {
    const ids = Array.from({ length: 5 }, (_, index) => `us-east-1:${String(index).padStart(12, '0')}`);
    beforeEach(() => {
      poller.pools.clear();
      for (const id of ids) poller.pools.set(id, scriptedPool());
    });
    /** A service that takes a second for a pool. */
    const slowly = () => {
      const asked: string[] = [];
      for (const id of ids) {
        const { streaming } = poller.pool(id);
        Object.defineProperty(poller.pool(id), 'streaming', {
          get() {
            asked.push(id);
            poller.clock.now += SECOND;
            return streaming;
          },
        });
      }
      return asked;
    };

    it('that there is no time for are told, and come first the next time', async () => {
      const asked = slowly();
      const { notReached } = await poller.poll({ timeBudgetMs: 3 * SECOND });
      expect(asked).toEqual(ids.slice(0, 2));
      expect(notReached).toEqual(ids.slice(2));
      asked.length = 0;
      await poller.poll({ timeBudgetMs: 3 * SECOND, first: notReached });
      expect(asked).toEqual(ids.slice(2, 4));
      asked.length = 0;
      // A process that was not there before knows when each was seen.
      await poller.poll({ timeBudgetMs: 3 * SECOND });
      expect(asked).toEqual([ids[4], ids[0]]);
    });

    it('are looked at once each, however often they are named', async () => {
      const asked = slowly();
      await poller.poll({ identityPoolIds: [...ids, ...ids] });
      expect(asked).toEqual(ids);
    });

    it('that have runs on one stream have it read once', async () => {
      for (const id of ids) poller.pool(id).details = succeeded(START, END);
      const outcome = await pollAfter();
      expect(outcome.transitions.filter(({ to }) => to === 'projected')).toHaveLength(5);
      expect(poller.opened).toHaveLength(1);
    });
  });
});
