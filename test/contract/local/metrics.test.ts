import { type AddressInfo, createServer } from 'node:net';
import { CognitoIdentityClient, GetIdCommand } from '@aws-sdk/client-cognito-identity';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createDatabaseMetrics } from '../../../infra/local/metrics/database-metrics.ts';
import type { LocalCloud } from '../../../infra/local/start-local-cloud.ts';
import { openPg } from '../../../lib/database/drivers/pg/open-pg.ts';
import { identityClient } from '../../fixtures/identity/identity-credentials.ts';
import { startCloud, startEmbeddedCloud } from '../../fixtures/local/local-cloud.ts';
import { makeRulesFolder } from '../../fixtures/rules/rules-folder.ts';
import { POOL } from '../../fixtures/sync/stream-events.ts';
import { createSyncClient, list, newIdentity, set, write } from '../../fixtures/wire/sync-client.ts';

const SOON = { timeout: 30_000, interval: 100 };

async function scrape({ url }: Pick<LocalCloud, 'url'>): Promise<string> {
  const response = await fetch(`${url}/metrics`);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  return response.text();
}

/** Returns the value of a metric; undefined if it has no value. `name` includes the labels. */
function metricValue(text: string, name: string): number | undefined {
  const line = text.split('\n').find((one) => one.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length));
}

describe('/metrics', () => {
  let cloud: LocalCloud;
  let text: string;
  const identity = newIdentity();

  beforeAll(async () => {
    cloud = await startCloud();
    const client = createSyncClient(cloud.url);
    await write(client, identity, 'game', [set('score', '1')]);
    await list(client, identity, 'game');
    const identities = new CognitoIdentityClient({ region: 'us-east-1', endpoint: cloud.url });
    await identities.send(new GetIdCommand({ IdentityPoolId: 'us-east-1:unknown' })).catch(() => undefined);
    identities.destroy();
    client.destroy();
    await vi.waitFor(async () => {
      text = await scrape(cloud);
      expect(metricValue(text, 'cognito_sync_projected_records_total')).toBe(1);
      expect(metricValue(text, 'cognito_sync_outbox_events')).toBe(0);
    }, SOON);
  });
  afterAll(() => cloud.close());

  it('counts requests by operation and error code', () => {
    const count = (labels: string) => metricValue(text, `cognito_sync_requests_total{${labels}}`);
    expect(count('operation="UpdateRecords",code="OK"')).toBe(1);
    expect(count('operation="ListRecords",code="OK"')).toBeGreaterThanOrEqual(1);
    expect(count('operation="GetId",code="ValidationException"')).toBe(1);
  });

  it('has durations as cumulative buckets', () => {
    const name = 'cognito_sync_request_duration_seconds';
    const count = metricValue(text, `${name}_count{operation="UpdateRecords"}`);
    expect(count).toBe(1);
    expect(metricValue(text, `${name}_bucket{operation="UpdateRecords",le="+Inf"}`)).toBe(count);
    expect(metricValue(text, `${name}_sum{operation="UpdateRecords"}`)).toBeGreaterThan(0);
  });

  it('has the state of the database, its connections, the stream and the process', () => {
    expect(metricValue(text, 'cognito_sync_database_up')).toBe(1);
    expect(metricValue(text, 'cognito_sync_outbox_oldest_seconds')).toBe(0);
    expect(metricValue(text, 'cognito_sync_gaps_open')).toBe(0);
    expect(metricValue(text, 'cognito_sync_database_connections_max{use="reads"}')).toBe(6);
    expect(
      metricValue(text, 'cognito_sync_stream_lag_seconds{function="project-stream"}'),
    ).toBeGreaterThanOrEqual(0);
    expect(metricValue(text, 'cognito_sync_schedule_failing{function="relay-outbox"}')).toBe(0);
    expect(metricValue(text, 'process_resident_memory_bytes')).toBeGreaterThan(1_000_000);
  });

  it('names no identity, pool or dataset', () => {
    for (const id of [identity.IdentityId, POOL, 'game']) expect(text).not.toContain(id);
  });
});

it('/metrics counts calls of the sync trigger, and the decisions of the rules', async () => {
  const folder = await makeRulesFolder();
  await folder.write(
    'rules.ts',
    `import { defineRules } from 'cognito-sync-backend/rules';
     export default defineRules({
       datasets: { game: { keys: { 'score*': { maxBytes: 3, onInvalid: 'revert' } } } },
     });`,
  );
  const cloud = await startCloud({ rulesFile: folder.rulesFile });
  const identity = newIdentity();
  // The trigger does not run for developers.
  const client = await identityClient(cloud, identity);
  try {
    await write(client, identity, 'game', [set('score-1', 'long'), set('score-2', 'long'), set('a', 'long')]);
    await vi.waitFor(async () => {
      const name = 'cognito_sync_trigger_decisions_total';
      const text = await scrape(cloud);
      expect(metricValue(text, 'cognito_sync_trigger_calls_total{outcome="answered"}')).toBe(1);
      const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`));
      expect(lines).toEqual([`${name}{rule="datasets.game.keys.score*",action="dropped"} 2`]);
    }, SOON);
  } finally {
    client.destroy();
    await cloud.close();
    await folder.remove();
  }
});

it('/metrics answers while the database is down, with the metrics that need no database', async () => {
  const cloud = await startEmbeddedCloud();
  try {
    await cloud.database.close();
    const text = await scrape(cloud);
    expect(metricValue(text, 'cognito_sync_database_up')).toBe(0);
    expect(metricValue(text, 'cognito_sync_outbox_events')).toBeUndefined();
    expect(text).toContain('# TYPE cognito_sync_outbox_events gauge');
    expect(metricValue(text, 'process_cpu_seconds_total')).toBeGreaterThan(0);
  } finally {
    await cloud.close();
  }
});

it('/metrics reports a database that never answers as down, and queries it once for all waiting scrapes', async () => {
  let connections = 0;
  const silent = createServer((socket) => {
    connections += 1;
    socket.on('error', () => undefined).resume();
  });
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  const database = openPg({
    connectionString: `postgres://postgres@127.0.0.1:${port}/postgres`,
    connectTimeoutMs: 60_000,
  });
  const read = createDatabaseMetrics(database, 100);
  const isUp = async () => (await read()).find(({ name }) => name.endsWith('_up'))?.samples;
  expect(await Promise.all([isUp(), isUp()])).toEqual([[{ value: 0 }], [{ value: 0 }]]);
  expect(await isUp()).toEqual([{ value: 0 }]);
  expect(connections).toBe(1);
  silent.close();
});
