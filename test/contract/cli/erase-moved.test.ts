import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createServiceTables } from '../../../infra/cli/commands/erase/service-tables.ts';
import type { Database } from '../../../lib/database/database.ts';
import { identityRowId } from '../../../lib/database/row-ids.ts';
import { createIdentityStore } from '../../../lib/identity/store/identity-store.ts';
import { createMoveStore } from '../../../lib/move/store/move-store.ts';
import { putMarks, setBridges } from '../../../lib/sync/store/replica/marks.ts';
import { createDataJobs } from '../../../lib/wire/service/create-data-jobs.ts';
import { DATABASES } from '../../fixtures/database/databases.ts';
import { newPool } from '../../fixtures/identity/identity-pools.ts';

const noLink = () => {
  throw new Error('no link is needed here');
};

describe.each(DATABASES)('the rows of a migration in an erasure on $name', ({ open }) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());

  async function prepare() {
    const identityPoolId = await newPool(database);
    const identity = { identityPoolId, identityId: `us-east-1:${randomUUID()}` };
    await database.query(
      `INSERT INTO move.conflicts (conflict_id, identity_pool_id, identity_id, dataset_name, kind, winner, decided_ms)
       VALUES (gen_random_uuid(), $1, $2, 'game', 'changed', 'here', 1)`,
      [identityPoolId, identity.identityId],
    );
    const id = randomUUID();
    await database.query(
      'INSERT INTO move.datasets (dataset_id, identity_row_id, agreed_here, agreed_there) VALUES ($1, $2, 1, 1)',
      [id, identityRowId(identity)],
    );
    await database.query(
      `INSERT INTO move.pending (dataset_id, record_id, record_key, here_count, after_there)
       VALUES ($1::uuid, $1::uuid, 'key', 1, 1)`,
      [id],
    );
    await putMarks(database, identityPoolId, [{ ...identity, datasetName: 'game' }]);
    return { identity, tables: createServiceTables(database, Date.now) };
  }
  const dataJobs = () =>
    createDataJobs({
      database,
      offloading: { links: { create: noLink }, inlineBytes: 1 },
      afterWrite: () => undefined,
    });
  const stored = { conflicts: 1, bridgedKeys: 1, unbridgedDatasets: 1 };

  it('are counted and erased', async () => {
    const { identity, tables } = await prepare();
    expect(await tables.count(identity)).toMatchObject(stored);
    const other = await prepare();
    await tables.eraseUnpublished(identity, { withRemovals: false });
    expect(await tables.count(identity)).toMatchObject({
      conflicts: 0,
      bridgedKeys: 0,
      unbridgedDatasets: 0,
    });
    expect(await tables.count(other.identity)).toMatchObject(stored);
  });

  it('are kept for a dataset that the bridge, which sends writes to the origin, still has to delete there', async () => {
    const { identity, tables } = await prepare();
    await setBridges(database, identity.identityPoolId, true);
    await tables.eraseUnpublished(identity, { withRemovals: false });
    expect(await tables.count(identity)).toMatchObject({
      conflicts: 0,
      bridgedKeys: 0,
      unbridgedDatasets: 1,
    });
  });

  it('are erased by DeleteIdentities', async () => {
    const { identity, tables } = await prepare();
    const { deleteIdentityData } = dataJobs();
    const identities = createIdentityStore(database);
    await identities.createGuest(identity, 1);
    expect(await identities.deleteIdentity(identity.identityId, 2)).toEqual([identity]);
    expect(await deleteIdentityData(identity)).toBe(true);
    expect(await tables.count(identity)).toMatchObject({
      conflicts: 0,
      bridgedKeys: 0,
      unbridgedDatasets: 0,
    });
  });

  it('no longer count as copied identities after an erasure, or after a deletion before `move finish` took the identity over', async () => {
    const { identity, tables } = await prepare();
    const { identityPoolId } = identity;
    const [erased, owned] = [randomUUID(), randomUUID()].map((id) => ({
      identityPoolId,
      identityId: `us-east-1:${id}`,
    })) as [typeof identity, typeof identity];
    const store = createMoveStore(database, { offloading: null, now: () => 1 });
    const given = [identity, erased, owned].map(({ identityId }) => ({
      identityId,
      createdAt: 1,
      modifiedAt: 1,
      providers: [],
    }));
    const about = { startedAt: 1, state: 'usable', developerProvider: undefined } as const;
    await store.putIdentities(identityPoolId, given, about);
    await database.query('UPDATE move.identities SET taken_over_ms = 1 WHERE identity_row_id = $1', [
      identityRowId(owned),
    ]);
    const identities = createIdentityStore(database);
    for (const each of [identity, owned]) {
      await identities.deleteIdentity(each.identityId, 2);
      await dataJobs().deleteIdentityData(each);
    }
    await tables.eraseUnpublished(erased, { withRemovals: false });
    const counted = { identities: 1, takenOver: 1, copied: 0 };
    expect(await store.countIdentities(identityPoolId, 9)).toEqual(counted);
    expect(await store.countIdentities(identityPoolId, 9, 100)).toEqual(counted);
    // Another listing of the origin must not restore the erased and deleted identities.
    await store.putIdentities(identityPoolId, given, { ...about, startedAt: 2 });
    expect(await store.countIdentities(identityPoolId, 9)).toEqual(counted);
  });
});
