import { ListRecordsCommand } from '@aws-sdk/client-cognito-sync';
import { test as base, expect } from 'vitest';
import { localCloudFixture, startLocalCloud, type TestCloud } from '../../infra/local/testing/testing.ts';
import { POOL } from '../fixtures/sync/stream-events.ts';
import { createSyncClient } from '../fixtures/wire/sync-client.ts';

const test = base.extend<{ cloud: TestCloud }>(localCloudFixture());

test('the service for tests seeds identities, and forgets them when it is reset', async ({ cloud }) => {
  const client = createSyncClient(cloud.url);
  const read = async (IdentityId = '') => {
    const dataset = { IdentityPoolId: POOL, IdentityId, DatasetName: 'game' };
    const { Records = [] } = await client.send(new ListRecordsCommand(dataset));
    return Records.map(({ Key, Value }) => [Key, Value]);
  };
  const logins = { 'accounts.google.com': 'a-token' };
  const identityId = 'us-east-1:7b1c3a52-6e9d-4f0a-9c1e-2d8f5b4a6c10';
  const datasets = { game: { score: '1' } };
  const [guest, user, known] = await cloud.seed([
    { datasets },
    { logins, datasets },
    { identityId, datasets },
  ]);
  expect(known).toBe(identityId);
  expect(await cloud.seed([{ logins, datasets: { game: { score: '2' } } }])).toEqual([user]);
  expect(await Promise.all([guest, user, known].map(read))).toEqual([
    [['score', '1']],
    [['score', '2']],
    [['score', '1']],
  ]);
  await cloud.reset();
  expect(await read(known)).toEqual([]);
  expect(await cloud.seed([{ logins }])).not.toEqual([user]);
  await expect(cloud.seed([{ identityId, datasets: { 'no space': { a: '1' } } }])).rejects.toThrow(
    'datasetName',
  );
  client.destroy();
});

test('a service for tests that cannot start says why', async () => {
  await expect(startLocalCloud({ rulesFile: '/missing/rules.ts' })).rejects.toThrow(
    'sync rules: cannot load /missing/rules.ts',
  );
});
