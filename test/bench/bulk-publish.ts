import { setTimeout as sleep } from 'node:timers/promises';
import { BulkPublishCommand, type CognitoSyncClient } from '@aws-sdk/client-cognito-sync';
import type { Database } from '../../lib/database/database.ts';
import { openPg } from '../../lib/database/drivers/pg/open-pg.ts';
import { startPostgresServer } from '../fixtures/database/postgres-server.ts';
import { POOL } from '../fixtures/sync/stream-events.ts';
import { createSyncClient, newIdentity, set, write } from '../fixtures/wire/sync-client.ts';
import { quantile, type Table } from './measure.ts';
import { startCloud } from './start-process.ts';

const DATASETS = Number(process.env.BENCH_DATASETS ?? 50_000);
/** Time between two updates of the device. */
const UPDATE_EVERY_MS = 200;
const POLL_EVERY_MS = 10;
const BEFORE_MS = 10_000;
const TIMEOUT_MS = 3_600_000;

/**
 * Measures how fast the datasets of a bulk publish get into the query store. Also measures how long a device's update
 * takes from the answer of UpdateRecords until its row is in the query store, before and during the bulk publish.
 */
export async function benchBulkPublish(): Promise<Table[]> {
  const onEmbedded = await bench(undefined);
  const server = await startPostgresServer();
  const onPostgres = await bench(server.url).finally(() => server.close());
  return [
    {
      title: `Bulk publish of ${DATASETS} datasets with three records each, and updates in the meantime`,
      rows: { 'embedded database': onEmbedded, 'PostgreSQL 18': onPostgres },
    },
  ];
}

async function bench(databaseUrl: string | undefined): Promise<Record<string, string>> {
  const { ready, stop } = await startCloud({ databaseUrl, datasets: DATASETS });
  const { url, sqlUrl } = ready;
  const client = createSyncClient(url);
  const reader = openPg({ connectionString: sqlUrl });
  try {
    const before = await measureLags(client, reader, sleep(BEFORE_MS));
    const start = performance.now();
    await client.send(new BulkPublishCommand({ IdentityPoolId: POOL }));
    const projected = waitForProjection(reader);
    const during = await measureLags(client, reader, projected);
    const seconds = ((await projected) - start) / 1000;
    const ms = (lags: number[], q: number) => `${quantile(lags, q).toFixed(0)} ms`;
    return {
      'datasets/s': (DATASETS / seconds).toFixed(0),
      'lag before, p50': ms(before, 0.5),
      p95: ms(before, 0.95),
      'lag during, p50': ms(during, 0.5),
      'p95 ': ms(during, 0.95),
      max: ms(during, 1),
    };
  } finally {
    client.destroy();
    await reader.close();
    await stop();
  }
}

/** Waits until all datasets are in the query store. @returns the value of `performance.now()` at that moment */
async function waitForProjection(reader: Database): Promise<number> {
  const deadline = performance.now() + TIMEOUT_MS;
  while (performance.now() < deadline) {
    const last = `us-east-1:${String(DATASETS).padStart(12, '0')}`;
    const { rows } = await reader.query(
      `SELECT FROM query.datasets WHERE identity_pool_id = '${POOL}' AND identity_id = '${last}'`,
    );
    if (rows.length > 0) return performance.now();
    await sleep(100);
  }
  throw new Error('the bulk publish did not end');
}

/**
 * Writes with one device until `end` settles.
 * @returns for each update, the milliseconds from the answer until its row is in the query store
 */
async function measureLags(
  client: CognitoSyncClient,
  reader: Database,
  end: Promise<unknown>,
): Promise<number[]> {
  const lags: number[] = [];
  let ended = false;
  void end.finally(() => {
    ended = true;
  });
  const identity = newIdentity();
  let syncCount = 0;
  while (!ended) {
    const { Records = [] } = await write(client, identity, 'live', [set('key', `${syncCount}`, syncCount)]);
    const answeredAt = performance.now();
    syncCount = Records[0]?.SyncCount ?? 0;
    for (;;) {
      const { rows } = await reader.query(
        `SELECT FROM query.records WHERE identity_pool_id = '${POOL}'
         AND identity_id = '${identity.IdentityId}' AND sync_count = ${syncCount}`,
      );
      if (rows.length > 0) break;
      await sleep(POLL_EVERY_MS);
    }
    lags.push(performance.now() - answeredAt);
    await sleep(UPDATE_EVERY_MS);
  }
  return lags;
}
