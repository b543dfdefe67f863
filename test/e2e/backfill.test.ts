import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BulkPublishCommand,
  type CognitoSyncClient,
  SetIdentityPoolConfigurationCommand,
} from '@aws-sdk/client-cognito-sync';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../lib/database/database.ts';
import { openPg } from '../../lib/database/drivers/pg/open-pg.ts';
import { localKinesis, put } from '../fixtures/aws/kinesis.ts';
import { createPostgresDatabase } from '../fixtures/database/databases.ts';
import { insertDatasets } from '../fixtures/database/many-datasets.ts';
import { startCloud } from '../fixtures/local/local-cloud.ts';
import { operate } from '../fixtures/local/operator.ts';
import { POOL, toBytes, wireEvent } from '../fixtures/sync/stream-events.ts';
import { createSyncClient } from '../fixtures/wire/sync-client.ts';

const DATASETS = 100;
const SOON = { timeout: 40_000, interval: 50 };

describe('an unattended backfill', () => {
  let dataDir: string;
  let databaseUrl: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'backfill-'));
    databaseUrl = await createPostgresDatabase();
    const database = openPg({ connectionString: databaseUrl });
    await insertDatasets(database, DATASETS);
    await database.close();
  });
  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  it('stays incomplete until redrive projects the quarantined event', { timeout: 120_000 }, async () => {
    const env = { DATA_DIR: dataDir, DATABASE_URL: databaseUrl };
    const cloud = await startCloud({ dataDir, databaseUrl });
    try {
      await startBulkPublish(cloud.url);
      const kinesis = localKinesis(cloud.url);
      await put(kinesis, Buffer.from('no event'));
      kinesis.destroy();
      await expect
        .poll(() => readRuns(cloud.database), SOON)
        .toMatchObject([
          { status: 'SUCCEEDED', completeness: 'waiting', waiting_for: '1 event in quarantine' },
        ]);
      expect(await operate(['redrive'], env)).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('not-json'),
      });
      // The operator replaces the payload with a valid event.
      await cloud.database.query('UPDATE projection.quarantine SET payload = $1', [toBytes(wireEvent())]);
      expect(await readRuns(cloud.database)).toMatchObject([{ completeness: 'waiting' }]);
      expect((await operate(['redrive'], env)).stdout).toContain('1 projected');
      await expect.poll(() => readRuns(cloud.database), SOON).toMatchObject([{ completeness: 'projected' }]);
    } finally {
      await cloud.close();
    }
  });
});

describe('a pool whose streaming is turned off', () => {
  it('has a gap until streaming is turned on again, while the cloud stays healthy', {
    timeout: 60_000,
  }, async () => {
    const cloud = await startCloud();
    const client = createSyncClient(cloud.url);
    const gaps = async () =>
      (await cloud.database.query('SELECT identity_pool_id, cause, until FROM query.gaps')).rows;
    const seen = async () =>
      (await cloud.database.query('SELECT is_enabled FROM projection.pool_streaming')).rows;
    try {
      await expect.poll(seen, SOON).toEqual([{ is_enabled: true }]);
      await setStreaming(client, 'DISABLED');
      await expect
        .poll(gaps, SOON)
        .toEqual([{ identity_pool_id: POOL, cause: 'streaming-off', until: null }]);
      expect(await statusOf(cloud.url)).toBe(200);
      await setStreaming(client, 'ENABLED');
      await expect.poll(gaps, SOON).toMatchObject([{ until: expect.any(Date) }]);
      await cloud.reset();
      expect(await gaps()).toEqual([]);
    } finally {
      client.destroy();
      await cloud.close();
    }
  });
});

async function setStreaming(
  client: CognitoSyncClient,
  StreamingStatus: 'ENABLED' | 'DISABLED',
): Promise<void> {
  const CognitoStreams = { StreamName: 'cognito-sync', StreamingStatus };
  await client.send(new SetIdentityPoolConfigurationCommand({ IdentityPoolId: POOL, CognitoStreams }));
}

async function startBulkPublish(url: string): Promise<void> {
  const client = createSyncClient(url);
  await client.send(new BulkPublishCommand({ IdentityPoolId: POOL }));
  client.destroy();
}

async function readRuns(database: Database) {
  return (await database.query('SELECT status, completeness, waiting_for FROM query.bulk_publishes')).rows;
}

async function statusOf(url: string): Promise<number> {
  return (await fetch(`${url}/healthz`)).status;
}
