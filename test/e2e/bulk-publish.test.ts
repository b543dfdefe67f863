import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BulkPublishCommand, GetBulkPublishDetailsCommand } from '@aws-sdk/client-cognito-sync';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../lib/database/database.ts';
import { openPg } from '../../lib/database/drivers/pg/open-pg.ts';
import { localKinesis } from '../fixtures/aws/kinesis.ts';
import { readEvents } from '../fixtures/aws/read-stream.ts';
import { createPostgresDatabase } from '../fixtures/database/databases.ts';
import { identityOf, insertDatasets } from '../fixtures/database/many-datasets.ts';
import { type StartedProcess, startProcess } from '../fixtures/local/npm-start.ts';
import { POOL } from '../fixtures/sync/stream-events.ts';
import { createSyncClient } from '../fixtures/wire/sync-client.ts';

const DATASETS = 2_000;
const SOON = { timeout: 60_000, interval: 50 };

// On PostgreSQL, because the embedded database takes four times the CPU time. crash.test.ts kills a process with an
// embedded database.
describe('a bulk publish of 2,000 datasets', () => {
  let dataDir: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'bulk-publish-'));
  });
  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  it('resumes after a kill, publishes every dataset, and completes once all are projected', {
    timeout: 120_000,
  }, async () => {
    const url = await createPostgresDatabase();
    const env = { DATA_DIR: dataDir, DATABASE_URL: url };
    const reader = openPg({ connectionString: url });
    await insertDatasets(reader, DATASETS);

    const first = await startProcess(env);
    await startBulkPublish(first);
    await expect.poll(() => projectedBy(first), { timeout: 30_000, interval: 5 }).toBeGreaterThan(300);
    await first.end('SIGKILL');
    const { rows: left } = await reader.query(
      'SELECT status, all_in_outbox, (SELECT count(*) FROM sync.outbox) AS waiting FROM sync.bulk_publishes',
    );
    expect(left).toMatchObject([{ status: 'IN_PROGRESS', all_in_outbox: false }]);

    const second = await startProcess(env);
    await expect.poll(() => readRuns(reader), SOON).toMatchObject([{ completeness: 'waiting' }]);
    await expect
      .poll(() => readRuns(reader), SOON)
      .toMatchObject([{ status: 'SUCCEEDED', completeness: 'projected', waiting_for: null }]);
    await expectInSql(reader);
    await reader.close();
    expect(await statusOf(second)).toBe('SUCCEEDED');
    expect((await fetch(`${second.url}/healthz`)).status).toBe(200);
    const kinesis = localKinesis(second.url);
    const events = await readEvents(kinesis, 'cognito-sync');
    kinesis.destroy();
    const expected = new Set(Array.from({ length: DATASETS }, (_, index) => identityOf(index + 1)));
    expect(new Set(events.map(({ partitionKey }) => partitionKey))).toEqual(expected);
    // Only events that were published but not yet removed from the outbox at the kill are published again.
    expect(events.length).toBeLessThan(DATASETS + 600);
    expect(await second.end('SIGTERM'), second.output()).toEqual({ code: 0 });
  });
});

async function startBulkPublish({ url }: StartedProcess): Promise<void> {
  const client = createSyncClient(url);
  await client.send(new BulkPublishCommand({ IdentityPoolId: POOL }));
  client.destroy();
}

async function statusOf({ url }: StartedProcess): Promise<string | undefined> {
  const client = createSyncClient(url);
  const details = await client.send(new GetBulkPublishDetailsCommand({ IdentityPoolId: POOL }));
  client.destroy();
  return details.BulkPublishStatus;
}

async function projectedBy({ url }: StartedProcess): Promise<number> {
  const health: unknown = await (await fetch(`${url}/healthz`)).json();
  return (health as { projection: { events: number } }).projection.events;
}

async function readRuns(reader: Database) {
  return (await reader.query('SELECT status, completeness, waiting_for FROM query.bulk_publishes')).rows;
}

async function expectInSql(reader: Database): Promise<void> {
  const counts = await reader.query(
    `SELECT (SELECT count(*) FROM query.datasets WHERE sync_count = 3) AS datasets,
         (SELECT count(*) FROM query.records) AS records,
         (SELECT count(*) FROM query.records WHERE record_key = 'gone') AS gone,
         (SELECT count(*) FROM query.quarantine) AS quarantined`,
  );
  expect(counts.rows).toEqual([{ datasets: DATASETS, records: 2 * DATASETS, gone: 0, quarantined: 0 }]);
  const { rows } = await reader.query(
    `SELECT record_value, sync_count, last_modified_date, device_last_modified_date FROM query.records
     WHERE identity_id = '${identityOf(1_999)}' AND record_key = 'score'`,
  );
  expect(rows).toEqual([
    {
      record_value: 'score of 1999',
      sync_count: 1,
      last_modified_date: new Date(1_700_000_000_001),
      device_last_modified_date: new Date(1_600_000_001_999),
    },
  ]);
}
