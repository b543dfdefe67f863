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
const CLIENTS = 8;
const STREAMS = 4;
const SOON = { timeout: 30_000, interval: 100 };
/** Several starts of a process. */
const TIMEOUT_MS = 180_000;

interface Acknowledged {
  /** By identity, dataset and key: each of these records was written once. */
  records: Map<string, string>;
  /** What the shared counter was set to. */
  counts: number[];
  /** The key of each event that was put on the stream itself. */
  events: string[];
}

describe.each([
  { name: 'embedded', databaseUrl: async () => undefined },
  { name: 'PostgreSQL', databaseUrl: createPostgresDatabase },
])(
  'a process that is killed while devices write and events stream in, once restarted, $name',
  ({ databaseUrl }) => {
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
        await enoughAcknowledged(kill);
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

    /** Devices and producers that write until the process is gone. */
    function writeAll(url: string, kill: number): Promise<void>[] {
      const devices = identities.map((identity, writer) =>
        writeUntilKilled(createSyncClient(url, { maxAttempts: 1 }), {
          own: { identity, datasetName: `kill-${kill}` },
          shared,
          writer: `${kill}-${writer}`,
          acknowledged,
        }),
      );
      const producers = Array.from({ length: STREAMS }, (_, writer) =>
        stream(url, `${kill}-${writer}`, acknowledged.events),
      );
      return [...devices, ...producers];
    }

    /** More with each kill, so that no two of them meet the same moment. */
    async function enoughAcknowledged(kill: number): Promise<void> {
      const { records, counts, events } = acknowledged;
      const [until, counted, streamed] = [
        records.size + 50 * kill,
        counts.length + 5,
        events.length + 100 * kill,
      ];
      const isEnough = () => records.size > until && counts.length > counted && events.length > streamed;
      await vi.waitUntil(isEnough, { timeout: 60_000, interval: 5 });
    }

    it('has projected every event that Kinesis accepted', { timeout: TIMEOUT_MS }, async () => {
      const keys = async () => {
        const { rows } = await reader.query<{ record_key: string }>('SELECT record_key FROM query.records');
        return new Set(rows.map((row) => row.record_key));
      };
      const missing = async () => new Set(acknowledged.events).difference(await keys()).size;
      await expect.poll(missing, SOON).toBe(0);
    });

    it('has every acknowledged update in SQL', { timeout: TIMEOUT_MS }, async () => {
      await expectInSql(reader, acknowledged);
    });

    it('answers devices with what it has in SQL', async () => {
      await expectSameFromTheApi(restarted, shared, acknowledged);
    });

    it('has nothing in quarantine, and stops when told to', async () => {
      expect((await reader.query('SELECT reason FROM query.quarantine')).rows).toEqual([]);
      expect(await restarted.end('SIGTERM'), restarted.output()).toEqual({ code: 0 });
    });
  },
);

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
  // Two that were told the same count: one would have overwritten the other.
  expect(counts).toHaveLength(new Set(counts).size);
  const counter = [...(await read())].find(([name]) => name.endsWith(' shared counter'))?.[1];
  expect(Number(counter)).toBeGreaterThanOrEqual(Math.max(...counts));
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

/** Puts one event after the other until the process is gone; notes the key of each that was acknowledged. */
async function stream(url: string, writer: string, accepted: string[]): Promise<void> {
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
    // The process was killed: what was not acknowledged may or may not be there.
  } finally {
    kinesis.destroy();
  }
}
