import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DescribeStreamSummaryCommand, type KinesisClient } from '@aws-sdk/client-kinesis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import { createKinesisClient } from '../../lib/aws/kinesis-client.ts';
import { localKinesis, put, putAll } from '../fixtures/aws/kinesis.ts';
import { CLOUDS, startCloud, startEmbeddedCloud } from '../fixtures/local/local-cloud.ts';
import { NEW_YEAR, wireEvent, wireRecord } from '../fixtures/sync/stream-events.ts';

describe.each(CLOUDS)('a Cognito stream event on the local cloud, $name', ({ open }) => {
  let cloud: LocalCloud;
  let kinesis: KinesisClient;

  beforeAll(async () => {
    cloud = await open();
    kinesis = localKinesis(cloud.url);
  });
  afterAll(async () => {
    kinesis.destroy();
    await cloud.close();
  });
  afterEach(() => cloud.reset());

  const rows = async (sql: string) => (await cloud.database.query(sql)).rows;
  const values = () => rows('SELECT record_key, record_value FROM query.records ORDER BY record_key');
  const eventually = (what: () => Promise<unknown>) => expect.poll(what, { timeout: 10_000, interval: 20 });
  /** Waits until the function has processed all data that was put before this call. */
  async function settle(): Promise<void> {
    await put(kinesis, wireEvent({ datasetName: 'last' }));
    await eventually(() => rows("SELECT 1 FROM query.datasets WHERE dataset_name = 'last'")).toHaveLength(1);
  }

  it('becomes rows, changes nothing when repeated, and deletes the rows if it is a removal', async () => {
    await put(
      kinesis,
      wireEvent({ kinesisSyncRecords: [wireRecord(), wireRecord({ key: 'name', value: 'Ada' })] }),
    );
    await eventually(values).toEqual([
      { record_key: 'name', record_value: 'Ada' },
      { record_key: 'score', record_value: '42' },
    ]);
    const before = await rows('SELECT * FROM query.records ORDER BY record_key');

    await put(
      kinesis,
      wireEvent({ kinesisSyncRecords: [wireRecord(), wireRecord({ key: 'name', value: 'Ada' })] }),
    );
    await settle();
    expect(await rows("SELECT * FROM query.records WHERE dataset_name = 'game' ORDER BY record_key")).toEqual(
      before,
    );

    await put(
      kinesis,
      wireEvent({
        operation: 'remove',
        kinesisSyncRecords: null,
        lastModifiedDate: NEW_YEAR + 1,
        syncCount: 2,
      }),
    );
    await eventually(() => rows("SELECT * FROM query.records WHERE dataset_name = 'game'")).toEqual([]);
    expect(await rows("SELECT deleted FROM query.datasets WHERE dataset_name = 'game'")).toEqual([
      { deleted: true },
    ]);
  });

  it('is projected among ten garbage records, which are quarantined', async () => {
    const garbage = Array.from({ length: 10 }, (_, index) => Buffer.from(`garbage ${index}`));
    await putAll(kinesis, [...garbage.slice(0, 5), wireEvent(), ...garbage.slice(5)]);
    // Quarantined records are written after the rows of their batch.
    await eventually(() =>
      rows(
        'SELECT count(DISTINCT sequence_number), min(reason), min(stream_name) AS stream FROM query.quarantine',
      ),
    ).toEqual([{ count: 10, min: 'not-json: the data is not JSON in UTF-8', stream: 'cognito-sync' }]);
    await eventually(() =>
      rows("SELECT record_value FROM query.records WHERE dataset_name = 'game'"),
    ).toEqual([{ record_value: '42' }]);
  });

  it('waits while the database fails, and is projected once the database works again', async () => {
    await cloud.database.query('ALTER TABLE projection.records RENAME TO elsewhere');
    try {
      await putAll(kinesis, [wireEvent(), Buffer.from('garbage')]);
      await eventually(async () => (await fetch(`${cloud.url}/healthz`)).status).toBe(503);
    } finally {
      await cloud.database.query('ALTER TABLE projection.elsewhere RENAME TO records');
    }
    await eventually(values).toEqual([{ record_key: 'score', record_value: '42' }]);
    await eventually(async () => (await fetch(`${cloud.url}/healthz`)).status).toBe(200);
    expect(await rows('SELECT reason FROM query.quarantine')).toHaveLength(1);
  });

  it('is rejected if it is signed with a wrong secret', async () => {
    const client = createKinesisClient({
      region: 'us-east-1',
      endpoint: cloud.url,
      credentials: { accessKeyId: 'local', secretAccessKey: 'guess' },
    });
    await expect(put(client, wireEvent())).rejects.toMatchObject({ name: 'InvalidSignatureException' });
    client.destroy();
  });
});

it('a restarted local cloud keeps projected events and projects the remaining events', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'restart-'));
  try {
    const first = await startEmbeddedCloud({ dataDir });
    const kinesis = localKinesis(first.url);
    await put(kinesis, wireEvent({ datasetName: 'before' }));
    await expect
      .poll(async () => (await first.database.query('SELECT 1 FROM query.records')).rows)
      .toHaveLength(1);
    await first.database.query('ALTER TABLE projection.records RENAME TO elsewhere');
    await put(kinesis, wireEvent({ datasetName: 'during' }));
    await expect.poll(async () => (await fetch(`${first.url}/healthz`)).status).toBe(503);
    await first.database.query('ALTER TABLE projection.elsewhere RENAME TO records');
    await first.close();
    kinesis.destroy();

    const second = await startEmbeddedCloud({ dataDir });
    const names = async () =>
      (await second.database.query('SELECT dataset_name FROM query.records ORDER BY 1')).rows;
    await expect.poll(names).toEqual([{ dataset_name: 'before' }, { dataset_name: 'during' }]);
    await second.close();
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});

it('the local cloud can stop while it retries a function', async () => {
  const cloud = await startCloud();
  const kinesis = localKinesis(cloud.url);
  await cloud.database.query('DROP TABLE projection.records CASCADE');
  await put(kinesis, wireEvent());
  await expect.poll(async () => (await fetch(`${cloud.url}/healthz`)).status).toBe(503);
  expect(await kinesis.send(new DescribeStreamSummaryCommand({ StreamName: 'cognito-sync' }))).toBeDefined();
  kinesis.destroy();
  await cloud.close();
  await expect(fetch(`${cloud.url}/healthz`)).rejects.toThrow();
});
