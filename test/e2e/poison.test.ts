import { type KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import { localKinesis } from '../fixtures/aws/kinesis.ts';
import { type PostgresServer, startPostgresServer } from '../fixtures/database/postgres-server.ts';
import { startCloud } from '../fixtures/local/local-cloud.ts';
import { toBytes, wireEvent, wireRecord } from '../fixtures/sync/stream-events.ts';

const GOOD = 10_000;
const EVENTS_PER_PUT = 500;
/** More than this number of rows must be projected before the test kills the database. */
const ROWS_BEFORE_KILL = 4_000;
/** Number of events that the test puts only after the kill, so that the projection always has events left by then. */
const EVENTS_AFTER_KILL = 1_000;

let server: PostgresServer;
let cloud: LocalCloud;
let kinesis: KinesisClient;
beforeAll(async () => {
  server = await startPostgresServer();
  cloud = await startCloud({ databaseUrl: server.url });
  kinesis = localKinesis(cloud.url);
});
afterAll(async () => {
  kinesis.destroy();
  await cloud.close();
  await server.close();
});

const rows = async (sql: string) => (await cloud.database.query(sql)).rows;
const projected = async () => Number((await rows('SELECT count(*) FROM query.records'))[0]?.count);
const health = async () => (await fetch(`${cloud.url}/healthz`)).json();

it('a poison record, a dead URL and a database crash lose none of the 10,000 events around them', {
  timeout: 90_000,
}, async () => {
  const good = Array.from({ length: GOOD }, (_, index) => goodEvent(`key ${index}`));
  const [poison, deadUrl] = [Buffer.from('{"poison'), offloadedTo(`${cloud.url}/payloads/no-such-payload`)];
  const data = [...good.slice(0, GOOD / 2), poison, deadUrl, ...good.slice(GOOD / 2)];

  const sending = putInOrder(data.slice(0, -EVENTS_AFTER_KILL));
  await expect.poll(projected, { timeout: 30_000, interval: 5 }).toBeGreaterThan(ROWS_BEFORE_KILL);
  await server.kill();
  const sequenceNumbers = [...(await sending), ...(await putInOrder(data.slice(-EVENTS_AFTER_KILL)))];
  await expect.poll(health, { timeout: 10_000 }).toMatchObject({
    status: 'failing',
    mappings: [{ shards: [{ lastError: expect.any(String) }] }],
  });
  await server.start();

  await expect.poll(() => projected().catch(String), { timeout: 30_000, interval: 50 }).toBe(GOOD);
  expect(await rows('SELECT count(*) FROM query.records WHERE record_value = record_key')).toEqual([
    { count: GOOD },
  ]);
  expect(await rows('SELECT sequence_number, reason FROM query.quarantine ORDER BY 1')).toEqual([
    {
      sequence_number: sequenceNumbers[GOOD / 2],
      reason: 'not-json: the data is not JSON in UTF-8',
    },
    {
      sequence_number: sequenceNumbers[GOOD / 2 + 1],
      reason: expect.stringMatching(/^offloaded-payload: 127\.0\.0\.1 answered 403: .* the object is gone; /),
    },
  ]);

  const healthy = { state: 'reading', millisBehind: 0, lastError: null, discardedRecords: 0 };
  await expect.poll(health, { timeout: 15_000 }).toMatchObject({
    status: 'ok',
    mappings: [{ lastError: null, shards: [{ ...healthy, sequenceNumber: sequenceNumbers.at(-1) }] }],
    schedules: Array(12).fill({ lastError: null }),
  });
  expect(await rows('SELECT sequence_number FROM query.stream_progress')).toEqual([
    { sequence_number: sequenceNumbers.at(-1) },
  ]);
});

function goodEvent(key: string): Uint8Array {
  return toBytes(wireEvent({ kinesisSyncRecords: [wireRecord({ key, value: key })] }));
}

function offloadedTo(url: string): Uint8Array {
  return toBytes(wireEvent({ kinesisSyncRecords: null, payloadType: 'S3Url', kinesisSyncRecordsURL: url }));
}

/** Puts the data on one shard, one request after another. @returns the sequence numbers */
async function putInOrder(data: readonly Uint8Array[]): Promise<(string | undefined)[]> {
  const sequenceNumbers: (string | undefined)[] = [];
  for (let at = 0; at < data.length; at += EVENTS_PER_PUT) {
    const records = data.slice(at, at + EVENTS_PER_PUT).map((Data) => ({ Data, PartitionKey: 'key' }));
    const response = await kinesis.send(
      new PutRecordsCommand({ StreamName: 'cognito-sync', Records: records }),
    );
    expect(response.FailedRecordCount).toBe(0);
    sequenceNumbers.push(...(response.Records ?? []).map(({ SequenceNumber }) => SequenceNumber));
  }
  return sequenceNumbers;
}
