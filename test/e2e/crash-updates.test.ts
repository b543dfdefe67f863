import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CognitoSyncClient, CognitoSyncServiceException } from '@aws-sdk/client-cognito-sync';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openPg } from '../../lib/database/drivers/pg/open-pg.ts';
import { createPostgresDatabase } from '../fixtures/database/databases.ts';
import { type StartedProcess, startProcess } from '../fixtures/local/npm-start.ts';
import {
  createSyncClient,
  type Identity,
  list,
  newIdentity,
  set,
  write,
} from '../fixtures/wire/sync-client.ts';

const KILLS = 3;
const CLIENTS = 8;

interface Acknowledged {
  /** By identity, dataset and key: each of these records was written once. */
  records: Map<string, string>;
  /** What the shared counter was set to. */
  counts: number[];
}

describe.each([
  { name: 'embedded', databaseUrl: async () => undefined },
  { name: 'PostgreSQL', databaseUrl: createPostgresDatabase },
])('a process that is killed while devices write, $name', ({ databaseUrl }) => {
  let dataDir: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'crash-'));
  });
  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  it('has every acknowledged update in SQL, once restarted', { timeout: 180_000 }, async () => {
    const url = await databaseUrl();
    const env = { DATA_DIR: dataDir, ...(url !== undefined && { DATABASE_URL: url }) };
    const identities = Array.from({ length: CLIENTS }, newIdentity);
    const shared = newIdentity();
    const acknowledged: Acknowledged = { records: new Map(), counts: [] };
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const { url: endpoint, end } = await startProcess(env);
      const until = acknowledged.records.size + 50 * kill;
      const counted = acknowledged.counts.length + 5;
      const writing = identities.map((identity, writer) =>
        writeUntilKilled(createSyncClient(endpoint, { maxAttempts: 1 }), {
          own: { identity, datasetName: `kill-${kill}` },
          shared,
          writer: `${kill}-${writer}`,
          acknowledged,
        }),
      );
      await expect
        .poll(() => acknowledged.records.size, { timeout: 30_000, interval: 5 })
        .toBeGreaterThan(until);
      await expect
        .poll(() => acknowledged.counts.length, { timeout: 30_000, interval: 5 })
        .toBeGreaterThan(counted);
      await end('SIGKILL');
      await Promise.all(writing);
    }

    const started = await startProcess(env);
    await expectInSql(started, url, acknowledged);
    await expectSameFromTheApi(started, shared, acknowledged);
    expect(await started.end('SIGTERM'), started.output()).toEqual({ code: 0 });
  });
});

interface Writer {
  own: { identity: Identity; datasetName: string };
  /** Whose dataset all writers share, with one counter in it. */
  shared: Identity;
  /** Part of each key, so that no two writers ever write one. */
  writer: string;
  acknowledged: Acknowledged;
}

/** Writes to its own dataset and the shared one in turn until the process is gone; notes what was acknowledged. */
async function writeUntilKilled(
  client: CognitoSyncClient,
  { own, shared, writer, acknowledged }: Writer,
): Promise<void> {
  try {
    for (let turn = 1; ; turn += 1) {
      const key = `${writer}-${turn}`;
      await write(client, own.identity, own.datasetName, [set(key, `value of ${key}`)]);
      acknowledged.records.set(`${own.identity.IdentityId} ${own.datasetName} ${key}`, `value of ${key}`);
      const count = await raiseCounter(client, shared, key);
      acknowledged.counts.push(count);
      acknowledged.records.set(`${shared.IdentityId} shared ${key}`, `${count}`);
    }
  } catch (error) {
    // The process was killed: what was not acknowledged may or may not be there. What it answered itself is no kill.
    if (error instanceof CognitoSyncServiceException) throw error;
  } finally {
    client.destroy();
  }
}

/** Counts one up from what is there, and again where another device was faster. */
async function raiseCounter(client: CognitoSyncClient, shared: Identity, key: string): Promise<number> {
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

async function expectInSql(
  { sqlUrl }: StartedProcess,
  databaseUrl: string | undefined,
  { records, counts }: Acknowledged,
): Promise<void> {
  const reader = openPg({ connectionString: databaseUrl ?? sqlUrl });
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
  await expect.poll(missing, { timeout: 30_000, interval: 100 }).toEqual([]);
  // Two that were told the same count: one would have overwritten the other.
  expect(counts).toHaveLength(new Set(counts).size);
  const counter = [...(await read())].find(([name]) => name.endsWith(' shared counter'))?.[1];
  expect(Number(counter)).toBeGreaterThanOrEqual(Math.max(...counts));
  expect((await reader.query('SELECT reason FROM query.quarantine')).rows).toEqual([]);
  await reader.close();
}

/** The service and SQL tell the same, also of what was written but not acknowledged. */
async function expectSameFromTheApi(
  { url }: StartedProcess,
  shared: Identity,
  { counts }: Acknowledged,
): Promise<void> {
  const client = createSyncClient(url);
  const { Records = [], DatasetSyncCount } = await list(client, shared, 'shared');
  client.destroy();
  const counter = Records.find((record) => record.Key === 'counter');
  expect(Number(counter?.Value)).toBeGreaterThanOrEqual(Math.max(...counts));
  // Each raised it by one, and so the dataset's count.
  expect(DatasetSyncCount).toBe(Number(counter?.Value));
  expect(Records).toHaveLength(Number(counter?.Value) + 1);
}
