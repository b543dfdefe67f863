import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createFinishMerges, type FinishMergesFunctionDeps } from '../../../functions/finish-merges.ts';
import { createLambdaContext } from '../../../infra/local/lambda-context.ts';
import { createLogger } from '../../../lib/aws/telemetry.ts';
import { type Database, DatabaseError } from '../../../lib/database/database.ts';
import type { Logins } from '../../../lib/identity/model.ts';
import { CREDENTIALS_LIFETIME_MS } from '../../../lib/identity/temporary-credentials.ts';
import type { SyncOperations } from '../../../lib/sync/model.ts';
import { createMergeStore } from '../../../lib/sync/store/merge-store.ts';
import { SERVERS } from '../../fixtures/database/databases.ts';
import { deleteRows } from '../../fixtures/database/delete-rows.ts';
import { createPool } from '../../fixtures/identity/identity-pools.ts';
import { createIdentityService, login } from '../../fixtures/identity/identity-service.ts';
import { createMerger, insertPendingMerge, mergeOf, newIdentity } from '../../fixtures/sync/merges.ts';
import { NEW_YEAR, POOL } from '../../fixtures/sync/stream-events.ts';
import { createDevice, createSyncService, DEVELOPER, put } from '../../fixtures/sync/sync-service.ts';

const HOUR = 60 * 60 * 1000;
const TIMEOUT_MS = 60_000;

describe.each(SERVERS)('the finish-merges function on $name', ({ open }) => {
  let database: Database;
  let operations: SyncOperations;
  let clock: { now: number };

  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await deleteRows(database, [
      'sync.pending_merges',
      'sync.merged_datasets',
      'sync.identities',
      'sync.datasets',
      'sync.records',
      'sync.outbox',
    ]);
    await createPool(database);
    ({ operations, clock } = createSyncService(database));
  });

  const device = (identityId: string, datasetName = 'game') =>
    createDevice(operations, { identityId, datasetName });
  const createFunction = (more: Partial<FinishMergesFunctionDeps> = {}) => {
    const handler = createFinishMerges({
      merges: createMergeStore(database),
      mergeDatasets: createMerger(database, clock),
      credentialsLifetimeMs: CREDENTIALS_LIFETIME_MS,
      logger: createLogger('finish-merges'),
      now: () => clock.now,
      ...more,
    });
    return () => handler({}, createLambdaContext('finish-merges', 'us-east-1', TIMEOUT_MS));
  };
  const run = (more?: Partial<FinishMergesFunctionDeps>) => createFunction(more)();
  const pending = async () =>
    (await database.query<{ identity_id: string }>('SELECT identity_id FROM sync.pending_merges')).rows.map(
      (row) => row.identity_id,
    );
  const namesOf = async (identityId: string) =>
    (await device(identityId).listDatasets()).Datasets.map(({ DatasetName }) => DatasetName);

  it('merges the datasets of pending merges, and later writes made with credentials that are still valid', async () => {
    const [guest, person] = [newIdentity(), newIdentity()];
    await device(guest).update(put('a', '1'));
    await insertPendingMerge(database, mergeOf(guest, person, clock.now));
    expect(await run()).toEqual({ pending: 1, ended: 0, isCutShort: false });
    expect(await namesOf(person)).toEqual([`game.${guest}`]);
    await device(guest).update(put('b', '2'));
    clock.now += CREDENTIALS_LIFETIME_MS;
    expect(await run()).toEqual({ pending: 1, ended: 0, isCutShort: false });
    const { Records } = await device(person, `game.${guest}`).list();
    expect(Records.map(({ Key }) => Key).sort()).toEqual(['a', 'b']);
    expect(await pending()).toEqual([guest]);
  });

  it('ends a merge only after the merged identity’s credentials have expired on every host, even if a clock is behind', async () => {
    const [guest, person] = [newIdentity(), newIdentity()];
    await insertPendingMerge(database, mergeOf(guest, person, clock.now));
    clock.now += CREDENTIALS_LIFETIME_MS + HOUR;
    expect(await run()).toMatchObject({ ended: 0 });
    clock.now += 1;
    // The next run first merges this late write, and then ends the merge.
    await device(guest).update(put('a', '1'));
    expect(await run()).toEqual({ pending: 1, ended: 1, isCutShort: false });
    expect(await namesOf(person)).toEqual([`game.${guest}`]);
    expect(await run()).toEqual({ pending: 0, ended: 0, isCutShort: false });
  });

  it('does not end a merge while the merged identity has datasets or is the target of another merge', async () => {
    const [guest, person, family] = [newIdentity(), newIdentity(), newIdentity()];
    await insertPendingMerge(database, mergeOf(person, family));
    await insertPendingMerge(database, mergeOf(guest, person));
    const { endPending } = createMergeStore(database);
    expect(await endPending(mergeOf(person, family))).toBe(false);
    await device(guest).update(put('a', '1'));
    expect(await endPending(mergeOf(guest, person))).toBe(false);
    await device(guest).remove();
    expect(await endPending(mergeOf(guest, person))).toBe(true);
    expect(await endPending(mergeOf(person, family))).toBe(true);
    expect(await pending()).toEqual([]);
  });

  it('completes the other merges if one fails, logs only ids and the error code, and retries it in the next run', async () => {
    const [first, second, third, person] = [newIdentity(), newIdentity(), newIdentity(), newIdentity()];
    for (const guest of [first, second, third]) {
      await device(guest).update(put('a', '1'));
      await insertPendingMerge(database, mergeOf(guest, person));
    }
    const logger = createLogger('finish-merges');
    const logged = vi.spyOn(logger, 'error').mockImplementation(() => undefined);
    const merge = createMerger(database, clock);
    clock.now += 3 * HOUR;
    const failing = run({
      logger,
      async mergeDatasets(merged) {
        if (merged.from.identityId === second) throw new DatabaseError('no room for "secret"', '53100');
        await merge(merged);
      },
    });
    await expect(failing).rejects.toThrow('1 of 3 merges failed; the next run retries them');
    expect(await pending()).toEqual([second]);
    expect(await namesOf(second)).toEqual(['game']);
    expect(logged.mock.calls).toEqual([
      [
        'merge failed; the next run retries it',
        {
          identityPoolId: POOL,
          identityId: second,
          intoIdentityId: person,
          reason: 'DatabaseError',
          code: '53100',
        },
      ],
    ]);
    expect(await run()).toEqual({ pending: 1, ended: 1, isCutShort: false });
    expect(await namesOf(second)).toEqual([]);
  });

  it.each([1, 2, 3, 4, 5, 6])(
    'keeps the latest value of a chain of merges, in whichever order they are processed (attempt %i)',
    async () => {
      // This service links identities without copying datasets, as if it were killed before the copy.
      const identities = createIdentityService(database);
      const { newIdentityPool, operations: linking } = identities;
      const IdentityPoolId = await newIdentityPool();
      const inPool = (IdentityId: string, datasetName: string) => {
        const dataset = { IdentityPoolId, IdentityId, DatasetName: datasetName };
        const list = () => operations.ListRecords(dataset, DEVELOPER);
        const update = async (value: string, count: number) => {
          const { SyncSessionToken } = await list();
          const RecordPatches = [put('level', value, count)];
          await operations.UpdateRecords({ ...dataset, SyncSessionToken, RecordPatches }, DEVELOPER);
        };
        return { list, update };
      };
      const signIn = (IdentityId: string, Logins: Logins) =>
        linking.GetCredentialsForIdentity({ IdentityId, Logins });

      const { IdentityId: guest } = await linking.GetId({ IdentityPoolId });
      const { IdentityId: ann } = await linking.GetId({ IdentityPoolId, Logins: login('ann') });
      const { IdentityId: last } = await linking.GetId({
        IdentityPoolId,
        Logins: login('a', 'graph.facebook.com'),
      });
      await inPool(guest, 'game').update('old', 0);
      await signIn(guest, login('ann'));
      await run();
      await inPool(guest, 'game').update('new', (await inPool(guest, 'game').list()).DatasetSyncCount);
      await signIn(last, { ...login('ann'), ...login('a', 'graph.facebook.com') });
      // The ids are random, and so is the order in which the merges are processed.
      await run();
      await run();
      const { Records } = await inPool(last, `game.${guest}`).list();
      expect(Records).toMatchObject([{ Key: 'level', Value: 'new' }]);
      expect((await inPool(ann, `game.${guest}`).list()).DatasetExists).toBe(false);
    },
  );

  it('reads many merges in pages, and processes each merge once', async () => {
    const guests = Array.from({ length: 250 }, newIdentity);
    const person = newIdentity();
    for (const guest of guests) await insertPendingMerge(database, mergeOf(guest, person));
    const seen: string[] = [];
    const sizes: number[] = [];
    const { listPending, endPending } = createMergeStore(database);
    clock.now += 3 * HOUR;
    const outcome = await run({
      merges: {
        async listPending(after, limit) {
          const step = await listPending(after, limit);
          sizes.push(step.length);
          return step;
        },
        endPending,
      },
      mergeDatasets: async ({ from }) => void seen.push(from.identityId),
    });
    expect(outcome).toEqual({ pending: 250, ended: 250, isCutShort: false });
    expect(seen.sort()).toEqual(guests.sort());
    expect(sizes).toEqual([100, 100, 50]);
  });

  it('continues where the previous run used up its time budget, and starts over after the last merge', async () => {
    const guests = Array.from({ length: 5 }, newIdentity);
    for (const guest of guests) await insertPendingMerge(database, mergeOf(guest, newIdentity()));
    const seen: string[] = [];
    const step = createFunction({
      timeBudgetMs: 2,
      async mergeDatasets({ from, mergedAt }) {
        expect(mergedAt).toBe(NEW_YEAR);
        seen.push(from.identityId);
        clock.now += 1;
      },
    });
    for (const [pending, isCutShort] of [
      [2, true],
      [2, true],
      [1, false],
      [2, true],
    ]) {
      expect(await step()).toMatchObject({ pending, isCutShort });
    }
    expect(seen.slice(0, 5).toSorted()).toEqual(guests.toSorted());
    expect(seen.slice(5)).toEqual(seen.slice(0, 2));
  });

  it('starts no merge that might not end before the function times out', async () => {
    for (let number = 0; number < 3; number += 1)
      await insertPendingMerge(database, mergeOf(newIdentity(), newIdentity()));
    const slow = createFunction({
      async mergeDatasets() {
        clock.now += 20_000;
      },
    });
    expect((await slow()).pending).toBe(2);
  });
});
