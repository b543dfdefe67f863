import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CognitoSyncClient, CognitoSyncServiceException } from '@aws-sdk/client-cognito-sync';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Database } from '../../lib/database/database.ts';
import { openPg } from '../../lib/database/drivers/pg/open-pg.ts';
import { localKinesis, put } from '../fixtures/aws/kinesis.ts';
import { createPostgresDatabase } from '../fixtures/database/databases.ts';
import { type StartedProcess, startProcess } from '../fixtures/local/npm-start.ts';
import { NEW_YEAR, wireEvent, wireRecord } from '../fixtures/sync/stream-events.ts';
import {
  createSyncClient,
  type Identity,
  list,
  newIdentity,
  set,
  write,
} from '../fixtures/wire/sync-client.ts';

const KILLS = 3;
const CLIENTS = 4;
const PRODUCERS = 2;
const SOON = { timeout: 30_000, interval: 100 };
/** Long enough for several starts of a process. */
const TIMEOUT_MS = 180_000;

interface Acknowledged {
  /** Values by identity, dataset and key. Each of these records was written once. */
  records: Map<string, string>;
  /** Values that writers set the shared counter to. */
  counts: number[];
  /** Keys of the events that were put directly on the stream. */
  events: string[];
}

describe.each([
  { name: 'embedded', databaseUrl: async () => undefined },
  { name: 'PostgreSQL', databaseUrl: createPostgresDatabase },
])('a process restarted after it was killed under load, $name', ({ databaseUrl }) => {
  const identities = Array.from({ length: CLIENTS }, newIdentity);
  const shared = newIdentity();
  const acknowledged: Acknowledged = { records: new Map(), counts: [], events: [] };
  let dataDir: string;
  let restarted: StartedProcess;
  let reader: Database;
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'crash-'));
    const url = await databaseUrl();
    const env = { DATA_DIR: dataDir, ...(url !== undefined && { DATABASE_URL: url }) };
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const started = await startProcess(env);
      const writing = writeAll(started.url, kill);
      await waitForAcknowledgements(kill);
      await started.end('SIGKILL');
      await Promise.all(writing);
    }
    restarted = await startProcess(env);
    reader = openPg({ connectionString: url ?? restarted.sqlUrl });
  }, TIMEOUT_MS);
  afterAll(async () => {
    await reader.close();
    await restarted.end('SIGKILL');
    await rm(dataDir, { recursive: true, force: true });
  });

  /** Starts devices and producers that write until the process is killed. */
  function writeAll(url: string, kill: number): Promise<void>[] {
    const devices = identities.map((identity, writer) =>
      writeUntilKilled(createSyncClient(url, { maxAttempts: 1 }), {
        own: { identity, datasetName: `kill-${kill}` },
        shared,
        writer: `${kill}-${writer}`,
        acknowledged,
      }),
    );
    const producers = Array.from({ length: PRODUCERS }, (_, writer) =>
      putEvents(url, `${kill}-${writer}`, acknowledged.events),
    );
    return [...devices, ...producers];
  }

  /** Waits for more acknowledged writes before each kill, so that no two kills occur at the same point. */
  async function waitForAcknowledgements(kill: number): Promise<void> {
    const { records, counts, events } = acknowledged;
    const [until, counted, streamed] = [
      records.size + 25 * kill,
      counts.length + 5,
      events.length + 50 * kill,
    ];
    const isEnough = () => records.size > until && counts.length > counted && events.length > streamed;
    await vi.waitUntil(isEnough, { timeout: 60_000, interval: 5 });
  }

  it('projects every event that Kinesis acknowledged', { timeout: TIMEOUT_MS }, async () => {
    const keys = async () => {
      const { rows } = await reader.query<{ record_key: string }>('SELECT record_key FROM query.records');
      return new Set(rows.map((row) => row.record_key));
    };
    const missing = async () => new Set(acknowledged.events).difference(await keys()).size;
    await expect.poll(missing, SOON).toBe(0);
  });

  it('projects every acknowledged update', { timeout: TIMEOUT_MS }, async () => {
    await expectInSql(reader, acknowledged);
  });

  it('returns every acknowledged update of a shared dataset to devices, and other updates completely or not at all', async () => {
    await expectConsistentDataset(restarted, shared, acknowledged);
  });

  it('has an empty quarantine and stops on SIGTERM', async () => {
    expect((await reader.query('SELECT reason FROM query.quarantine')).rows).toEqual([]);
    expect(await restarted.end('SIGTERM'), restarted.output()).toEqual({ code: 0 });
  });
});

interface Writer {
  own: { identity: Identity; datasetName: string };
  /** The identity whose dataset all writers share. It contains one counter. */
  shared: Identity;
  /** Part of each key, so that no two writers write the same key. */
  writer: string;
  acknowledged: Acknowledged;
}

/**
 * Writes alternately to the device's own dataset and the shared dataset until the process is killed. Records
 * acknowledged writes.
 */
async function writeUntilKilled(
  client: CognitoSyncClient,
  { own, shared, writer, acknowledged }: Writer,
): Promise<void> {
  try {
    for (let turn = 1; ; turn += 1) {
      const key = `${writer}-${turn}`;
      await write(client, own.identity, own.datasetName, [set(key, `value of ${key}`)]);
      acknowledged.records.set(`${own.identity.IdentityId} ${own.datasetName} ${key}`, `value of ${key}`);
      const count = await incrementCounter(client, shared, key);
      acknowledged.counts.push(count);
      acknowledged.records.set(`${shared.IdentityId} shared ${key}`, `${count}`);
    }
  } catch (error) {
    // The process was killed, so an unacknowledged write may or may not be stored. An error response is a failure.
    if (error instanceof CognitoSyncServiceException) throw error;
  } finally {
    client.destroy();
  }
}

/** Increments the counter, and retries if another device changed it first. */
async function incrementCounter(client: CognitoSyncClient, shared: Identity, key: string): Promise<number> {
  for (;;) {
    const { Records = [] } = await list(client, shared, 'shared');
    const counter = Records.find((record) => record.Key === 'counter');
    const count = Number(counter?.Value ?? 0) + 1;
    try {
      const patches = [set('counter', `${count}`, counter?.SyncCount), set(key, `${count}`)];
      await write(client, shared, 'shared', patches);
      return count;
    } catch (error) {
      if (!(error instanceof Error && error.name === 'ResourceConflictException')) throw error;
    }
  }
}

async function expectInSql(reader: Database, { records, counts }: Acknowledged): Promise<void> {
  const read = async () => {
    const { rows } = await reader.query<{ name: string; value: string }>(
      `SELECT identity_id || ' ' || dataset_name || ' ' || record_key AS name, record_value AS value
       FROM query.records`,
    );
    return new Map(rows.map(({ name, value }) => [name, value]));
  };
  const missing = async () => {
    const found = await read();
    return [...records].filter(([name, value]) => found.get(name) !== value);
  };
  await expect.poll(missing, SOON).toEqual([]);
  // If two writers had set the counter to the same value, one write would have overwritten the other.
  expect(counts).toHaveLength(new Set(counts).size);
  const counter = [...(await read())].find(([name]) => name.endsWith(' shared counter'))?.[1];
  expect(Number(counter)).toBeGreaterThanOrEqual(Math.max(...counts));
}

/** Expects the API to return every acknowledged increment of the counter, and other writes completely or not at all. */
async function expectConsistentDataset(
  { url }: StartedProcess,
  shared: Identity,
  { counts }: Acknowledged,
): Promise<void> {
  const client = createSyncClient(url);
  const { Records = [], DatasetSyncCount } = await list(client, shared, 'shared');
  client.destroy();
  const counter = Records.find((record) => record.Key === 'counter');
  expect(Number(counter?.Value)).toBeGreaterThanOrEqual(Math.max(...counts));
  // Each update raised the counter by one, and also the sync count of the dataset.
  expect(DatasetSyncCount).toBe(Number(counter?.Value));
  expect(Records).toHaveLength(Number(counter?.Value) + 1);
}

/** Puts one event after another until the process is killed. Records the keys of acknowledged events. */
async function putEvents(url: string, writer: string, accepted: string[]): Promise<void> {
  const kinesis = localKinesis(url);
  try {
    for (let count = 1; ; count += 1) {
      const key = `${writer}-${count}`;
      await put(
        kinesis,
        wireEvent({
          syncCount: count,
          kinesisSyncRecords: [wireRecord({ key, lastModifiedDate: NEW_YEAR + count })],
        }),
      );
      accepted.push(key);
    }
  } catch {
    // The process was killed, so an unacknowledged event may or may not be stored.
  } finally {
    kinesis.destroy();
  }
}
