import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Caller } from '../../../lib/common/caller.ts';
import type { Database } from '../../../lib/database/database.ts';
import type { CreateIdentityPoolInput } from '../../../lib/identity/model.ts';
import { createBulkPublishJobStore } from '../../../lib/sync/store/bulk-publish-job-store.ts';
import { createPoolStore } from '../../../lib/sync/store/pool-store.ts';
import { SERVICE_DATABASES } from '../../fixtures/database/databases.ts';
import { deleteRows } from '../../fixtures/database/delete-rows.ts';
import { newPool } from '../../fixtures/identity/identity-pools.ts';
import {
  createIdentityService,
  DEVELOPER_PROVIDER,
  type IdentityService,
  login,
} from '../../fixtures/identity/identity-service.ts';
import { createDeletingService } from '../../fixtures/sync/deleting-service.ts';
import { createSyncService, put } from '../../fixtures/sync/sync-service.ts';
import { DEVELOPER } from '../../fixtures/wire/signing.ts';

const error = (code: string, message: string) => expect.objectContaining({ code, message });
const NOT_AUTHORIZED = error(
  'NotAuthorizedException',
  'These credentials are not valid for accessing this resource',
);
const poolNotFound = (id: string) => error('ResourceNotFoundException', `IdentityPool '${id}' not found.`);
const invalid = (message: string) => error('InvalidParameterException', expect.stringContaining(message));

const FULL: CreateIdentityPoolInput = {
  IdentityPoolName: 'Spieler \u{1F3AE}',
  AllowUnauthenticatedIdentities: false,
  AllowClassicFlow: true,
  SupportedLoginProviders: { 'graph.facebook.com': '7346241598935555' },
  DeveloperProviderName: DEVELOPER_PROVIDER,
  OpenIdConnectProviderARNs: ['arn:aws:iam::000000000000:oidc-provider/example.com'],
  CognitoIdentityProviders: [{ ProviderName: 'cognito-idp.x', ClientId: 'c', ServerSideTokenCheck: true }],
  SamlProviderARNs: ['arn:aws:iam::000000000000:saml-provider/x'],
  IdentityPoolTags: { team: 'games' },
};
const BARE: CreateIdentityPoolInput = { IdentityPoolName: 'bare', AllowUnauthenticatedIdentities: true };

describe.each(SERVICE_DATABASES)('identity pool operations on $name', ({ open }) => {
  let database: Database;
  let service: IdentityService;

  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await deleteRows(database, ['sync.identity_pools', 'sync.datasets', 'sync.records']);
    service = createDeletingService(database);
  });

  const describePool = (IdentityPoolId: string) =>
    service.operations.DescribeIdentityPool({ IdentityPoolId }, DEVELOPER);
  const update = (IdentityPoolId: string, settings: CreateIdentityPoolInput) =>
    service.operations.UpdateIdentityPool({ IdentityPoolId, ...settings }, DEVELOPER);
  const remove = (IdentityPoolId: string) =>
    service.operations.DeleteIdentityPool({ IdentityPoolId }, DEVELOPER);
  const countRows = async (IdentityPoolId: string) =>
    (
      await database.query(
        `SELECT
          (SELECT count(*) FROM identity.identities WHERE identity_pool_id = $1) AS identities,
          (SELECT count(*) FROM identity.logins WHERE identity_pool_id = $1) AS logins`,
        [IdentityPoolId],
      )
    ).rows[0];

  describe('reject callers that are not developers', () => {
    const pool = { IdentityPoolId: `us-east-1:${randomUUID()}` };
    const calls: [string, (caller: Caller) => Promise<unknown>][] = [
      ['CreateIdentityPool', (caller) => service.operations.CreateIdentityPool(BARE, caller)],
      ['UpdateIdentityPool', (caller) => service.operations.UpdateIdentityPool({ ...pool, ...BARE }, caller)],
      ['DescribeIdentityPool', (caller) => service.operations.DescribeIdentityPool(pool, caller)],
      ['ListIdentityPools', (caller) => service.operations.ListIdentityPools({ MaxResults: 9 }, caller)],
      ['DeleteIdentityPool', (caller) => service.operations.DeleteIdentityPool(pool, caller)],
      ['DescribeIdentity', (caller) => service.operations.DescribeIdentity({ IdentityId: 'a:0' }, caller)],
      ['ListIdentities', (caller) => service.operations.ListIdentities({ ...pool, MaxResults: 9 }, caller)],
      [
        'GetOpenIdTokenForDeveloperIdentity',
        (caller) =>
          service.operations.GetOpenIdTokenForDeveloperIdentity({ ...pool, Logins: { a: 'b' } }, caller),
      ],
      [
        'MergeDeveloperIdentities',
        (caller) =>
          service.operations.MergeDeveloperIdentities(
            {
              ...pool,
              SourceUserIdentifier: 'a',
              DestinationUserIdentifier: 'b',
              DeveloperProviderName: 'c',
            },
            caller,
          ),
      ],
    ];
    it.each(calls)('%s', async (_, call) => {
      const identity = { identityPoolId: pool.IdentityPoolId, identityId: 'us-east-1:0' };
      await expect(call({ kind: 'identity', ...identity })).rejects.toEqual(NOT_AUTHORIZED);
      expect(await service.store.listPools({ after: '', limit: 9 })).toEqual([]);
    });
  });

  it.each([FULL, BARE])('CreateIdentityPool stores all settings: $IdentityPoolName', async (settings) => {
    const created = await service.operations.CreateIdentityPool(settings, DEVELOPER);
    expect(created).toEqual({
      IdentityPoolId: expect.stringMatching(/^us-east-1:[0-9a-f-]{36}$/),
      ...settings,
    });
    expect(await describePool(created.IdentityPoolId)).toEqual(created);
  });

  it('CreateIdentityPool configures no stream, no push sync and no sync trigger', async () => {
    const identityPoolId = await service.newIdentityPool();
    const unset = { syncTrigger: null, streams: null, pushSync: null };
    expect(await createPoolStore(database).readPool(identityPoolId)).toEqual({
      identityPoolId,
      revision: 1,
      ...unset,
    });
  });

  it('a pool created without settings has a default name and allows guests', async () => {
    const IdentityPoolId = await newPool(database);
    const settings = { IdentityPoolName: 'cognito-sync-backend', AllowUnauthenticatedIdentities: true };
    expect(await describePool(IdentityPoolId)).toEqual({ IdentityPoolId, ...settings });
    expect(await update(IdentityPoolId, FULL)).toEqual({ IdentityPoolId, ...FULL });
    expect(await describePool(IdentityPoolId)).toEqual({ IdentityPoolId, ...FULL });
  });

  it('UpdateIdentityPool replaces all settings except the name of the developer provider', async () => {
    const { IdentityPoolId } = await service.operations.CreateIdentityPool(FULL, DEVELOPER);
    const updated = { IdentityPoolId, ...BARE, DeveloperProviderName: DEVELOPER_PROVIDER };
    expect(await update(IdentityPoolId, BARE)).toEqual(updated);
    expect(await describePool(IdentityPoolId)).toEqual(updated);
    const renamed = { ...BARE, DeveloperProviderName: 'other' };
    await expect(update(IdentityPoolId, renamed)).rejects.toEqual(invalid('DeveloperProviderName'));
    expect(await describePool(IdentityPoolId)).toEqual(updated);
  });

  it('UpdateIdentityPool fails if another request changes the pool after it was read', async () => {
    const identityPoolId = await service.newIdentityPool();
    const before = await describePool(identityPoolId);
    expect(await service.store.changePool(before, { ...before, IdentityPoolName: 'one' })).toBe(true);
    expect(await service.store.changePool(before, { ...before, IdentityPoolName: 'two' })).toBe(false);
    expect(await describePool(identityPoolId)).toMatchObject({ IdentityPoolName: 'one' });
    const racing = createIdentityService(database, {
      store: { ...service.store, readPool: async () => before },
    });
    const input = { IdentityPoolId: identityPoolId, ...BARE };
    await expect(racing.operations.UpdateIdentityPool(input, DEVELOPER)).rejects.toMatchObject({
      code: 'ConcurrentModificationException',
    });
  });

  it('reject an unknown pool or identity', async () => {
    const id = `us-east-1:${randomUUID()}`;
    const pool = { IdentityPoolId: id };
    await expect(describePool(id)).rejects.toEqual(poolNotFound(id));
    await expect(update(id, BARE)).rejects.toEqual(poolNotFound(id));
    await expect(remove(id)).rejects.toEqual(poolNotFound(id));
    await expect(service.operations.ListIdentities({ ...pool, MaxResults: 1 }, DEVELOPER)).rejects.toEqual(
      poolNotFound(id),
    );
    await expect(service.operations.DescribeIdentity({ IdentityId: id }, DEVELOPER)).rejects.toEqual(
      error('ResourceNotFoundException', `Identity '${id}' not found.`),
    );
  });

  it('ListIdentityPools returns pages of pools ordered by id', async () => {
    const created = await Promise.all(
      ['a', 'b', 'c', 'd', 'e'].map((IdentityPoolName) =>
        service.operations.CreateIdentityPool({ ...FULL, IdentityPoolName }, DEVELOPER),
      ),
    );
    const expected = created
      .map(({ IdentityPoolId, IdentityPoolName }) => ({ IdentityPoolId, IdentityPoolName }))
      .sort((a, b) => (a.IdentityPoolId < b.IdentityPoolId ? -1 : 1));
    const list = (MaxResults: number, NextToken?: string | null) =>
      service.operations.ListIdentityPools({ MaxResults, NextToken: NextToken ?? undefined }, DEVELOPER);
    expect(await list(5)).toEqual({ IdentityPools: expected, NextToken: null });
    const first = await list(2);
    const second = await list(2, first.NextToken);
    const third = await list(60, second.NextToken);
    expect([first, second, third].flatMap(({ IdentityPools }) => IdentityPools)).toEqual(expected);
    expect(third.NextToken).toBeNull();
    await expect(list(2, 'x')).rejects.toEqual(invalid('NextToken not valid'));
    await expect(list(2, `${first.NextToken}x`)).rejects.toEqual(invalid('NextToken not valid'));
  });

  it.each([0, 61, -1, 1.5])('the listings reject MaxResults %d', async (MaxResults) => {
    const IdentityPoolId = await service.newIdentityPool();
    await expect(service.operations.ListIdentityPools({ MaxResults }, DEVELOPER)).rejects.toEqual(
      invalid('maxResults'),
    );
    await expect(
      service.operations.ListIdentities({ IdentityPoolId, MaxResults }, DEVELOPER),
    ).rejects.toEqual(invalid('maxResults'));
  });

  describe('ListIdentities', () => {
    let IdentityPoolId: string;
    let guest: string;
    let ann: string;
    let merged: string;
    beforeEach(async () => {
      IdentityPoolId = await service.newIdentityPool();
      const getId = async (Logins = {}) =>
        (await service.operations.GetId({ IdentityPoolId, Logins })).IdentityId;
      guest = await getId();
      ann = await getId({ ...login('ann', 'z'), ...login('ann', 'a') });
      merged = await getId();
      await service.operations.GetCredentialsForIdentity({ IdentityId: merged, Logins: login('ann', 'z') });
      await service.operations.GetId({ IdentityPoolId: await service.newIdentityPool() });
    });
    const list = (more: { MaxResults?: number; NextToken?: string; HideDisabled?: boolean } = {}) =>
      service.operations.ListIdentities({ IdentityPoolId, MaxResults: 60, ...more }, DEVELOPER);

    it('describes the identities of the pool, ordered by id', async () => {
      const described = await Promise.all(
        [guest, ann, merged]
          .sort()
          .map((IdentityId) => service.operations.DescribeIdentity({ IdentityId }, DEVELOPER)),
      );
      expect(await list()).toEqual({ IdentityPoolId, Identities: described, NextToken: null });
      expect(described.find(({ IdentityId }) => IdentityId === ann)?.Logins).toEqual(['a', 'z']);
    });

    it('leaves out merged identities if HideDisabled is set', async () => {
      const { Identities } = await list({ HideDisabled: true });
      expect(Identities.map(({ IdentityId }) => IdentityId)).toEqual([guest, ann].sort());
    });

    it('returns pages whose token is valid only for its pool', async () => {
      const ids = [];
      let NextToken: string | undefined;
      do {
        const page = await list({ MaxResults: 1, ...(NextToken && { NextToken }) });
        expect(page.Identities).toHaveLength(1);
        ids.push(...page.Identities.map(({ IdentityId }) => IdentityId));
        NextToken = page.NextToken ?? undefined;
      } while (NextToken);
      expect(ids).toEqual([guest, ann, merged].sort());
      const { NextToken: token } = await list({ MaxResults: 1 });
      IdentityPoolId = await service.newIdentityPool();
      await expect(list({ NextToken: token ?? '' })).rejects.toEqual(invalid('NextToken not valid'));
    });
  });

  describe('DeleteIdentityPool', () => {
    it('removes the pool with its identities and logins, and nothing of another pool', async () => {
      const IdentityPoolId = await service.newIdentityPool();
      const other = await service.newIdentityPool();
      const { IdentityId } = await service.operations.GetId({ IdentityPoolId, Logins: login('ann') });
      await service.operations.GetId({ IdentityPoolId: other, Logins: login('ann') });
      expect(await remove(IdentityPoolId)).toEqual({});
      expect(await countRows(IdentityPoolId)).toEqual({ identities: 0, logins: 0 });
      expect(await countRows(other)).toEqual({ identities: 1, logins: 1 });
      await expect(describePool(IdentityPoolId)).rejects.toEqual(poolNotFound(IdentityPoolId));
      await expect(remove(IdentityPoolId)).rejects.toEqual(poolNotFound(IdentityPoolId));
      await expect(
        service.operations.GetCredentialsForIdentity({ IdentityId, Logins: login('ann') }),
      ).rejects.toMatchObject({ code: 'NotAuthorizedException' });
      expect((await describePool(other)).IdentityPoolId).toBe(other);
    });

    it('hides the pool from every operation even if none of its data could be deleted', async () => {
      const IdentityPoolId = await service.newIdentityPool();
      const guest = await service.operations.GetId({ IdentityPoolId });
      const sync = createSyncService(database).operations;
      const dataset = { IdentityPoolId, IdentityId: guest.IdentityId, DatasetName: 'game' };
      const write = async () => {
        const { SyncSessionToken } = await sync.ListRecords(dataset, DEVELOPER);
        const RecordPatches = [put('a', '1')];
        await sync.UpdateRecords({ ...dataset, SyncSessionToken, RecordPatches }, DEVELOPER);
      };
      await write();
      const { operations } = createIdentityService(database, { deletePoolData: async () => false });
      expect(await operations.DeleteIdentityPool({ IdentityPoolId }, DEVELOPER)).toEqual({});
      expect(await countRows(IdentityPoolId)).toEqual({ identities: 1, logins: 0 });
      const notFound = { code: 'ResourceNotFoundException' };
      for (const call of [
        () => describePool(IdentityPoolId),
        () => update(IdentityPoolId, BARE),
        () => operations.GetId({ IdentityPoolId }),
        () => operations.GetId({ IdentityPoolId, Logins: login('ann') }),
        () => operations.DescribeIdentity(guest, DEVELOPER),
        () => operations.ListIdentities({ IdentityPoolId, MaxResults: 9 }, DEVELOPER),
        () => write(),
        () => sync.DescribeIdentityPoolUsage({ IdentityPoolId }, DEVELOPER),
        () => sync.GetIdentityPoolConfiguration({ IdentityPoolId }, DEVELOPER),
        () => sync.SetIdentityPoolConfiguration({ IdentityPoolId }, DEVELOPER),
        () => sync.BulkPublish({ IdentityPoolId }, DEVELOPER),
      ])
        await expect(call()).rejects.toMatchObject(notFound);
      for (const call of [operations.GetCredentialsForIdentity, operations.GetOpenIdToken])
        await expect(call(guest)).rejects.toMatchObject({ code: 'NotAuthorizedException' });
      expect(await service.store.listPools({ after: '', limit: 9 })).toEqual([]);
      expect((await sync.ListIdentityPoolUsage({}, DEVELOPER)).IdentityPoolUsages).toEqual([]);
      const guestInPool = { identityPoolId: IdentityPoolId, identityId: 'us-east-1:new' };
      expect(await service.store.createGuest(guestInPool, 1)).toBe(false);
      const pools = createPoolStore(database);
      const set = { identityPoolId: IdentityPoolId, syncTrigger: 'a', streams: null, pushSync: null };
      expect(await pools.changePool({ ...set, revision: 1 })).toBe(false);
      expect(await createBulkPublishJobStore(database).begin(IdentityPoolId, 1, null)).toBe(false);
    });

    it('removes more rows than one transaction may change', async () => {
      const IdentityPoolId = await service.newIdentityPool();
      await database.query(
        `INSERT INTO identity.identities (identity_id, identity_pool_id, created_ms, modified_ms)
        SELECT $1::text || number, $1, 0, 0 FROM generate_series(1, 5001) AS number`,
        [IdentityPoolId],
      );
      expect(await remove(IdentityPoolId)).toEqual({});
      expect(await countRows(IdentityPoolId)).toEqual({ identities: 0, logins: 0 });
    });

    it('succeeds only after all data is removed, even if several requests run concurrently', async () => {
      const IdentityPoolId = await service.newIdentityPool();
      await database.query(
        `INSERT INTO identity.identities SELECT $1::text || number, $1, 0, 0 FROM generate_series(1, 6000) AS number`,
        [IdentityPoolId],
      );
      await database.query(
        `INSERT INTO identity.logins SELECT gen_random_uuid(), $1, 'p', 'u', 'i', 0 FROM generate_series(1, 6000)`,
        [IdentityPoolId],
      );
      const removals = Array.from({ length: 3 }, async () => {
        await remove(IdentityPoolId);
        return countRows(IdentityPoolId);
      });
      const outcomes = await Promise.allSettled(removals);
      for (const outcome of outcomes) {
        const removed = { status: 'fulfilled', value: { identities: 0, logins: 0 } };
        const notFound = { status: 'rejected', reason: poolNotFound(IdentityPoolId) };
        expect(outcome).toEqual(outcome.status === 'fulfilled' ? removed : notFound);
      }
      expect(outcomes.some(({ status }) => status === 'fulfilled')).toBe(true);
    });

    it('removes the remaining data in a second request if the first request failed', async () => {
      const IdentityPoolId = await service.newIdentityPool();
      await service.operations.GetId({ IdentityPoolId, Logins: login('ann') });
      const broken: Database = {
        ...database,
        async query<Row>(sql: string, values?: Parameters<Database['query']>[1]) {
          if (/DELETE FROM identity.logins/.test(sql)) throw new Error('the lights went out');
          return database.query<Row>(sql, values);
        },
      };
      const { operations } = createDeletingService(broken);
      await expect(operations.DeleteIdentityPool({ IdentityPoolId }, DEVELOPER)).rejects.toThrow('lights');
      await expect(describePool(IdentityPoolId)).rejects.toEqual(poolNotFound(IdentityPoolId));
      expect(await remove(IdentityPoolId)).toEqual({});
      expect(await countRows(IdentityPoolId)).toEqual({ identities: 0, logins: 0 });
      await expect(remove(IdentityPoolId)).rejects.toEqual(poolNotFound(IdentityPoolId));
    });
  });
});
