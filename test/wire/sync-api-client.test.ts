import { afterAll, describe, expect, it } from 'vitest';
import { createCognitoSyncClient } from '../../lib/aws/cognito-sync-client.ts';
import { createSyncClient } from '../../lib/aws/sync-client.ts';
import type { Credentials } from '../../lib/common/environment.ts';
import { newPool, STREAMING } from '../fixtures/identity/identity-pools.ts';
import { POOL } from '../fixtures/sync/stream-events.ts';
import { DEVELOPER_CREDENTIALS } from '../fixtures/wire/entrance.ts';
import { openSharedCloud } from '../fixtures/wire/shared-cloud.ts';
import { newIdentity, remove, set, write } from '../fixtures/wire/sync-client.ts';

const { cloud, client } = await openSharedCloud();

describe('the sync API client of the backfill', () => {
  const clients: { destroy(): void }[] = [];
  const connect = (credentials: Credentials = { ...DEVELOPER_CREDENTIALS }) => {
    const sync = createCognitoSyncClient({ region: 'us-east-1', endpoint: cloud.url, credentials });
    clients.push(sync);
    return createSyncClient(sync);
  };
  const api = connect();
  afterAll(() => {
    for (const sync of clients) sync.destroy();
  });

  it('lists the pools of all pages', async () => {
    const created = await Promise.all(Array.from({ length: 65 }, () => newPool(cloud.database)));
    const listed = await api.listPools();
    expect(listed).toEqual([...new Set(listed)]);
    expect(new Set(listed)).toEqual(new Set([...created, POOL]));
  });

  it('reads the streaming settings of a pool', async () => {
    expect(await api.readStreaming(await newPool(cloud.database))).toEqual({
      isEnabled: false,
      streamName: null,
      roleArn: null,
    });
    const roleArn = 'arn:aws:iam::000000000000:role/publish';
    const disabled = { ...STREAMING, status: 'DISABLED' as const, roleArn };
    expect(await api.readStreaming(await newPool(cloud.database, { streams: disabled }))).toEqual({
      isEnabled: false,
      streamName: 'cognito-sync',
      roleArn,
    });
    expect(await api.readStreaming(POOL)).toMatchObject({ isEnabled: true, streamName: 'cognito-sync' });
  });

  it('starts a bulk publish once and reads its status', async () => {
    const pool = await newPool(cloud.database, { streams: STREAMING });
    expect(await api.readPublishDetails(pool)).toEqual({
      status: 'NOT_STARTED',
      startedAt: null,
      completedAt: null,
      failureMessage: null,
    });
    expect(await api.startPublish(pool)).toBe('started');
    await expect
      .poll(async () => (await api.readPublishDetails(pool)).status, { timeout: 15_000, interval: 20 })
      .toBe('SUCCEEDED');
    const { startedAt, completedAt } = await api.readPublishDetails(pool);
    expect(completedAt).toBeGreaterThanOrEqual(startedAt ?? Number.NaN);
    expect(await api.startPublish(pool)).toBe('published-less-than-a-day-ago');
    await cloud.database.query(
      `UPDATE sync.bulk_publishes SET status = 'IN_PROGRESS', all_in_outbox = false WHERE identity_pool_id = $1`,
      [pool],
    );
    expect(await api.startPublish(pool)).toBe('in-progress');
  });

  it('lists the datasets, and lists the records of one dataset, including tombstones', async () => {
    const identity = newIdentity();
    const { IdentityPoolId: identityPoolId, IdentityId: identityId } = identity;
    await write(client, identity, 'game', [set('score', '42'), set('name', 'Ada')]);
    await write(client, identity, 'game', [remove('name', 1)]);
    await write(client, identity, 'other', [set('score', '')]);
    expect(new Set(await api.listDatasets(identityPoolId, identityId))).toEqual(new Set(['game', 'other']));
    const listed = await api.listRecords({ identityPoolId, identityId, datasetName: 'game' });
    expect(listed).toEqual({
      exists: true,
      syncCount: 2,
      records: expect.arrayContaining([
        expect.objectContaining({ key: 'score', value: '42', syncCount: 1 }),
        expect.objectContaining({ key: 'name', value: null, syncCount: 2 }),
      ]),
    });
    expect(listed.records).toHaveLength(2);
    expect(Math.abs(Date.now() - (listed.records[0]?.lastModifiedDate ?? 0))).toBeLessThan(60_000);
    const other = await api.listRecords({ identityPoolId, identityId, datasetName: 'other' });
    expect(other.records).toMatchObject([{ value: '' }]);
    const nowhere = { identityPoolId, identityId, datasetName: 'nowhere' };
    expect(await api.listRecords(nowhere)).toEqual({ exists: false, syncCount: 0, records: [] });
  });

  it('classifies errors: unknown pool, wrong credentials, streaming disabled', async () => {
    const unknownPool = 'us-east-1:ffffffff-0000-4000-8000-000000000001';
    await expect(api.readStreaming(unknownPool)).rejects.toMatchObject({ condition: 'not-found' });
    await expect(api.readPublishDetails(unknownPool)).rejects.toMatchObject({ condition: 'not-found' });
    await expect(api.readStreaming('no id')).rejects.toMatchObject({ condition: 'refused' });
    const disabled = await newPool(cloud.database);
    await expect(api.startPublish(disabled)).rejects.toMatchObject({ condition: 'refused' });
    for (const credentials of [
      { accessKeyId: 'other', secretAccessKey: 'local' },
      { accessKeyId: 'local', secretAccessKey: 'wrong' },
    ]) {
      await expect(connect(credentials).listPools()).rejects.toMatchObject({ condition: 'credentials' });
    }
  });
});
