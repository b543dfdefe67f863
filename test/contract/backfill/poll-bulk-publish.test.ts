import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SyncClientCondition } from '../../../lib/backfill/ports/sync-client.ts';
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
  const states = ({ transitions }: Awaited<ReturnType<Poller['poll']>>) => transitions.map(({ to }) => to);
  /** Polls this long after the end of the run. */
  const pollAfter = (ms = 5 * SECOND, options = {}) => {
    poller.clock.now = END + ms;
    return poller.poll(options);
  };

  describe('a pool that streams to another stream than the projected one', () => {
    const pollHere = (options = {}) => poller.poll({ streamName: 'cognito-sync', ...options });
    const streamTo = (streamName: string) => {
      poller.pool().streaming = { isEnabled: true, streamName, roleArn: null };
    };

    it('is ignored: its stream is not read, no bulk publish is stored or started, and no gap is stored', async () => {
      streamTo('other-team');
      poller.pool().details = succeeded(START, END);
      poller.fault.of = () => new Error('the stream of another team was read');
      const outcome = await pollHere({ policy: { kind: 'first' } });
      expect(outcome).toMatchObject({ elsewhere: [POOL], failures: [], transitions: [], gaps: [] });
      expect(poller.starts).toEqual([]);
      expect(poller.opened).toEqual([]);
      expect(await runs()).toEqual([]);
      expect(await gaps()).toEqual([]);
    });

    it('has a gap from the time it leaves the projected stream until it uses that stream again', async () => {
      await pollHere();
      streamTo('other-team');
      poller.clock.now += MINUTE;
      expect((await pollHere()).gaps).toHaveLength(1);
      poller.clock.now += MINUTE;
      expect((await pollHere()).gaps).toEqual([]);
      expect(await gaps()).toMatchObject([{ cause: 'streaming-off', until: null }]);
      // A bulk publish in the meantime went to the other stream, so it does not end the gap.
      poller.pool().details = succeeded(poller.clock.now + MINUTE, poller.clock.now + 2 * MINUTE);
      streamTo('cognito-sync');
      poller.clock.now += HOUR;
      await pollHere();
      expect(await gaps()).toMatchObject([{ until: new Date(poller.clock.now) }]);
    });

    it('after it switches back, its bulk publish to the other stream does not count as projected', async () => {
      streamTo('other-team');
      await pollHere();
      poller.clock.now += HOUR;
      poller.pool().details = succeeded(poller.clock.now - 2 * MINUTE, poller.clock.now - MINUTE);
      streamTo('cognito-sync');
      expect(states(await pollHere())).not.toContain('projected');
      poller.clock.now += MINUTE;
      expect(states(await pollHere())).not.toContain('projected');
      expect(await runs()).toMatchObject([{ status: 'SUCCEEDED', completeness: 'unknown' }]);
    });

    it('after it switches back, a one-off poll does not count its bulk publish to the other stream as projected', async () => {
      streamTo('other-team');
      await pollHere();
      poller.clock.now += HOUR;
      poller.pool().details = succeeded(poller.clock.now - 2 * MINUTE, poller.clock.now - MINUTE);
      streamTo('cognito-sync');
      const pollOnce = () => poller.poll({ keepsStreaming: false });
      expect([...states(await pollOnce()), ...states(await pollOnce())]).not.toContain('projected');
      expect(await runs()).toMatchObject([{ completeness: 'unknown' }]);
    });

    it('its bulk publish that was in progress when it switched back does not count as projected', async () => {
      streamTo('other-team');
      await pollHere();
      poller.clock.now += HOUR;
      const startedAt = poller.clock.now - SECOND;
      poller.pool().details = inProgress(startedAt);
      streamTo('cognito-sync');
      expect(states(await pollHere())).toEqual(['IN_PROGRESS']);
      poller.clock.now += MINUTE;
      poller.pool().details = succeeded(startedAt, poller.clock.now - SECOND);
      expect(states(await pollHere())).toEqual(['SUCCEEDED']);
      poller.clock.now += MINUTE;
      expect(states(await pollHere())).toEqual([]);
      expect(await runs()).toMatchObject([
        { completeness: 'unknown', waiting_for: 'the service does not report which stream was used' },
      ]);
    });

    it('its bulk publish that started after the poller saw it switch back counts as projected', async () => {
      streamTo('other-team');
      await pollHere();
      streamTo('cognito-sync');
      poller.clock.now += MINUTE;
      await pollHere();
      const startedAt = poller.clock.now + SECOND;
      poller.clock.now += HOUR;
      poller.pool().details = succeeded(startedAt, startedAt + SECOND);
      expect(states(await pollHere())).toEqual(['SUCCEEDED', 'projected']);
    });

    it('has a gap that a one-off poll neither ends nor duplicates', async () => {
      await pollHere();
      streamTo('other-team');
      for (let round = 0; round < 3; round += 1) {
        poller.clock.now += MINUTE;
        await pollHere();
        poller.clock.now += MINUTE;
        await poller.poll({ keepsStreaming: false });
      }
      expect(await gaps()).toMatchObject([{ cause: 'streaming-off', until: null }]);
    });
  });

  describe('the status of a run of a bulk publish', () => {
    it('is not stored for a pool that was never published', async () => {
      expect(await poller.poll()).toMatchObject({ pools: 1, transitions: [], failures: [] });
      expect(await runs()).toEqual([]);
    });

    it('is tracked from its start until it is projected, with each transition reported once', async () => {
      poller.clock.now = START;
      poller.pool().details = inProgress(START);
      expect(states(await poller.poll())).toEqual(['IN_PROGRESS']);
      expect(states(await poller.poll())).toEqual([]);
      expect(await runs()).toMatchObject([
        {
          status: 'IN_PROGRESS',
          completeness: 'waiting',
          waiting_for: 'the service, which is still publishing',
        },
      ]);
      poller.arrive(START + SECOND);
      poller.pool().details = succeeded(START, END);
      expect(states(await pollAfter())).toEqual(['SUCCEEDED']);
      expect(await runs()).toMatchObject([
        {
          status: 'SUCCEEDED',
          completeness: 'waiting',
          waiting_for: `1 event on shard ${SHARD}`,
          completed_at: new Date(END),
          projected_at: null,
        },
      ]);
      await poller.project(1);
      expect(states(await pollAfter(MINUTE))).toEqual(['projected']);
      expect(states(await pollAfter(2 * MINUTE))).toEqual([]);
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

    it('is stored with the failure message of each failed run', async () => {
      for (const [index, message] of ['first', 'second'].entries()) {
        poller.pool().details = failed(START + index, message);
        expect(states(await poller.poll())).toEqual(['FAILED']);
        expect(states(await poller.poll())).toEqual([]);
      }
      expect(await runs()).toMatchObject([
        { status: 'FAILED', failure_message: 'first', completeness: 'unknown', waiting_for: null },
        { status: 'FAILED', failure_message: 'second', completeness: 'unknown', waiting_for: null },
      ]);
    });

    it('is UNSEEN if a newer run started before the poller saw the end of this run', async () => {
      poller.pool().details = inProgress(START);
      await poller.poll();
      poller.pool().details = succeeded(START + DAY, START + DAY + MINUTE);
      expect(states(await poller.poll())).toEqual(['UNSEEN', 'SUCCEEDED', 'projected']);
      expect(await runs()).toMatchObject([
        { status: 'UNSEEN', completeness: 'unknown' },
        { status: 'SUCCEEDED' },
      ]);
    });

    it('is UNSEEN if the pool was recreated under its id', async () => {
      poller.pool().details = inProgress(START);
      await poller.poll();
      poller.pool().details = NEVER;
      expect(states(await poller.poll())).toEqual(['UNSEEN']);
      expect(await runs()).toMatchObject([{ status: 'UNSEEN' }]);
    });

    it('is not changed by a response that reports an earlier state', async () => {
      poller.pool().details = succeeded(START, END);
      await poller.poll();
      poller.pool().details = inProgress(START);
      expect(states(await poller.poll())).toEqual([]);
      poller.pool().details = succeeded(START - DAY, END - DAY);
      await poller.poll();
      expect(await runs()).toMatchObject([{ status: 'SUCCEEDED' }, { status: 'SUCCEEDED' }]);
    });
  });

  describe('a run of a bulk publish that has succeeded', () => {
    beforeEach(() => {
      poller.pool().details = succeeded(START, END);
    });

    it('counts as projected if the stream is empty', async () => {
      expect(states(await pollAfter())).toEqual(['SUCCEEDED', 'projected']);
    });

    it('is evaluated only when its records on the stream are readable', async () => {
      expect(states(await pollAfter(SECOND))).toEqual(['SUCCEEDED']);
      expect(poller.opened).toEqual([]);
      expect(states(await pollAfter(5 * SECOND))).toEqual(['projected']);
    });

    it('waits for records that arrived before its end, but not for later records', async () => {
      for (const at of [START - HOUR, START, END, END + 30 * SECOND]) poller.arrive(at);
      await poller.project(1);
      await pollAfter(MINUTE);
      expect(await runs()).toMatchObject([{ waiting_for: `2 events on shard ${SHARD}` }]);
      await poller.project(2);
      await pollAfter(MINUTE);
      expect(await runs()).toMatchObject([{ waiting_for: `1 event on shard ${SHARD}` }]);
      await poller.project(3);
      await pollAfter(MINUTE);
      expect(await runs()).toMatchObject([{ completeness: 'projected' }]);
    });

    it('waits for every shard, including closed, new and never projected ones', async () => {
      poller.shards.set('closed', { texts: [], closed: true });
      for (const shardId of ['closed', SHARD, 'child', 'other']) poller.arrive(START, shardId);
      await pollAfter();
      expect(await runs()).toMatchObject([
        {
          waiting_for: `1 event on shard ${SHARD}, 1 event on shard closed, 1 event on shard child, 1 more shard`,
        },
      ]);
      for (const shardId of [SHARD, 'child', 'other']) await poller.project(1, shardId);
      await pollAfter();
      expect(await runs()).toMatchObject([{ waiting_for: '1 event on shard closed' }]);
      await poller.project(1, 'closed');
      await pollAfter();
      expect(await runs()).toMatchObject([{ completeness: 'projected' }]);
    });

    it('does not wait for old records of a shard that was closed before the run started', async () => {
      poller.shards.set('closed', { texts: [], closed: true });
      for (let index = 0; index < 250; index += 1) poller.arrive(START - HOUR, 'closed');
      await pollAfter();
      expect(await runs()).toMatchObject([{ completeness: 'projected' }]);
    });

    it('waits until its events in quarantine, and those of unknown pools, are redriven', async () => {
      await poller.quarantine(START + SECOND);
      await poller.quarantine(END, null);
      await poller.quarantine(START + SECOND, OTHER_POOL);
      await poller.quarantine(START - MINUTE);
      await poller.quarantine(END + MINUTE);
      await pollAfter(2 * MINUTE);
      expect(await runs()).toMatchObject([{ waiting_for: '2 events in quarantine' }]);
      await database.query('UPDATE projection.quarantine SET redriven_at = now()');
      expect(states(await pollAfter(2 * MINUTE))).toEqual(['projected']);
    });

    it('waits for batches that the mapping discarded', async () => {
      poller.stream.failedBatches = 2;
      await pollAfter();
      expect(await runs()).toMatchObject([{ completeness: 'waiting', waiting_for: '2 failed batches' }]);
      poller.stream.failedBatches = 0;
      expect(states(await pollAfter())).toEqual(['projected']);
    });

    it('needs no second read of a shard that is projected past the end of the run, while quarantined events delay the run', async () => {
      poller.arrive(START);
      await poller.project(1);
      await poller.quarantine(START);
      await pollAfter();
      const reads = poller.opened.length;
      // This is after the retention period, when the records of the shard can no longer be read.
      expect((await pollAfter(2 * DAY)).stalled).toBe(1);
      await database.query('UPDATE projection.quarantine SET redriven_at = now()');
      expect(states(await pollAfter(2 * DAY))).toEqual(['projected']);
      // A shard that has been quiet for so long is read once, to check for expired records.
      expect(poller.opened.length).toBe(reads + 1);
    });

    it('stalls after 15 minutes without progress, and resumes on progress', async () => {
      for (let index = 0; index < 3; index += 1) poller.arrive(START);
      await pollAfter();
      await pollAfter(14 * MINUTE);
      expect(await runs()).toMatchObject([{ completeness: 'waiting' }]);
      await poller.project(1);
      expect(states(await pollAfter(16 * MINUTE))).toEqual([]);
      expect(states(await pollAfter(31 * MINUTE))).toEqual(['stalled']);
      expect(await pollAfter(32 * MINUTE)).toMatchObject({ transitions: [], stalled: 1 });
      await poller.project(2);
      expect(await pollAfter(33 * MINUTE)).toMatchObject({ transitions: [{ to: 'waiting' }], stalled: 0 });
    });

    it('neither stalls nor fails if the clock is set back', async () => {
      poller.arrive(START);
      await pollAfter(10 * MINUTE);
      poller.clock.now = START - DAY;
      expect(await poller.poll()).toMatchObject({ failures: [], transitions: [], stalled: 0 });
      poller.clock.now += 14 * MINUTE;
      expect(await poller.poll()).toMatchObject({ transitions: [], stalled: 0 });
      await poller.project(1);
      expect(states(await poller.poll())).toEqual(['projected']);
    });

    it('has unknown completeness if batches of a shard are projected concurrently', async () => {
      poller.arrive(START);
      expect(states(await pollAfter(MINUTE, { parallelizationFactor: 2 }))).toEqual(['SUCCEEDED', 'unknown']);
      expect(poller.opened).toEqual([]);
      await poller.project(1, SHARD, false);
      expect(states(await pollAfter())).toEqual([]);
      expect(await runs()).toMatchObject([
        {
          completeness: 'unknown',
          waiting_for: 'batches of one shard are projected concurrently, so progress is unknown',
        },
      ]);
      await poller.project(1);
      expect(states(await pollAfter())).toEqual(['projected']);
    });

    it('has unknown completeness if its records may have expired before the poller first saw the run', async () => {
      expect(states(await pollAfter(DAY))).toEqual(['SUCCEEDED', 'unknown']);
      expect(await runs()).toMatchObject([
        {
          waiting_for:
            'its records may have expired before they were read, or may have been lost when the stream was recreated',
        },
      ]);
      expect(states(await pollAfter(DAY))).toEqual([]);
    });

    it('has unknown completeness, permanently, if the stream was recreated before the run was projected', async () => {
      poller.arrive(START);
      poller.pool().details = succeeded(START, END);
      expect(states(await pollAfter())).toEqual(['SUCCEEDED']);
      poller.shards.set(SHARD, { texts: [] });
      poller.stream.createdAt = END + MINUTE;
      expect(states(await pollAfter(2 * MINUTE))).toEqual(['unknown']);
      expect(states(await pollAfter(3 * MINUTE))).toEqual([]);
    });

    it('counts as projected after its events are projected, even if the clock was set back after the stream was created', async () => {
      poller.stream.createdAt = END + HOUR;
      poller.clock.now = END + HOUR;
      poller.pool().details = NEVER;
      await poller.poll();
      // No record has an arrival time before the creation of its stream.
      poller.arrive(END + HOUR);
      poller.pool().details = succeeded(START, END);
      expect(states(await pollAfter())).toEqual(['SUCCEEDED']);
      expect(await runs()).toMatchObject([{ waiting_for: `1 event on shard ${SHARD}` }]);
      await poller.project(1);
      const outcome = await pollAfter(MINUTE);
      expect(states(outcome)).toEqual(['projected']);
      expect(outcome.gaps).toEqual([]);
    });

    it('counts as projected after its events are projected, even if the clock was set back during the run', async () => {
      poller.arrive(START);
      poller.arrive(START - HOUR);
      poller.pool().details = succeeded(START, START - HOUR + MINUTE);
      await pollAfter();
      expect(await runs()).toMatchObject([{ waiting_for: `2 events on shard ${SHARD}` }]);
      await poller.project(2);
      expect(states(await pollAfter(MINUTE))).toEqual(['projected']);
    });

    it('has unknown completeness if the stream was recreated during the run', async () => {
      poller.clock.now = START;
      poller.pool().details = inProgress(START);
      await poller.poll();
      poller.stream.createdAt = START + SECOND;
      poller.clock.now = START + 2 * SECOND;
      await poller.poll();
      poller.pool().details = succeeded(START, END);
      expect(states(await pollAfter(MINUTE))).toEqual(['SUCCEEDED', 'unknown']);
    });

    it('counts as projected, however old it is, if the stream still keeps its records or all shards are projected past the end of the run', async () => {
      poller.stream.retentionMs = 7 * DAY;
      expect(states(await pollAfter(DAY))).toEqual(['SUCCEEDED', 'projected']);
      await forgetPublishes(database);
      poller.stream.retentionMs = DAY;
      poller.arrive(END + HOUR);
      await poller.project(1);
      expect(states(await pollAfter(DAY))).toEqual(['SUCCEEDED', 'projected']);
    });

    it('is no longer evaluated after a newer run is projected', async () => {
      await poller.quarantine(START);
      await pollAfter();
      poller.clock.now = END + DAY;
      poller.pool().details = succeeded(END + HOUR, END + 2 * HOUR);
      expect(states(await poller.poll())).toEqual(['SUCCEEDED', 'projected', 'stalled']);
      expect(await poller.poll()).toMatchObject({ transitions: [], stalled: 0 });
    });

    it('has unknown completeness if its stream is unknown', async () => {
      poller.pool().streaming = { isEnabled: false, streamName: null, roleArn: null };
      expect(states(await pollAfter())).toEqual(['SUCCEEDED']);
      expect(await runs()).toMatchObject([
        { completeness: 'unknown', waiting_for: 'the service does not report which stream was used' },
      ]);
    });

    it('is evaluated on the stream that the pool used when the poller first saw the run', async () => {
      poller.pool().details = inProgress(START);
      poller.arrive(START);
      await poller.poll();
      poller.pool().streaming = { isEnabled: true, streamName: 'another', roleArn: null };
      poller.pool().details = succeeded(START, END);
      await pollAfter();
      await poller.project(1);
      expect(states(await pollAfter())).toEqual(['projected']);
    });
  });

  describe('a failure', () => {
    it.each(CONDITIONS)('of one pool, %s, is reported and does not affect other pools', async (condition) => {
      poller.pool().failure = refusal(condition);
      poller.pools.set(OTHER_POOL, scriptedPool({ details: succeeded(START, END) }));
      const outcome = await pollAfter();
      expect(outcome.failures).toEqual([
        { identityPoolId: POOL, condition, message: `it said ${condition}` },
      ]);
      expect(states(outcome)).toEqual(['SUCCEEDED', 'projected']);
      expect(await runs(OTHER_POOL)).toMatchObject([{ completeness: 'projected' }]);
    });

    it('of one pool does not change its stored status', async () => {
      poller.pool().details = inProgress(START);
      await poller.poll();
      poller.pool().failure = refusal('throttled');
      await poller.poll();
      expect(await runs()).toMatchObject([{ status: 'IN_PROGRESS' }]);
    });

    it('of a stream is reported, and the run waits and stalls', async () => {
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
          waiting_for:
            'the stream or failure destination, which cannot be read: ProvisionedThroughputExceededException: slow down',
        },
      ]);
      expect(await runs(OTHER_POOL)).toMatchObject([{ status: 'IN_PROGRESS' }]);
      expect((await pollAfter(16 * MINUTE)).stalled).toBe(1);
      poller.fault.of = () => undefined;
      expect(states(await pollAfter(17 * MINUTE))).toEqual(['projected']);
    });

    it('of the failure destination is reported, and no run counts as projected', async () => {
      poller.pool().details = succeeded(START, END);
      poller.stream.failure = unreadable('not-authorized');
      expect(await pollAfter()).toMatchObject({ failures: [{ condition: 'not-authorized' }] });
      expect(await runs()).toMatchObject([{ completeness: 'waiting' }]);
    });

    it('that is unexpected is thrown after the other pools were polled', async () => {
      poller.pool().failure = new TypeError('a bug');
      poller.pools.set(OTHER_POOL, scriptedPool({ details: inProgress(START) }));
      await expect(poller.poll()).rejects.toThrow('a bug');
      expect(await runs(OTHER_POOL)).toMatchObject([{ status: 'IN_PROGRESS' }]);
    });

    it('is reported if a configured pool is unknown', async () => {
      const outcome = await poller.poll({ identityPoolIds: [OTHER_POOL, POOL] });
      expect(outcome).toMatchObject({
        pools: 2,
        failures: [{ identityPoolId: OTHER_POOL, condition: 'not-found' }],
      });
    });
  });

  describe('a pool that no longer streams', () => {
    const off = { isEnabled: false, streamName: 'cognito-sync', roleArn: null };
    const on = { ...off, isEnabled: true };

    it('has a gap from the last poll that saw it stream to the next poll that sees it stream', async () => {
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

    it('has a gap that ends at the start of a later bulk publish', async () => {
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

    it('has a gap since the last poll before a downtime of the poller', async () => {
      await poller.poll();
      const since = new Date(poller.clock.now);
      poller.clock.now += 3 * DAY;
      poller.pool().streaming = off;
      await poller.poll();
      expect(await gaps()).toEqual([{ cause: 'streaming-off', since, until: null }]);
    });

    it('has no gap if the poller never saw it stream', async () => {
      poller.pool().streaming = off;
      await poller.poll();
      poller.pool().streaming = on;
      await poller.poll();
      expect(await gaps()).toEqual([]);
    });

    it('has a gap that ends immediately if it changed its stream', async () => {
      await poller.poll();
      const since = new Date(poller.clock.now);
      poller.clock.now += HOUR;
      poller.pool().streaming = { ...on, streamName: 'another' };
      await poller.poll();
      expect(await gaps()).toEqual([{ cause: 'streaming-off', since, until: new Date(poller.clock.now) }]);
    });

    it('has no gap that ends before it starts, even if the clock is set back', async () => {
      await poller.poll();
      const since = new Date(poller.clock.now);
      poller.pool().streaming = off;
      poller.clock.now -= DAY;
      await poller.poll();
      poller.pool().streaming = on;
      await poller.poll();
      expect(await gaps()).toEqual([{ cause: 'streaming-off', since, until: since }]);
    });

    it('is not a failure', async () => {
      poller.pool().streaming = { isEnabled: false, streamName: null, roleArn: null };
      expect(await poller.poll()).toMatchObject({ failures: [], gaps: [] });
    });
  });

  describe('records that may have left the stream', () => {
    it('are a gap of each pool on that stream, from the last projected record until the next one', async () => {
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

    it('are not a gap while the retention period has not passed', async () => {
      poller.stream.retentionMs = 7 * DAY;
      poller.arrive(NEW_YEAR);
      await poller.project(1);
      poller.arrive(NEW_YEAR + 2 * DAY);
      poller.clock.now = NEW_YEAR + 3 * DAY;
      expect(await poller.poll()).toMatchObject({ gaps: [] });
    });

    it('are not a gap if no record waits, or if a record arrives after a quiet time', async () => {
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

    describe('because the stream was recreated', () => {
      const LATER = NEW_YEAR + 2 * HOUR;
      beforeEach(async () => {
        poller.arrive(NEW_YEAR);
        await poller.project(1);
      });
      const recreate = () => {
        poller.stream.createdAt = LATER;
        poller.clock.now = LATER + MINUTE;
      };

      it('are one gap of each pool that streamed to the old stream, even if no record waits now', async () => {
        poller.pools.set(OTHER_POOL, scriptedPool());
        await poller.poll();
        recreate();
        const found = await poller.poll({ identityPoolIds: [POOL] });
        expect(found.gaps).toMatchObject([{ since: NEW_YEAR }, { since: NEW_YEAR }]);
        const gap = { cause: 'expired', since: new Date(NEW_YEAR), until: new Date(LATER + MINUTE) };
        expect([await gaps(), await gaps(OTHER_POOL)]).toEqual([[gap], [gap]]);
        expect((await poller.poll()).gaps).toEqual([]);
        poller.clock.now += DAY;
        expect((await poller.poll()).gaps).toEqual([]);
      });

      it('are a gap if the new stream does not have the shard', async () => {
        recreate();
        poller.shards.clear();
        expect((await poller.poll()).gaps).toHaveLength(1);
        expect((await poller.poll()).gaps).toEqual([]);
      });

      it('are a gap if records of the new stream were projected before the next poll', async () => {
        await poller.poll();
        recreate();
        poller.arrive(LATER + SECOND);
        await poller.project(2);
        expect((await poller.poll()).gaps).toMatchObject([{ since: NEW_YEAR }]);
        expect((await poller.poll()).gaps).toEqual([]);
      });
    });

    it('are not a gap if the clock was set back after the stream was created', async () => {
      poller.stream.createdAt = NEW_YEAR + HOUR;
      poller.clock.now = NEW_YEAR + HOUR;
      await poller.poll();
      poller.arrive(NEW_YEAR + HOUR);
      await poller.project(1);
      for (let minute = 0; minute < 90; minute += 1) {
        poller.clock.now = NEW_YEAR + minute * MINUTE;
        expect((await poller.poll()).gaps).toEqual([]);
      }
    });

    it('are not a gap on a stream that was created before its first projection', async () => {
      poller.stream.createdAt = NEW_YEAR - HOUR;
      poller.arrive(NEW_YEAR);
      await poller.project(1);
      expect((await poller.poll()).gaps).toEqual([]);
    });

    it('are checked for once an hour, and not while the stream is being projected', async () => {
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

    it('are not checked for on shards that no longer exist or whose progress is unknown', async () => {
      poller.arrive(NEW_YEAR);
      await poller.project(1, SHARD, false);
      await poller.project(1, 'gone');
      poller.arrive(NEW_YEAR + DAY);
      poller.clock.now = NEW_YEAR + 3 * DAY;
      expect(await poller.poll()).toMatchObject({ gaps: [], failures: [] });
      expect(poller.opened).toEqual([]);
    });
  });

  describe('the bulk publish policy', () => {
    const first = { policy: { kind: 'first' } } as const;
    const weekly = { policy: { kind: 'every', days: 7 } } as const;

    it('starts no bulk publish while it is off, or for a pool that does not stream', async () => {
      await poller.poll();
      poller.pool().streaming = { isEnabled: false, streamName: null, roleArn: null };
      await poller.poll(first);
      expect(poller.starts).toEqual([]);
    });

    it('starts the first bulk publish of a pool, but no later one, with the policy "first"', async () => {
      expect((await poller.poll(first)).started).toEqual([{ identityPoolId: POOL, answer: 'started' }]);
      poller.pool().details = inProgress(START);
      await poller.poll(first);
      poller.pool().details = succeeded(START, END);
      poller.clock.now = END + 300 * DAY;
      await poller.poll(first);
      expect(poller.starts).toEqual([POOL]);
    });

    it('starts a bulk publish when the last one is 7 days old, with the policy "every 7 days"', async () => {
      poller.pool().details = succeeded(START, END);
      poller.clock.now = END + 7 * DAY - 1;
      await poller.poll(weekly);
      expect(poller.starts).toEqual([]);
      poller.clock.now += 1;
      await poller.poll(weekly);
      expect(poller.starts).toEqual([POOL]);
    });

    it.each(['in-progress', 'published-less-than-a-day-ago'] as const)(
      'treats the result %s of the service as a successful start',
      async (start) => {
        poller.pool().start = start;
        expect(await poller.poll(first)).toMatchObject({
          started: [{ identityPoolId: POOL, answer: start }],
          failures: [],
        });
      },
    );

    it('starts a failed run again after one hour; doubles the pause after each further failure, up to 24 hours', async () => {
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
    /** Makes the service take a second for each pool. Returns a list to which each polled pool is added. */
    const slowDown = () => {
      const polled: string[] = [];
      for (const id of ids) {
        const { streaming } = poller.pool(id);
        Object.defineProperty(poller.pool(id), 'streaming', {
          get() {
            polled.push(id);
            poller.clock.now += SECOND;
            return streaming;
          },
        });
      }
      return polled;
    };

    it('that a poll has no time for are reported, and come first in the next poll', async () => {
      const polled = slowDown();
      const { notReached } = await poller.poll({ timeBudgetMs: 3 * SECOND });
      expect(polled).toEqual(ids.slice(0, 2));
      expect(notReached).toEqual(ids.slice(2));
      polled.length = 0;
      await poller.poll({ timeBudgetMs: 3 * SECOND, first: notReached });
      expect(polled).toEqual(ids.slice(2, 4));
      polled.length = 0;
      // A new process knows from the database when each pool was polled.
      await poller.poll({ timeBudgetMs: 3 * SECOND });
      expect(polled).toEqual([ids[4], ids[0]]);
    });

    it('are polled once each, even if the options name them twice', async () => {
      const polled = slowDown();
      await poller.poll({ identityPoolIds: [...ids, ...ids] });
      expect(polled).toEqual(ids);
    });

    it('with runs on the same stream cause only one read of that stream', async () => {
      for (const id of ids) poller.pool(id).details = succeeded(START, END);
      const outcome = await pollAfter();
      expect(outcome.transitions.filter(({ to }) => to === 'projected')).toHaveLength(5);
      expect(poller.opened).toHaveLength(1);
    });
  });
});
