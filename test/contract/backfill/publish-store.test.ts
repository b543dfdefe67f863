import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { PublishStore } from '../../../lib/backfill/ports/publish-store.ts';
import type { OpenRun, RunFacts } from '../../../lib/backfill/publish-model.ts';
import {
  cannotBeFound,
  cannotBeKnown,
  endedUnseen,
  failed,
  keepWaiting,
  projected,
  published,
  publishing,
} from '../../../lib/backfill/run-transitions.ts';
import { createPublishStore } from '../../../lib/backfill/store/publish-store.ts';
import type { Database } from '../../../lib/database/database.ts';
import { createRedrivenObjects } from '../../../lib/projection/store/redriven-objects.ts';
import { DAY, forgetPublishes, HOUR, OTHER_POOL } from '../../fixtures/backfill/publish-poller.ts';
import { DATABASES } from '../../fixtures/database/databases.ts';
import { NEW_YEAR, POOL } from '../../fixtures/sync/stream-events.ts';

const FACTS: RunFacts = {
  identityPoolId: POOL,
  startedAt: NEW_YEAR,
  streamName: 'cognito-sync',
  streamCreatedAt: null,
  completedAt: NEW_YEAR + HOUR,
  failureMessage: 'none',
  unmovedSince: NEW_YEAR + 1,
  checkedAt: NEW_YEAR + 2,
};
const RUN: OpenRun = {
  ...FACTS,
  status: 'SUCCEEDED',
  completeness: 'waiting',
  waitingFor: 'a test',
  projectedAt: null,
  shards: { kind: 'behind', mark: 'mark' },
};

describe.each(DATABASES)('the publish store on $name', ({ open }) => {
  let database: Database;
  let store: PublishStore;
  beforeAll(async () => {
    database = await open();
    store = createPublishStore(database);
  });
  afterAll(() => database.close());
  beforeEach(() => forgetPublishes(database));

  it('returns the runs of a pool as they were last saved, newest first', async () => {
    const unset = { streamName: null, completedAt: null, failureMessage: null, unmovedSince: null };
    const minimal = failed({ ...FACTS, ...unset, startedAt: 1 });
    await store.saveRun(minimal);
    await store.saveRun(RUN);
    await store.saveRun({ ...RUN, identityPoolId: OTHER_POOL });
    expect(await store.readRuns(POOL)).toEqual([RUN, minimal]);
    const later = projected(RUN, NEW_YEAR + DAY);
    await store.saveRun(later);
    expect(await store.readRuns(POOL)).toEqual([later, minimal]);
  });

  it('keeps the state "projected" of a run when a slower poller writes an earlier state', async () => {
    const later = projected(RUN, NEW_YEAR + DAY);
    await store.saveRun(later);
    await store.saveRun(publishing(FACTS));
    expect(await store.readRuns(POOL)).toEqual([later]);
  });

  it.each([
    ['that is in progress', publishing(FACTS), 'IN_PROGRESS', 'waiting', null],
    ['that has failed', failed(FACTS), 'FAILED', 'unknown', null],
    ['whose end was not seen', endedUnseen(FACTS, NEW_YEAR), 'UNSEEN', 'unknown', null],
    ['that was not evaluated yet', published(FACTS), 'SUCCEEDED', 'waiting', null],
    ['whose shards are behind', RUN, 'SUCCEEDED', 'waiting', 'mark'],
    [
      'that has stalled',
      keepWaiting(RUN, 'a test', RUN.shards, NEW_YEAR + DAY),
      'SUCCEEDED',
      'stalled',
      'mark',
    ],
    [
      'with events in quarantine',
      keepWaiting(RUN, 'a test', { kind: 'passed' }, NEW_YEAR),
      'SUCCEEDED',
      'waiting',
      'passed',
    ],
    ['that cannot be evaluated', cannotBeKnown(RUN, 'a test', NEW_YEAR), 'SUCCEEDED', 'unknown', 'mark'],
    ['whose records have expired', cannotBeFound(RUN, NEW_YEAR), 'SUCCEEDED', 'unknown', 'expired'],
    ['that is projected', projected(RUN, NEW_YEAR), 'SUCCEEDED', 'projected', 'passed'],
  ])('returns a run %s as it was saved', async (_, run, status, completeness, mark) => {
    await store.saveRun(run);
    const { rows } = await database.query(
      'SELECT status, completeness, position_mark FROM projection.bulk_publishes',
    );
    expect(rows).toEqual([{ status, completeness, position_mark: mark }]);
    expect(await store.readRuns(POOL)).toEqual([run]);
  });

  it.each(['IN_PROGRESS', 'SUCCEEDED'])(
    'returns null if it is not stored what a run with the status %s is waiting for',
    async (status) => {
      await store.saveRun(RUN);
      await database.query('UPDATE projection.bulk_publishes SET status = $1, waiting_for = NULL', [status]);
      expect(await store.readRuns(POOL)).toMatchObject([
        { status, completeness: 'waiting', waitingFor: null },
      ]);
    },
  );

  it('shows bulk publishes and gaps (periods whose removals may be missing) with their times in the views', async () => {
    await store.saveRun({ ...RUN, startedAt: NEW_YEAR + 7 });
    await store.openGap({ identityPoolId: POOL, since: NEW_YEAR + 7, cause: 'expired', until: null });
    const runs = await database.query('SELECT * FROM query.bulk_publishes');
    expect(runs.rows).toEqual([
      {
        identity_pool_id: POOL,
        started_at: new Date(NEW_YEAR + 7),
        completed_at: new Date(NEW_YEAR + HOUR),
        status: 'SUCCEEDED',
        failure_message: 'none',
        projected_at: null,
        completeness: 'waiting',
        waiting_for: 'a test',
        checked_at: new Date(NEW_YEAR + 2),
        started_ms: NEW_YEAR + 7,
      },
    ]);
    const gaps = await database.query('SELECT since, until, mended_at FROM query.gaps');
    expect(gaps.rows).toEqual([{ since: new Date(NEW_YEAR + 7), until: null, mended_at: null }]);
  });

  it('returns the last known streaming settings of each pool', async () => {
    const seen = { identityPoolId: POOL, streamName: 'cognito-sync', isEnabled: true, checkedAt: NEW_YEAR };
    await store.keepSeen(seen);
    await store.keepSeen({ ...seen, streamName: null, isEnabled: false, checkedAt: NEW_YEAR - DAY });
    await store.keepSeen({ ...seen, identityPoolId: OTHER_POOL });
    const all = await store.readSeen();
    expect(all.sort((one, other) => one.checkedAt - other.checkedAt)).toEqual([
      { ...seen, streamName: null, isEnabled: false, checkedAt: NEW_YEAR - DAY },
      { ...seen, identityPoolId: OTHER_POOL },
    ]);
  });

  it('ends the open gaps of a pool that have the given cause, and stores no gap twice', async () => {
    const gap = { identityPoolId: POOL, since: NEW_YEAR, cause: 'streaming-off', until: null } as const;
    await store.openGap(gap);
    await store.openGap({ ...gap, until: NEW_YEAR + 1 });
    await store.openGap({ ...gap, cause: 'expired' });
    await store.openGap({ ...gap, identityPoolId: OTHER_POOL });
    expect(await store.readOpenGaps()).toHaveLength(3);
    await store.endGaps({ identityPoolId: POOL, cause: 'streaming-off', until: NEW_YEAR - DAY });
    await store.endGaps({ identityPoolId: POOL, cause: 'streaming-off', until: NEW_YEAR + DAY });
    expect((await store.readOpenGaps()).map(({ cause }) => cause).sort()).toEqual([
      'expired',
      'streaming-off',
    ]);
    const { rows } = await database.query('SELECT until_ms FROM projection.gaps WHERE until_ms IS NOT NULL');
    expect(rows).toEqual([{ until_ms: NEW_YEAR }]);
    expect(await store.countUnrepairedGaps()).toBe(3);
    await database.query('UPDATE projection.gaps SET mended_ms = 1 WHERE until_ms IS NOT NULL');
    expect(await store.countUnrepairedGaps()).toBe(2);
  });

  it('returns which objects of a failure destination were redriven', async () => {
    const redriven = createRedrivenObjects(database);
    await redriven.keep('a', NEW_YEAR);
    await redriven.keep('a', NEW_YEAR + 1);
    expect(await redriven.among(['a', 'b'])).toEqual(new Set(['a']));
    expect(await redriven.among([])).toEqual(new Set());
  });
});
