import { cp, mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type CognitoSyncClient,
  GetBulkPublishDetailsCommand,
  GetIdentityPoolConfigurationCommand,
} from '@aws-sdk/client-cognito-sync';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import { dataPaths } from '../../lib/database/data-directory.ts';
import { openPg } from '../../lib/database/drivers/pg/open-pg.ts';
import { createPostgresDatabase } from '../fixtures/database/databases.ts';
import { startCloud } from '../fixtures/local/local-cloud.ts';
import { POOL } from '../fixtures/sync/stream-events.ts';
import { createSyncClient, newIdentity, set, write } from '../fixtures/wire/sync-client.ts';

/** Loads modules as kinesalite does. */
const kinesaliteRequire = createRequire(createRequire(import.meta.url).resolve('kinesalite'));
const SOON = { timeout: 20_000, interval: 50 };

describe('a start on a stream that a fault has damaged', { timeout: 90_000 }, () => {
  const identity = newIdentity();
  let dataDir: string;
  let databaseUrl: string;
  let printed: ReturnType<typeof vi.spyOn>;
  let cloud: LocalCloud;
  let client: CognitoSyncClient;

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'recover-'));
    databaseUrl = await createPostgresDatabase();
    printed = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    await start();
  });
  afterEach(async () => {
    await stop();
    printed.mockRestore();
    await rm(dataDir, { recursive: true, force: true });
  });

  async function start(): Promise<void> {
    cloud = await startCloud({ dataDir, databaseUrl });
    client = createSyncClient(cloud.url);
  }
  async function stop(): Promise<void> {
    client.destroy();
    await cloud.close();
  }
  /** Changes stored data while the service is stopped. */
  async function whileStopped(work: () => Promise<unknown>): Promise<void> {
    await stop();
    await work();
    await start();
  }
  async function change(sql: string, values: readonly string[] = []): Promise<void> {
    const database = openPg({ connectionString: databaseUrl });
    await database.query(sql, values).finally(() => database.close());
  }
  async function writeKeys(...keys: string[]): Promise<void> {
    for (const key of keys) await write(client, identity, 'game', [set(key, 'value')]);
  }
  const rows = async (sql: string) => (await cloud.database.query(sql)).rows;
  const projectedKeys = async () =>
    (await rows('SELECT record_key FROM query.records ORDER BY record_key')).map((row) => row.record_key);
  const positions = async () =>
    (await rows('SELECT sequence_number FROM query.stream_progress')).map((row) =>
      String(row.sequence_number),
    );
  const eventually = (what: () => Promise<unknown>) => expect.poll(what, SOON);
  const publish = async () =>
    (await client.send(new GetBulkPublishDetailsCommand({ IdentityPoolId: POOL }))).BulkPublishStatus;

  it('projects new and lost updates, and records a gap, if the stream lost its last records', async () => {
    const { kinesis } = dataPaths(dataDir);
    const copy = join(dataDir, 'copy');
    await writeKeys('a');
    await eventually(projectedKeys).toEqual(['a']);
    await whileStopped(() => cp(kinesis, copy, { recursive: true }));
    await writeKeys('b', 'c', 'd');
    await eventually(projectedKeys).toEqual(['a', 'b', 'c', 'd']);
    await whileStopped(async () => {
      await rm(kinesis, { recursive: true });
      await cp(copy, kinesis, { recursive: true });
      // Simulates that the record was not projected before the stream lost it.
      await change("DELETE FROM projection.records WHERE record_key = 'd'");
    });
    await writeKeys('e');
    await eventually(projectedKeys).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(await rows('SELECT cause FROM query.gaps')).toEqual([{ cause: 'expired' }]);
    await eventually(publish).toBe('SUCCEEDED');
    await eventually(() => rows('SELECT completeness FROM query.bulk_publishes')).toEqual([
      { completeness: 'projected' },
    ]);
    expect(printed).toHaveBeenCalledWith(
      expect.stringContaining('stream cognito-sync has lost records since'),
    );
    await whileStopped(async () => undefined);
    await writeKeys('f');
    await eventually(projectedKeys).toContain('f');
    expect(await rows('SELECT cause FROM query.gaps')).toHaveLength(1);
  });

  it('publishes all datasets again if the entire stream is lost', async () => {
    await writeKeys('a', 'b');
    await eventually(projectedKeys).toEqual(['a', 'b']);
    await whileStopped(async () => {
      await rm(dataPaths(dataDir).kinesis, { recursive: true });
      await change("DELETE FROM projection.records WHERE record_key = 'b'");
    });
    await writeKeys('c');
    await eventually(projectedKeys).toEqual(['a', 'b', 'c']);
    await eventually(publish).toBe('SUCCEEDED');
    expect(await rows('SELECT cause FROM query.gaps')).toEqual([{ cause: 'expired' }]);
  });

  it('enables streaming again if the relay disabled it because the stream was incomplete', async () => {
    await whileStopped(async () => {
      const { db, metaDb } = kinesaliteRequire('./db').create({ path: dataPaths(dataDir).kinesis });
      await metaDb.put('cognito-sync', { StreamStatus: 'CREATING', Shards: [] });
      await db.close();
      await change(
        `UPDATE sync.identity_pools
         SET streaming_status = 'DISABLED', disabled_reason = 'stream cognito-sync does not exist'`,
      );
    });
    await writeKeys('a');
    await eventually(projectedKeys).toEqual(['a']);
    const command = new GetIdentityPoolConfigurationCommand({ IdentityPoolId: POOL });
    expect((await client.send(command)).CognitoStreams).toMatchObject({ StreamingStatus: 'ENABLED' });
  });

  it('does not enable the streaming of a pool if a developer disabled it', async () => {
    await whileStopped(() => change("UPDATE sync.identity_pools SET streaming_status = 'DISABLED'"));
    const command = new GetIdentityPoolConfigurationCommand({ IdentityPoolId: POOL });
    expect((await client.send(command)).CognitoStreams).toMatchObject({ StreamingStatus: 'DISABLED' });
  });

  it('reads the same records again if the database lost their rows after the checkpoint was saved', async () => {
    await writeKeys('a');
    await eventually(projectedKeys).toEqual(['a']);
    // The position of the shard is saved after the rows are written.
    await eventually(positions).toEqual([expect.stringMatching(/^\d+$/)]);
    const before = await positions();
    await writeKeys('b');
    await eventually(projectedKeys).toEqual(['a', 'b']);
    await eventually(positions).not.toEqual(before);
    await whileStopped(async () => {
      await change("DELETE FROM projection.records WHERE record_key = 'b'");
      await change('UPDATE projection.stream_progress SET sequence_number = $1', before);
    });
    await eventually(projectedKeys).toEqual(['a', 'b']);
    expect(await rows('SELECT 1 FROM query.gaps')).toEqual([]);
  });
});
