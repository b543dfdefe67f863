import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import { localKinesis, put } from '../fixtures/aws/kinesis.ts';
import { startEmbeddedCloud } from '../fixtures/local/local-cloud.ts';
import { wireEvent, wireRecord } from '../fixtures/sync/stream-events.ts';

const WRITES = 200;
let cloud: LocalCloud;
beforeAll(async () => {
  cloud = await startEmbeddedCloud();
});
afterAll(() => cloud.close());

it('misbehaving SQL clients block neither writes nor /healthz', { timeout: 90_000 }, async () => {
  const stop = new AbortController();
  const unhealthy: unknown[] = [];
  const watching = watchHealth(stop.signal, unhealthy);
  const reading = misbehave(stop.signal);

  const kinesis = localKinesis(cloud.url);
  for (let count = 1; count <= WRITES; count += 1) {
    await put(kinesis, wireEvent({ kinesisSyncRecords: [wireRecord({ key: `key ${count}` })] }));
  }
  const stored = async () => (await cloud.database.query('SELECT count(*) FROM query.records')).rows;
  await expect.poll(stored, { timeout: 60_000 }).toEqual([{ count: WRITES }]);
  stop.abort();
  kinesis.destroy();
  await Promise.all([watching, reading]);
  expect(unhealthy).toEqual([]);
  expect(await stored()).toEqual([{ count: WRITES }]);
});

/** Leaves transactions open, causes errors inside them, rolls them back, and runs endless queries. */
async function misbehave(signal: AbortSignal): Promise<void> {
  const client = new pg.Client({ connectionString: cloud.sqlUrl });
  await client.connect();
  const attempts = [
    'BEGIN',
    'DELETE FROM projection.records',
    'SELECT nonsense',
    'ROLLBACK',
    'BEGIN',
    'SELECT count(*) FROM query.records',
    'ROLLBACK',
  ];
  const endless = 'SELECT count(*) FROM generate_series(1, 1e12)';
  for (const sql of [...attempts, endless, ...attempts]) await client.query(sql).catch(() => undefined);
  while (!signal.aborted) for (const sql of attempts) await client.query(sql).catch(() => undefined);
  await client.end();
}

async function watchHealth(signal: AbortSignal, unhealthy: unknown[]): Promise<void> {
  while (!signal.aborted) {
    try {
      const response = await fetch(`${cloud.url}/healthz`, { signal: AbortSignal.timeout(2_000) });
      if (response.status !== 200) unhealthy.push(await response.json());
    } catch (error) {
      unhealthy.push(error);
    }
  }
}
