import { randomUUID } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../../lib/database/database.ts';
import { createMaintenance } from '../../lib/database/drivers/pglite/create-maintenance.ts';
import { openPglite } from '../../lib/database/drivers/pglite/open-pglite.ts';
import { migrate } from '../../lib/database/schema/migrate.ts';
import { projectBatch } from '../../lib/projection/project-batch.ts';
import { readDelivery } from '../../lib/projection/read-delivery.ts';
import { createQueryStore } from '../../lib/projection/store/query-store.ts';
import { relayOutbox } from '../../lib/sync/jobs/relay-outbox.ts';
import type { PublishEntry } from '../../lib/sync/ports/outbox.ts';
import { createSessionTokens } from '../../lib/sync/session-token.ts';
import { createOutboxStore } from '../../lib/sync/store/outbox-store.ts';
import { createStreamingSwitch } from '../../lib/sync/store/streaming-switch.ts';
import { createPool } from '../fixtures/identity/identity-pools.ts';
import { createDevice, createSyncService, put } from '../fixtures/sync/sync-service.ts';
import { median, type Table } from './measure.ts';

const UPDATES = Number(process.env.GROWTH_UPDATES ?? 200_000);
const DATASETS = 1_000;
const KEYS = 10;
const CLIENTS = 8;
/** Number of updates at the start and at the end whose times are compared. */
const SPAN = 1_000;
/** The same interval as in `infra/local/schedules/maintenance.ts`. */
const MAINTAIN_EVERY_MS = 2_000;
/**
 * Time between two updates on the service's clock. The clock advances by several days during the benchmark. Used tokens
 * expire after a day, so most of them are removed.
 */
const CLOCK_STEP_MS = 2_000;

const MAX_SLOWDOWN = 1.3;
const MAX_FILES = 2;

/**
 * Updates the same records again and again on the embedded database. In the meantime, the events are published and
 * projected as in the local cloud. Compares the time of the last updates with that of the first updates. Compares the
 * size of the files with the size that the live rows need.
 */
export async function benchGrowth(): Promise<Table[]> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-growth-'));
  const dataDir = join(directory, 'database');
  const database = await openPglite({ dataDir });
  try {
    await migrate(database);
    await createPool(database);
    const spans = await writeAll(database);
    const used = sizesOf(dataDir);
    await rewriteTables(database);
    const needed = sizesOf(dataDir);
    return [toTable(spans, used, needed)];
  } finally {
    await database.close();
    await rm(directory, { recursive: true });
  }
}

/** @returns the time of each update, in milliseconds */
async function writeAll(database: Database): Promise<number[]> {
  const { operations, clock } = createSyncService(database);
  const tokens = createSessionTokens({
    keys: [Buffer.alloc(32, 7)],
    now: () => clock.now,
    randomId: randomUUID,
  });
  const devices = Array.from({ length: DATASETS }, () => createDevice(operations));
  const times: number[] = [];
  // The first update of each dataset creates it and is not timed.
  let next = -DATASETS;
  let isWriting = true;

  async function write(): Promise<void> {
    while (next < UPDATES) {
      const index = next;
      next += 1;
      clock.now += CLOCK_STEP_MS;
      const device = devices[(index + DATASETS) % DATASETS];
      if (device === undefined) return;
      const { IdentityPoolId, IdentityId, DatasetName } = device.dataset;
      const token = tokens.issue(tokens.begin(null), {
        identityPoolId: IdentityPoolId,
        identityId: IdentityId,
        datasetName: DatasetName,
      });
      const count = Math.floor(index / DATASETS) + 1;
      const patches = Array.from({ length: KEYS }, (_, key) => put(`key-${key}`, `value ${index}`, count));
      const start = performance.now();
      await device.updateWith(token, ...patches);
      if (index >= 0) times[index] = performance.now() - start;
      if (index % 10_000 === 0) console.error(`growth: ${index} of ${UPDATES} updates`);
    }
  }

  const maintain = createMaintenance(database, Date.now);
  const maintaining = (async () => {
    while (isWriting) {
      await sleep(MAINTAIN_EVERY_MS);
      await maintain();
    }
  })();
  const relaying = (async () => {
    while (isWriting) {
      await relay(database, () => clock.now);
      await sleep(1);
    }
    await relay(database, () => clock.now);
  })();
  await Promise.all(Array.from({ length: CLIENTS }, write));
  isWriting = false;
  await Promise.all([relaying, maintaining]);
  await maintain();
  return times;
}

/** Publishes the events of the outbox to a stream that projects them immediately. */
async function relay(database: Database, now: () => number): Promise<void> {
  const queryStore = createQueryStore(database);
  await relayOutbox({
    outbox: createOutboxStore(database),
    streaming: createStreamingSwitch(database),
    streamName: 'bench',
    now: Date.now,
    options: { timeBudgetMs: 0 },
    publisher: {
      async publish(_, entries) {
        await projectBatch(queryStore, await Promise.all(entries.map((entry) => toDelivery(entry, now()))));
        return entries.map(() => 'published');
      },
    },
  });
}

function toDelivery({ data }: PublishEntry, arrivedAt: number) {
  const position = { streamName: 'bench', shardId: 'shardId-000000000000', sequenceNumber: '1', arrivedAt };
  return readDelivery({ position, data }, () => Promise.reject(new Error('no payloads')));
}

/** Rewrites every table and index, so that their files have the size that the live rows need. */
async function rewriteTables(database: Database): Promise<void> {
  const { rows } = await database.query<{ name: string }>(
    `SELECT schemaname || '.' || tablename AS name FROM pg_tables WHERE schemaname IN ('sync', 'projection', 'identity')`,
  );
  for (const { name } of rows) await database.query(`VACUUM FULL ${name}`);
  await database.query('CHECKPOINT');
}

interface Sizes {
  tables: number;
  wal: number;
}

function sizesOf(dataDir: string): Sizes {
  return { tables: bytesIn(join(dataDir, 'base')), wal: bytesIn(join(dataDir, 'pg_wal')) };
}

function bytesIn(directory: string): number {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

function toTable(times: readonly number[], used: Sizes, needed: Sizes): Table {
  const first = median(times.slice(0, SPAN));
  const last = median(times.slice(-SPAN));
  const slowdown = last / first;
  const files = used.tables / needed.tables;
  const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const overLimit: string[] = [];
  if (slowdown > MAX_SLOWDOWN) overLimit.push(`UpdateRecords is ${slowdown.toFixed(2)} x slower`);
  if (files > MAX_FILES) overLimit.push(`the files are ${files.toFixed(2)} x as large as needed`);
  return {
    title: `Embedded database after ${UPDATES.toLocaleString('en')} updates of ${KEYS} records in ${DATASETS.toLocaleString('en')} datasets`,
    rows: {
      [`UpdateRecords, p50 of ${SPAN.toLocaleString('en')}, ${CLIENTS} clients`]: {
        first: `${first.toFixed(2)} ms`,
        last: `${last.toFixed(2)} ms`,
        ratio: `${slowdown.toFixed(2)} x`,
        limit: `${MAX_SLOWDOWN} x`,
      },
      'files of tables and indexes': {
        first: `${mebibytes(needed.tables)} needed`,
        last: mebibytes(used.tables),
        ratio: `${files.toFixed(2)} x`,
        limit: `${MAX_FILES} x`,
      },
      'write-ahead log': { last: mebibytes(used.wal) },
    },
    overLimit,
  };
}
