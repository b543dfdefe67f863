import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Caller } from '../../../lib/common/caller.ts';
import { type Database, DatabaseError } from '../../../lib/database/database.ts';
import type { OpenIdTokenOutput } from '../../../lib/identity/model.ts';
import { createIdentityStore } from '../../../lib/identity/store/identity-store.ts';
import type { SyncOperations } from '../../../lib/sync/model.ts';
import { SERVICE_DATABASES } from '../../fixtures/database/databases.ts';
import { deleteRows } from '../../fixtures/database/delete-rows.ts';
import { readOutboxEvents } from '../../fixtures/database/outbox-rows.ts';
import { createPool } from '../../fixtures/identity/identity-pools.ts';
import {
  DEVELOPER_PROVIDER,
  type IdentityService,
  login,
  OWN_PROVIDER,
} from '../../fixtures/identity/identity-service.ts';
import { createDeletingService } from '../../fixtures/sync/deleting-service.ts';
import { createMerger } from '../../fixtures/sync/merges.ts';
import { POOL } from '../../fixtures/sync/stream-events.ts';
import { createDevice, createSyncService, drop, put } from '../../fixtures/sync/sync-service.ts';
import { DEVELOPER } from '../../fixtures/wire/signing.ts';

const TABLES = [
  'sync.datasets',
  'sync.records',
  'sync.spent_tokens',
  'sync.merged_datasets',
  'sync.subscriptions',
  'sync.identities',
  'sync.pending_merges',
  'sync.devices',
  'sync.deleted_identities',
  'sync.outbox',
  'sync.identity_pools',
  'identity.identities',
  'identity.logins',
];
const APPLICATION = 'arn:aws:sns:us-east-1:000000000000:app/GCM/game';

describe.each(SERVICE_DATABASES)('DeleteIdentities on $name', ({ open }) => {
  let database: Database;
  let service: IdentityService;
  let sync: SyncOperations;

  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await deleteRows(database, TABLES);
    await createPool(database, POOL, {
      streams: { status: 'ENABLED', streamName: 'cognito-sync', roleArn: null, disabledReason: null },
      pushSync: { applicationArns: [APPLICATION], roleArn: null },
    });
    service = createDeletingService(database);
    sync = createSyncService(database).operations;
  });

  const getId = async (Logins = {}) =>
    (await service.operations.GetId({ IdentityPoolId: POOL, Logins })).IdentityId;
  const remove = async (...IdentityIdsToDelete: string[]) =>
    (await service.operations.DeleteIdentities({ IdentityIdsToDelete }, DEVELOPER)).UnprocessedIdentityIds;
  const asIdentity = (identityId: string): Caller => ({ kind: 'identity', identityPoolId: POOL, identityId });
  const deviceOf = (identityId: string, datasetName = 'game', operations = sync) =>
    createDevice(operations, { identityId, datasetName, caller: asIdentity(identityId) });
  const registerDevice = (identityId: string) =>
    sync.RegisterDevice(
      { IdentityPoolId: POOL, IdentityId: identityId, Platform: 'GCM', Token: `token of ${identityId}` },
      asIdentity(identityId),
    );
  const removals = async () =>
    (await readOutboxEvents(database))
      .filter(({ operation }) => operation === 'remove')
      .map(({ identityId, datasetName }) => `${identityId} ${datasetName}`)
      .sort();

  /** Merges a guest into the identity, and writes data of the identity into every table. Returns the guest's id. */
  async function fill(identityId: string, logins: object): Promise<string> {
    const guest = await getId();
    await deviceOf(guest, 'guest').update(put('a', '1'));
    const merging = createDeletingService(database, { mergeDatasets: createMerger(database) });
    await merging.operations.GetCredentialsForIdentity({ IdentityId: guest, Logins: { ...logins } });
    const device = deviceOf(identityId);
    await device.update(put('a', '1'), put('b', '2'));
    await device.update(drop('b', 1));
    await deviceOf(identityId, 'gone').update(put('a', '1'));
    await deviceOf(identityId, 'gone').remove();
    const { DeviceId } = await registerDevice(identityId);
    await sync.SubscribeToDataset({ ...device.dataset, DeviceId }, asIdentity(identityId));
    return guest;
  }

  /** Returns the tables with a row that contains one of the texts, in any column. */
  async function tablesWith(...texts: string[]): Promise<string[]> {
    const { rows } = await database.query<{ name: string }>(
      `SELECT schemaname || '.' || tablename AS name FROM pg_tables
       WHERE schemaname IN ('sync', 'identity') AND tablename NOT IN ('migrations', 'outbox')`,
    );
    const found: string[] = [];
    for (const { name } of rows) {
      const sql = `SELECT 1 FROM ${name} AS one WHERE ${texts.map((_, index) => `position($${index + 1}::text in one::text) > 0`).join(' OR ')}`;
      if ((await database.query(sql, texts)).rows.length > 0) found.push(name);
    }
    return found.sort();
  }

  const countRows = async () => {
    const counts: Record<string, number> = {};
    for (const table of TABLES) {
      const { rows } = await database.query<{ n: number }>(`SELECT count(*) AS n FROM ${table}`);
      counts[table] = rows[0]?.n ?? 0;
    }
    return counts;
  };

  it('deletes an identity and its logins; the user then gets a new identity', async () => {
    const ann = await getId(login('ann'));
    expect(await remove(ann)).toEqual([]);
    await expect(service.operations.DescribeIdentity({ IdentityId: ann }, DEVELOPER)).rejects.toMatchObject({
      code: 'ResourceNotFoundException',
    });
    expect(
      await service.store.listIdentities({ identityPoolId: POOL, after: '', limit: 9, hideDisabled: false }),
    ).toEqual([]);
    expect(await getId(login('ann'))).not.toBe(ann);
  });

  it('deletes all data of the identity and of the identities that were merged into it, and nothing else', async () => {
    const [ann, ben] = [await getId(login('ann')), await getId(login('ben'))];
    await fill(ben, login('ben'));
    const before = await countRows();
    const guest = await fill(ann, login('ann'));
    expect(await tablesWith(ann, guest)).toEqual([
      'identity.identities',
      'identity.logins',
      'sync.datasets',
      'sync.devices',
      'sync.identities',
      'sync.pending_merges',
      'sync.records',
    ]);
    await database.query('DELETE FROM sync.outbox');
    expect(await remove(ann)).toEqual([]);
    expect(await tablesWith(ann, guest, 'ann')).toEqual([]);
    expect(await countRows()).toEqual({
      ...before,
      'identity.identities': (before['identity.identities'] ?? 0) - 1,
      'identity.logins': (before['identity.logins'] ?? 0) - 1,
      'sync.deleted_identities': 2,
      'sync.outbox': 2,
    });
    expect(await removals()).toEqual([`${ann} game`, `${ann} guest.${guest}`]);
  });

  it('invalidates the credentials of a deleted identity, with which nothing can be created', async () => {
    const ann = await getId(login('ann'));
    const { dataset, identity, token, updateWith, ...device } = deviceOf(ann);
    await device.update(put('a', '1'));
    const session = await token();
    const other = await deviceOf(ann, 'other').token();
    const DeviceId = (await registerDevice(ann)).DeviceId;
    await remove(ann);
    const caller = asIdentity(ann);
    const revoked = { code: 'NotAuthorizedException' };
    await expect(device.list()).rejects.toMatchObject(revoked);
    await expect(device.list({ LastSyncCount: 1 })).rejects.toMatchObject(revoked);
    await expect(device.listDatasets()).rejects.toMatchObject(revoked);
    await expect(sync.DescribeIdentityUsage(identity, caller)).rejects.toMatchObject(revoked);
    await expect(updateWith(session, put('a', '2', 1))).rejects.toMatchObject(revoked);
    await expect(updateWith(session)).rejects.toMatchObject(revoked);
    await expect(deviceOf(ann, 'other').updateWith(other, put('a', '1'))).rejects.toMatchObject(revoked);
    await expect(registerDevice(ann)).rejects.toMatchObject(revoked);
    const unknown = { code: 'ResourceNotFoundException' };
    await expect(device.describe()).rejects.toMatchObject(unknown);
    await expect(device.remove()).rejects.toMatchObject(unknown);
    await expect(sync.SubscribeToDataset({ ...dataset, DeviceId }, caller)).rejects.toMatchObject(unknown);
    await expect(sync.UnsubscribeFromDataset({ ...dataset, DeviceId }, caller)).rejects.toMatchObject(
      unknown,
    );
    expect(await tablesWith(ann)).toEqual([]);
  });

  it('invalidates the credentials of a deleted identity even before its data is deleted', async () => {
    const ann = await getId(login('ann'));
    const { dataset, identity, token, updateWith, ...device } = deviceOf(ann);
    const { DeviceId } = await registerDevice(ann);
    await device.update(put('a', '1'), put('b', '1'));
    await sync.SubscribeToDataset({ ...dataset, DeviceId }, asIdentity(ann));
    // The other process has the dataset in its cache, as a process that writes for the device has.
    const otherProcess = deviceOf(ann, 'game', createSyncService(database).operations);
    await otherProcess.update(put('a', '2', 1));
    const [session, cachedSession, page] = [
      await token(),
      await token(),
      (await device.list({ MaxResults: 1 })).NextToken ?? '',
    ];
    const datasets = (await sync.ListDatasets({ ...identity, MaxResults: 1 }, asIdentity(ann))).Datasets;
    const interrupted = createDeletingService(database, { deleteIdentityData: async () => false });
    await interrupted.operations.DeleteIdentities({ IdentityIdsToDelete: [ann] }, DEVELOPER);
    expect(datasets).toHaveLength(1);
    expect(await tablesWith(ann)).toContain('sync.records');

    const caller = asIdentity(ann);
    const revoked = { code: 'NotAuthorizedException' };
    await expect(device.list()).rejects.toMatchObject(revoked);
    await expect(device.list({ SyncSessionToken: session })).rejects.toMatchObject(revoked);
    await expect(device.list({ NextToken: page })).rejects.toMatchObject(revoked);
    await expect(device.listDatasets()).rejects.toMatchObject(revoked);
    await expect(sync.DescribeIdentityUsage(identity, caller)).rejects.toMatchObject(revoked);
    await expect(updateWith(session, put('a', '3', 2))).rejects.toMatchObject(revoked);
    await expect(otherProcess.updateWith(cachedSession, put('a', '3', 2))).rejects.toMatchObject(revoked);
    await expect(registerDevice(ann)).rejects.toMatchObject(revoked);
    const unknown = { code: 'ResourceNotFoundException' };
    await expect(device.describe()).rejects.toMatchObject(unknown);
    await expect(device.remove()).rejects.toMatchObject(unknown);
    for (const call of [sync.SubscribeToDataset, sync.UnsubscribeFromDataset]) {
      await expect(call({ ...dataset, DeviceId }, caller)).rejects.toMatchObject(unknown);
    }

    const developer = createDevice(sync, { identityId: ann });
    expect(await developer.list()).toMatchObject({ DatasetExists: false, Records: [] });
    await expect(developer.updateWith(session, put('a', '3', 2))).rejects.toMatchObject(unknown);
    expect(await remove(ann)).toEqual([]);
    expect(await tablesWith(ann)).toEqual([]);
    expect(await removals()).toEqual([`${ann} game`]);
  });

  it('lets a developer neither write nor read data of a deleted identity', async () => {
    const ann = await getId(login('ann'));
    const device = createDevice(sync, { identityId: ann });
    const session = await device.token();
    await remove(ann);
    const unknown = { code: 'ResourceNotFoundException', message: `Identity '${ann}' not found` };
    await expect(device.updateWith(session, put('a', '1'))).rejects.toMatchObject(unknown);
    expect(await device.list()).toMatchObject({ DatasetExists: false, Records: [] });
    expect((await device.listDatasets()).Datasets).toEqual([]);
    const { IdentityUsage } = await sync.DescribeIdentityUsage(device.identity, DEVELOPER);
    expect(IdentityUsage).toMatchObject({ DatasetCount: 0 });
    expect(await tablesWith(ann)).toEqual([]);
  });

  it('is not undone by a process that has a dataset of the identity in its cache', async () => {
    const ann = await getId(login('ann'));
    const { update, token, updateWith } = deviceOf(ann);
    await update(put('a', '1'));
    await update(put('a', '2', 1));
    const session = await token();
    await remove(ann);
    await expect(updateWith(session, put('a', '3', 2))).rejects.toMatchObject({
      code: 'NotAuthorizedException',
    });
    expect(await tablesWith(ann)).toEqual([]);
  });

  it.each<[string, (IdentityPoolId: string, IdentityId: string) => Promise<OpenIdTokenOutput>]>([
    [
      'GetOpenIdToken',
      (_, IdentityId) => service.operations.GetOpenIdToken({ IdentityId, Logins: login('ann') }),
    ],
    [
      'GetOpenIdTokenForDeveloperIdentity',
      (IdentityPoolId, IdentityId) =>
        service.operations.GetOpenIdTokenForDeveloperIdentity(
          { IdentityPoolId, IdentityId, Logins: { [DEVELOPER_PROVIDER]: 'ann' }, TokenDuration: 86_400 },
          DEVELOPER,
        ),
    ],
  ])('rejects tokens that %s returned earlier', async (_, getToken) => {
    const IdentityPoolId = await service.newIdentityPool();
    const { operations, assumeRole } = service;
    const { IdentityId } = await operations.GetId({ IdentityPoolId, Logins: login('ann') });
    const { Token } = await getToken(IdentityPoolId, IdentityId);
    const use = { Logins: { [OWN_PROVIDER]: Token } };
    expect((await operations.GetId({ IdentityPoolId, ...use })).IdentityId).toBe(IdentityId);
    await remove(IdentityId);
    const calls: (() => Promise<unknown>)[] = [
      () => operations.GetCredentialsForIdentity({ IdentityId, ...use }),
      () => operations.GetOpenIdToken({ IdentityId, ...use }),
      () => operations.GetId({ IdentityPoolId, Logins: { ...use.Logins, ...login('eve') } }),
      () => assumeRole({ RoleArn: 'arn', RoleSessionName: 'session', WebIdentityToken: Token }),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'NotAuthorizedException' });
  });

  it('reports an unknown identity and deletes the others', async () => {
    const [ann, guest] = [await getId(login('ann')), await getId()];
    const unknown = 'us-east-1:00000000-0000-4000-8000-00000000dead';
    expect(await remove(ann, unknown, ann, guest)).toEqual([
      { IdentityId: unknown, ErrorCode: 'AccessDenied' },
    ]);
    expect(await remove(ann, guest)).toEqual([]);
  });

  it('rejects identities as callers, and lists of invalid length', async () => {
    const ann = await getId(login('ann'));
    const input = { IdentityIdsToDelete: [ann] };
    await expect(service.operations.DeleteIdentities(input, asIdentity(ann))).rejects.toMatchObject({
      code: 'NotAuthorizedException',
    });
    const invalid = { code: 'InvalidParameterException' };
    await expect(remove()).rejects.toMatchObject(invalid);
    await expect(remove(...Array.from({ length: 61 }, () => ann))).rejects.toMatchObject(invalid);
    expect(await service.store.readIdentity(ann)).not.toBeNull();
  });

  it('does not delete a merged identity while its datasets may still be moved; afterwards, deletes only that identity', async () => {
    const [ann, guest] = [await getId(login('ann')), await getId()];
    await service.operations.GetCredentialsForIdentity({ IdentityId: guest, Logins: login('ann') });
    expect(await remove(guest)).toEqual([{ IdentityId: guest, ErrorCode: 'InternalServerError' }]);
    expect(await service.store.readIdentity(guest)).not.toBeNull();
    await database.query('DELETE FROM sync.pending_merges');
    expect(await remove(guest)).toEqual([]);
    expect(await tablesWith(guest)).toEqual([]);
    expect(await getId(login('ann'))).toBe(ann);
  });

  it('lets a merge that is still in progress move nothing to the deleted identity', async () => {
    const [ann, guest] = [await getId(login('ann')), await getId()];
    await deviceOf(guest).update(put('a', '1'));
    await service.operations.GetCredentialsForIdentity({ IdentityId: guest, Logins: login('ann') });
    const merge = service.merges[0];
    if (!merge) throw new Error('no merge was requested');
    await createIdentityStore(database).deleteIdentity(ann, service.clock.now);
    await createMerger(database)(merge);
    expect(await removals()).toEqual([]);
    expect(await remove(ann)).toEqual([]);
    expect(await removals()).toEqual([`${guest} game`]);
    await createMerger(database)(merge);
    expect(await tablesWith(ann, guest)).toEqual([]);
  });

  it('reports an identity whose data cannot be deleted, hides the cause, and deletes the rest when repeated', async () => {
    const [ann, ben] = [await getId(login('ann')), await getId(login('ben'))];
    for (const id of [ann, ben]) await deviceOf(id).update(put('a', '1'));
    const onFailedDeletion = vi.fn();
    const error = new DatabaseError('no room', '53100');
    const { operations } = createDeletingService(database, {
      onFailedDeletion,
      async deleteIdentityData({ identityId }) {
        if (identityId === ann) throw error;
        return false;
      },
    });
    const input = { IdentityIdsToDelete: [ann, ben] };
    expect(await operations.DeleteIdentities(input, DEVELOPER)).toEqual({
      UnprocessedIdentityIds: [ann, ben].map((IdentityId) => ({
        IdentityId,
        ErrorCode: 'InternalServerError',
      })),
    });
    expect(onFailedDeletion.mock.calls).toEqual([[ann, error]]);
    expect(await service.store.readIdentity(ann)).toBeNull();
    expect(await remove(ann, ben)).toEqual([]);
    expect(await tablesWith(ann, ben)).toEqual([]);
  });
});
