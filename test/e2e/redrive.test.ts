import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFailureDirectory } from '../../infra/local/event-source-mapping/failure-destination.ts';
import { toFailureRecord } from '../../infra/local/event-source-mapping/failure-record.ts';
import { encodeRecord } from '../../infra/local/event-source-mapping/kinesis-event.ts';
import { firstAttempt } from '../../infra/local/event-source-mapping/retry-policy.ts';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import { openPg } from '../../lib/database/drivers/pg/open-pg.ts';
import { migrate } from '../../lib/database/schema/migrate.ts';
import { projectBatch } from '../../lib/projection/project-batch.ts';
import { createQueryStore } from '../../lib/projection/store/query-store.ts';
import { localKinesis, put } from '../fixtures/aws/kinesis.ts';
import { createPostgresDatabase } from '../fixtures/database/databases.ts';
import { startEmbeddedCloud } from '../fixtures/local/local-cloud.ts';
import { operate } from '../fixtures/local/operator.ts';
import { deliver, readDeliveries, toBytes, wireEvent, wireRecord } from '../fixtures/sync/stream-events.ts';

let dataDir: string;
let cloud: LocalCloud;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'redrive-'));
  cloud = await startEmbeddedCloud({ dataDir });
});
afterAll(async () => {
  await cloud.close();
  await rm(dataDir, { recursive: true, force: true });
});

const redrive = (...args: string[]) => operate(['redrive', ...args], { DATA_DIR: dataDir });
const keys = async () =>
  (await cloud.database.query('SELECT record_key FROM query.records ORDER BY 1')).rows.map(
    (row) => row.record_key,
  );

const countQuarantined = async () =>
  (await cloud.database.query('SELECT count(*) AS count FROM query.quarantine')).rows[0]?.count;

describe('the redrive command', () => {
  it('reports quarantined events that cannot be projected', async () => {
    const kinesis = localKinesis(cloud.url);
    await put(kinesis, Buffer.from('garbage'));
    await put(kinesis, wireEvent({ kinesisSyncRecords: [wireRecord({ key: 'live' })] }));
    kinesis.destroy();
    await expect.poll(keys, { timeout: 10_000, interval: 20 }).toEqual(['live']);
    // The quarantine is written after the rows.
    await expect.poll(countQuarantined, { timeout: 10_000, interval: 20 }).toBe(1);
    expect(await redrive()).toEqual({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(
        /^quarantine: 0 projected, 1 cannot be projected as they are \(1 not-json; see docs\/query\.md\)\n.*`redrive --dismiss`.*\n$/,
      ),
    });
  });

  it('projects records that the event source mapping discarded', async () => {
    const origin = {
      functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:project-stream',
      shardId: 'shardId-000000000000',
      streamArn: 'arn:aws:kinesis:us-east-1:000000000000:stream/cognito-sync',
      region: 'us-east-1',
      invokeIdentityArn: 'arn:aws:iam::000000000000:role/project-stream',
    };
    const records = ['given up', 'too'].map((key, index) =>
      encodeRecord(
        {
          sequenceNumber: `4960118965842235937883629852${index}`,
          partitionKey: 'key',
          data: toBytes(wireEvent({ kinesisSyncRecords: [wireRecord({ key })] })),
          arrivedAt: new Date(),
        },
        origin,
      ),
    );
    const directory = join(dataDir, 'given-up');
    const discarded = {
      attempt: firstAttempt(records),
      condition: 'RecordAgeExceeded' as const,
      requestId: 'none',
      now: Date.now(),
    };
    await createFailureDirectory({ directory, mappingUuid: 'uuid' }).keep(toFailureRecord(discarded, origin));
    for (let time = 0; time < 2; time += 1) {
      expect(await redrive('--failures', directory)).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^\/.*: 2 projected, 0 cannot be projected as they are\n/),
      });
      expect(await keys()).toEqual(['given up', 'live', 'too']);
    }
  });

  it('fails if the directory cannot be read or the arguments are invalid', async () => {
    expect(await redrive('--failures', join(dataDir, 'nowhere'))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('nowhere cannot be read: ENOENT'),
    });
    expect(await redrive('--failures', '')).toMatchObject({ code: 2 });
    expect(await redrive('everything')).toMatchObject({ code: 2 });
  });

  it('fetches payloads from the default region of `npm start`, and checks AWS_REGION first', async () => {
    const databaseUrl = await createPostgresDatabase();
    const database = openPg({ connectionString: databaseUrl });
    await migrate(database);
    const elsewhere = wireEvent({
      payloadType: 'S3Url',
      kinesisSyncRecords: null,
      kinesisSyncRecordsURL: 'https://bucket.s3.eu-west-1.amazonaws.com/payload',
    });
    await projectBatch(
      createQueryStore(database),
      await readDeliveries([deliver(toBytes(elsewhere)), deliver(Buffer.from('garbage'))]),
    );
    expect(await operate(['redrive'], { DATABASE_URL: databaseUrl, AWS_REGION: 'moon' })).toEqual({
      code: 1,
      stdout: '',
      stderr: 'cognito-sync-backend: invalid AWS_REGION "moon": use a region name such as us-east-1\n',
    });
    expect(await operate(['redrive'], { DATABASE_URL: databaseUrl })).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/^quarantine: 0 projected, 2 cannot be projected .*1 offloaded-payload/),
    });
    const { rows } = await database.query("SELECT reason FROM query.quarantine WHERE reason LIKE 'offl%'");
    expect(rows).toEqual([{ reason: 'offloaded-payload: the host is not an S3 endpoint of us-east-1' }]);
    await database.close();
  });
});
