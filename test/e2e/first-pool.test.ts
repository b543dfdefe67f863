import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  GetCognitoEventsCommand,
  GetIdentityPoolConfigurationCommand,
  ListIdentityPoolUsageCommand,
  ListRecordsCommand,
  SetCognitoEventsCommand,
  UpdateRecordsCommand,
} from '@aws-sdk/client-cognito-sync';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import { createPostgresDatabase } from '../fixtures/database/databases.ts';
import { startCloud } from '../fixtures/local/local-cloud.ts';
import { createSyncClient } from '../fixtures/wire/sync-client.ts';

/** Reads the settings of the first pool of a region, and the number of pools. */
async function readFirstPool(cloud: LocalCloud, region: string) {
  const client = createSyncClient(cloud.url, { region });
  const IdentityPoolId = `${region}:00000000-0000-4000-8000-000000000001`;
  const { Events } = await client.send(new GetCognitoEventsCommand({ IdentityPoolId }));
  const { CognitoStreams } = await client.send(new GetIdentityPoolConfigurationCommand({ IdentityPoolId }));
  const { Count } = await client.send(new ListIdentityPoolUsageCommand({}));
  client.destroy();
  return { Events, CognitoStreams, Count };
}

const expectedFirstPool = (region: string) => ({
  Events: { SyncTrigger: `arn:aws:lambda:${region}:000000000000:function:sync-trigger` },
  CognitoStreams: { StreamName: 'cognito-sync', StreamingStatus: 'ENABLED' },
  Count: 1,
});

describe('the first identity pool', () => {
  let dataDir: string;
  /** A PostgreSQL database, because each start on an embedded database takes seconds. */
  let databaseUrl: string;
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'first-pool-'));
    databaseUrl = await createPostgresDatabase();
  });
  afterAll(() => rm(dataDir, { recursive: true, force: true }));

  it('exists at the first start, keeps changed settings, and has the defaults after a reset', async () => {
    const region = 'us-east-1';
    const first = await startCloud({ dataDir, databaseUrl });
    try {
      expect(await readFirstPool(first, region)).toEqual(expectedFirstPool(region));
      const client = createSyncClient(first.url);
      const IdentityPoolId = `${region}:00000000-0000-4000-8000-000000000001`;
      await client.send(new SetCognitoEventsCommand({ IdentityPoolId, Events: { SyncTrigger: '' } }));
      client.destroy();
    } finally {
      await first.close();
    }
    const second = await startCloud({ dataDir, databaseUrl });
    try {
      expect(await readFirstPool(second, region)).toEqual({ ...expectedFirstPool(region), Events: {} });
      await second.reset();
      expect(await readFirstPool(second, region)).toEqual(expectedFirstPool(region));
    } finally {
      await second.close();
    }
  });

  it('is created again without old data if its deletion was interrupted', async () => {
    const region = 'us-east-1';
    const IdentityPoolId = `${region}:00000000-0000-4000-8000-000000000001`;
    const dataset = { IdentityPoolId, IdentityId: `${region}:${randomUUID()}`, DatasetName: 'game' };
    const first = await startCloud({ dataDir, databaseUrl });
    try {
      const client = createSyncClient(first.url);
      const { SyncSessionToken } = await client.send(new ListRecordsCommand(dataset));
      const RecordPatches = [{ Op: 'replace' as const, Key: 'a', Value: '1', SyncCount: 0 }];
      await client.send(new UpdateRecordsCommand({ ...dataset, SyncSessionToken, RecordPatches }));
      client.destroy();
      await first.database.query('UPDATE sync.identity_pools SET deleted_ms = 1');
    } finally {
      await first.close();
    }
    const second = await startCloud({ dataDir, databaseUrl });
    try {
      expect(await readFirstPool(second, region)).toEqual(expectedFirstPool(region));
      const client = createSyncClient(second.url);
      expect(await client.send(new ListRecordsCommand(dataset))).toMatchObject({
        DatasetSyncCount: 0,
        Records: [],
      });
      client.destroy();
    } finally {
      await second.close();
    }
  });

  it('belongs to the configured region', async () => {
    const cloud = await startCloud({ region: 'eu-west-1' });
    try {
      expect(await readFirstPool(cloud, 'eu-west-1')).toEqual(expectedFirstPool('eu-west-1'));
    } finally {
      await cloud.close();
    }
  });
});
