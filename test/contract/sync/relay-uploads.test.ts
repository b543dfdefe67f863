import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createProjectStream } from '../../../functions/project-stream.ts';
import { createRelayOutbox } from '../../../functions/relay-outbox.ts';
import { createLambdaContext } from '../../../infra/local/lambda-context.ts';
import { createKinesisPublisher } from '../../../lib/aws/kinesis-publisher.ts';
import { openPayloadBucket } from '../../../lib/aws/payload-bucket.ts';
import { createPayloadFetch } from '../../../lib/aws/payload-fetch.ts';
import { createLogger } from '../../../lib/aws/telemetry.ts';
import type { Database } from '../../../lib/database/database.ts';
import { openPg } from '../../../lib/database/drivers/pg/open-pg.ts';
import { createQueryStore } from '../../../lib/projection/store/query-store.ts';
import type { RelayOptions } from '../../../lib/sync/jobs/relay-batch.ts';
import { type RelayOutboxDeps, relayOutbox } from '../../../lib/sync/jobs/relay-outbox.ts';
import type { EventPublisher } from '../../../lib/sync/ports/outbox.ts';
import { createOutboxStore } from '../../../lib/sync/store/outbox-store.ts';
import { createPayloadStore } from '../../../lib/sync/store/payload-store.ts';
import { createStreamingSwitch } from '../../../lib/sync/store/streaming-switch.ts';
import { type KinesisEmulator, region, startKinesisEmulator } from '../../fixtures/aws/kinesis-emulator.ts';
import { readEvents } from '../../fixtures/aws/read-stream.ts';
import { BUCKET, ROLE, type S3StandIn, startS3 } from '../../fixtures/aws/s3.ts';
import { createPostgresDatabase, DATABASES } from '../../fixtures/database/databases.ts';
import { deleteRows } from '../../fixtures/database/delete-rows.ts';
import { insertOutboxRow, letLeasesAge } from '../../fixtures/database/outbox-rows.ts';
import { createPool, STREAMING } from '../../fixtures/identity/identity-pools.ts';
import { programEnvironment } from '../../fixtures/local/program-environment.ts';
import { deliver, toBytes, toKinesisEvent } from '../../fixtures/sync/stream-events.ts';
import { createDevice, createSyncService, put } from '../../fixtures/sync/sync-service.ts';

const WRITER = { ...ROLE, accessKeyId: 'ASIAWRITER' };
/** With this value, the payload has three parts. */
const LARGE = 'é"\\'.repeat(80_000);

let emulator: KinesisEmulator;
let s3: S3StandIn;
beforeAll(async () => {
  emulator = await startKinesisEmulator();
  s3 = await startS3();
});
afterAll(async () => {
  await emulator.close();
  await s3.close();
});
beforeEach(() => {
  s3.objects.clear();
  s3.requests.length = 0;
  s3.credentials = [ROLE, WRITER];
  s3.faultOf = () => null;
  s3.onStored = () => undefined;
});

/** Returns the service of a deployed stack on this database. `streamName` is the stream of its pool. */
function stackOn(database: Database, streamName: string) {
  const outbox = createOutboxStore(database);
  const payloads = createPayloadStore(database);
  const uploader = openPayloadBucket({
    bucket: BUCKET,
    region,
    endpoint: s3.endpoint,
    credentials: async () => WRITER,
    now: Date.now,
    timeoutMs: 2_000,
  });
  const deps = {
    outbox,
    publisher: createKinesisPublisher(emulator.client),
    streaming: createStreamingSwitch(database),
    streamName,
    uploads: { payloads, uploader },
  };
  return {
    ...deps,
    payloads,
    uploader,
    relay: (options: Partial<RelayOptions> = {}, more: Partial<RelayOutboxDeps> = {}) =>
      relayOutbox({ ...deps, now: Date.now, options, ...more }),
    /** Writes a dataset whose event is offloaded, even if its records are small. @returns the identity's id */
    async write(value = 'é'): Promise<string> {
      const { operations } = createSyncService(database, { inlineBytes: 100 });
      const device = createDevice(operations);
      await device.update(put('a', value), put('b', `${value}b`), put('c', value), put('d', 'small'));
      return device.identity.IdentityId;
    },
    events: async () => (await readEvents(emulator.client, streamName)).map(({ event }) => event),
    /** Returns the numbers of rows of the outbox, of payloads and of their parts. */
    async left(): Promise<number[]> {
      const { rows } = await database.query<{ events: number; payloads: number; parts: number }>(
        `SELECT (SELECT count(*) FROM sync.outbox) AS events, (SELECT count(*) FROM sync.payloads) AS payloads,
           (SELECT count(*) FROM sync.payload_parts) AS parts`,
      );
      return rows.flatMap(({ events, payloads, parts }) => [events, payloads, parts]);
    },
  };
}

/** Returns the stack's project-stream function, which has other credentials than the relay. */
function projectorOn(database: Database) {
  const bucket = openPayloadBucket({
    bucket: BUCKET,
    region,
    endpoint: s3.endpoint,
    credentials: async () => ROLE,
    now: Date.now,
  });
  return createProjectStream({
    store: createQueryStore(database),
    fetchPayload: createPayloadFetch({
      policy: { regions: [region], ownOrigin: null },
      bucket,
      now: Date.now,
    }),
    parallelizationFactor: 1,
    report: () => undefined,
    logger: createLogger('project-stream'),
  });
}

const urlOf = (event: Record<string, unknown> | undefined) => String(event?.kinesisSyncRecordsURL);
const FAILURE = 'payload upload: AccessDenied';

describe.each(DATABASES)('the relay with a bucket for payloads on $name', ({ open }) => {
  let database: Database;
  let stack: ReturnType<typeof stackOn>;
  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await deleteRows(database, [
      'sync.identity_pools',
      'sync.outbox',
      'sync.outbox_leases',
      'sync.payloads',
      'sync.payload_parts',
    ]);
    const streamName = await emulator.createStream(1);
    await createPool(database, undefined, { streams: { ...STREAMING, streamName } });
    stack = stackOn(database, streamName);
  });

  /** Writes offloaded events with the payload `[]`, whose ids start at this number. */
  async function offload(count: number, streamName: string, first = 0): Promise<void> {
    for (let number = first; number < first + count; number += 1) {
      const payloadId = `00000000-0000-4000-8000-00000000000${number}`;
      const url = `http://127.0.0.1:4580/payloads/${payloadId}?expires=1`;
      const event = JSON.stringify({ kinesisSyncRecordsURL: url, payloadType: 'S3Url' });
      await insertOutboxRow(database, { event, streamName, createdAt: new Date(number) });
      await database.query(
        "INSERT INTO sync.payloads (payload_id, body, expires_ms) VALUES ($1::text::uuid, '[]', 0)",
        [payloadId],
      );
    }
  }

  const refusing = (streams: readonly string[]): EventPublisher => ({
    publish: async (stream, entries) =>
      streams.includes(stream)
        ? entries.map(() => ({ error: 'ProvisionedThroughputExceededException', retryable: true }))
        : createKinesisPublisher(emulator.client).publish(stream, entries),
  });

  it('uploads a payload, publishes the event with its URL, and then deletes the payload', async () => {
    const identityId = await stack.write(LARGE);
    const { rows } = await database.query<{ event: string }>('SELECT event FROM sync.outbox');
    const stored = JSON.parse(rows[0]?.event ?? '');
    expect(await stack.left()).toEqual([1, 1, 2]);
    s3.onStored = () => void s3.requests.push('stored');
    expect(await stack.relay()).toMatchObject({ published: 1, postponed: 0, notUploaded: 0 });
    const [event, ...others] = await stack.events();
    expect(others).toEqual([]);
    const payloadId = stored.kinesisSyncRecordsURL.slice(31, 67);
    const url = `${s3.endpoint}/${BUCKET}/payloads/${payloadId}`;
    expect(urlOf(event)).toMatch(`${url}?X-Amz-Algorithm=`);
    expect(Object.entries({ ...event, kinesisSyncRecordsURL: '' })).toEqual(
      Object.entries({ ...stored, identityId, kinesisSyncRecordsURL: '' }),
    );
    const records: unknown = await (await fetch(urlOf(event))).json();
    expect(records).toMatchObject([
      { key: 'a', value: LARGE },
      { key: 'b', value: `${LARGE}b` },
      { key: 'c', value: LARGE },
      { key: 'd', value: 'small' },
    ]);
    expect(await stack.left()).toEqual([0, 0, 0]);
    expect(s3.requests.filter((request) => request !== 'stored')).toEqual([
      `PUT /${BUCKET}/payloads/${payloadId}`,
      `GET /${BUCKET}/payloads/${payloadId}`,
    ]);
  });

  it("lets project-stream read the payload and write its records, even after the relay's credentials have expired", async () => {
    const identityId = await stack.write(LARGE);
    await stack.relay();
    s3.credentials = [ROLE, { ...WRITER, isExpired: true }];
    const [event] = await stack.events();
    expect((await fetch(urlOf(event))).status).toBe(400);
    const result = await projectorOn(database)(
      toKinesisEvent([deliver(toBytes(event))]),
      createLambdaContext('project-stream', region),
    );
    expect(result).toEqual({ batchItemFailures: [] });
    const { rows } = await database.query<{ record_key: string; record_value: string }>(
      'SELECT record_key, record_value FROM query.records WHERE identity_id = $1 ORDER BY record_key',
      [identityId],
    );
    expect(rows.map((row) => [row.record_key, row.record_value])).toEqual([
      ['a', LARGE],
      ['b', `${LARGE}b`],
      ['c', LARGE],
      ['d', 'small'],
    ]);
  });

  it('publishes events without payloads to upload while uploads fail, and all other events after the uploads succeed', async () => {
    s3.faultOf = () => [403, 'AccessDenied'];
    await stack.write();
    await offload(8, stack.streamName);
    await insertOutboxRow(database, { event: '{"inline":1}', streamName: stack.streamName });
    const outcome = await stack.relay({ batchRows: 2 });
    expect(outcome).toMatchObject({ published: 1, postponed: 9, parked: 0, notUploaded: 9 });
    expect(outcome.refusals).toEqual([FAILURE]);
    expect(await stack.events()).toEqual([{ inline: 1 }]);
    expect(s3.requests, 'after a group of failed uploads, the run uploads nothing more').toHaveLength(2);
    expect(await stack.left()).toEqual([9, 9, 0]);

    s3.faultOf = () => null;
    expect(await stack.relay(), 'the backoff has not ended').toMatchObject({ published: 0, postponed: 0 });
    await letLeasesAge(database, 60_000);
    expect(await stack.relay()).toMatchObject({ published: 9, postponed: 0 });
    expect(await stack.events()).toHaveLength(10);
    expect(await stack.left()).toEqual([0, 0, 0]);
  });

  it('uploads only one group of payloads for a stream that accepts nothing, and not again in the next runs', async () => {
    await offload(9, stack.streamName);
    const publisher = refusing([stack.streamName]);
    const uploaded = () => s3.requests.filter((request) => request.startsWith('PUT')).length;
    for (let runs = 0; runs < 3; runs += 1) {
      const options = { retryBaseMs: 60_000, retryCapMs: 60_000 };
      expect(await stack.relay(options, { publisher })).toMatchObject({ postponed: 4, notUploaded: 0 });
      expect(await stack.relay(options, { publisher }), 'the others wait too').toMatchObject({
        postponed: 0,
      });
      expect(uploaded()).toBe(4);
      await letLeasesAge(database, 60_000);
    }
    await insertOutboxRow(database, { streamName: stack.streamName, createdAt: new Date(0) });
    expect(await stack.relay({}, { publisher })).toMatchObject({ postponed: 1, notUploaded: 0 });
    expect([uploaded(), await stack.left()]).toEqual([4, [10, 9, 0]]);

    await letLeasesAge(database, 60_000);
    expect(await stack.relay()).toMatchObject({ published: 10 });
    expect([uploaded(), await stack.left()]).toEqual([9, [0, 0, 0]]);
    for (const event of await stack.events()) {
      if (event.kinesisSyncRecordsURL) expect(await (await fetch(urlOf(event))).text()).toBe('[]');
    }
  });

  it('uploads a payload again if S3 would delete the earlier upload too soon after the publication', async () => {
    await offload(1, stack.streamName);
    const publisher = refusing([stack.streamName]);
    await stack.relay({}, { publisher });
    for (const path of s3.storedAt.keys()) s3.storedAt.set(path, Date.now() - 13 * 60 * 60 * 1000);
    await letLeasesAge(database, 60_000);
    expect(await stack.relay()).toMatchObject({ published: 1 });
    expect(s3.requests.filter((request) => request.startsWith('PUT'))).toHaveLength(2);
  });

  it('still uploads for other streams if all uploads for one stream fail', async () => {
    const other = await emulator.createStream(1);
    await offload(1, other);
    await offload(9, stack.streamName, 1);
    s3.faultOf = (_, path) => (path.endsWith('0') ? [503, 'SlowDown'] : null);
    expect(await stack.relay()).toMatchObject({ published: 9, postponed: 1, notUploaded: 1 });
  });

  it('keeps an event in the outbox as long as its upload fails, and never parks the event', async () => {
    await stack.write();
    s3.faultOf = () => [404, 'NoSuchBucket'];
    for (let run = 0; run < 8; run += 1) {
      expect(await stack.relay()).toMatchObject({ postponed: 1, notUploaded: 1, parked: 0 });
      await letLeasesAge(database, 60_000);
    }
    s3.faultOf = () => null;
    expect(await stack.relay()).toMatchObject({ published: 1 });
  });

  it('publishes the events whose uploads succeed if another upload of the group fails', async () => {
    await stack.write();
    await stack.write();
    let failing = '';
    s3.faultOf = (_, path) => {
      failing ||= path;
      return path === failing ? [503, 'SlowDown'] : null;
    };
    expect(await stack.relay()).toMatchObject({
      published: 1,
      postponed: 1,
      notUploaded: 1,
      refusals: ['payload upload: SlowDown'],
    });
    expect(await stack.left()).toEqual([1, 1, 0]);
    expect(urlOf((await stack.events())[0])).not.toContain(failing);
  });

  it('uploads again if the event was not published, and keeps the payload until then', async () => {
    await stack.write();
    const publisher = {
      publish: async () => [{ error: 'ProvisionedThroughputExceededException', retryable: true }],
    };
    expect(await stack.relay({ retryBaseMs: 60_000, retryCapMs: 60_000 }, { publisher })).toMatchObject({
      postponed: 1,
      notUploaded: 0,
    });
    expect([await stack.left(), s3.objects.size]).toEqual([[1, 1, 0], 1]);
    await letLeasesAge(database, 60_000);
    expect(await stack.relay()).toMatchObject({ published: 1 });
    expect([await stack.left(), s3.objects.size]).toEqual([[0, 0, 0], 1]);
  });

  it('does not replace the upload if another relay has published the event in the meantime', async () => {
    await stack.write();
    // This relay reads the payload only after its lease has ended and another relay has finished.
    const payloads = {
      ...stack.payloads,
      async read(payloadId: string) {
        await letLeasesAge(database, 120_000);
        expect(await stack.relay()).toMatchObject({ published: 1 });
        return stack.payloads.read(payloadId);
      },
    };
    const uploads = { ...stack.uploads, payloads };
    expect(await stack.relay({}, { uploads })).toMatchObject({ published: 1, notUploaded: 0 });
    const events = await stack.events();
    expect(events).toHaveLength(2);
    expect(urlOf(events[0]).split('?')[0]).toBe(urlOf(events[1]).split('?')[0]);
    expect(await (await fetch(urlOf(events[1]))).json()).toHaveLength(4);
    expect(s3.requests.filter((request) => request.startsWith('PUT'))).toHaveLength(1);
  });

  it('leaves the payload to the sweep if the relay ends before it deletes the payload', async () => {
    await stack.write();
    const payloads = { ...stack.payloads, remove: () => Promise.reject(new Error('the power is gone')) };
    const relay = stack.relay({}, { uploads: { ...stack.uploads, payloads } });
    await expect(relay).rejects.toThrow('the power is gone');
    expect(await stack.left()).toEqual([0, 1, 0]);
    expect(await stack.relay()).toMatchObject({ published: 0 });
    expect(await stack.payloads.removeExpired(Number.MAX_SAFE_INTEGER)).toBe(1);
    expect([await stack.left(), await stack.events()]).toEqual([[0, 0, 0], [expect.anything()]]);
  });

  it('releases the events that it cannot upload within half of the lease', async () => {
    for (let count = 0; count < 6; count += 1) await stack.write();
    let clock = 0;
    s3.onStored = () => {
      clock += 10_000;
    };
    const deps = { ...stack, now: () => clock, options: { leaseMs: 60_000, timeBudgetMs: 35_000 } };
    expect(await relayOutbox(deps), 'four uploads run at once').toMatchObject({ published: 4, postponed: 0 });
    expect(await stack.left()).toEqual([2, 2, 0]);
    expect(await stack.relay(), 'the rest can be claimed again').toMatchObject({ published: 2 });
  });

  it('logs each reason of failed uploads once', async () => {
    const logger = createLogger('relay-outbox');
    const error = vi.spyOn(logger, 'error');
    const handler = createRelayOutbox({ ...stack, logger });
    const invoke = async () => {
      await letLeasesAge(database, 60_000);
      return handler({}, createLambdaContext('relay-outbox', region));
    };
    await stack.write();
    s3.faultOf = () => [403, 'AccessDenied'];
    await expect(invoke()).rejects.toThrow(`none of 1 events could be published: ${FAILURE}`);
    await expect(invoke()).rejects.toThrow(FAILURE);
    s3.faultOf = () => [404, 'NoSuchBucket'];
    await expect(invoke()).rejects.toThrow('payload upload: NoSuchBucket');
    s3.faultOf = () => [403, 'AccessDenied'];
    await expect(invoke()).rejects.toThrow(FAILURE);
    const message = 'payloads cannot be uploaded; their events wait until the uploads succeed';
    expect(error.mock.calls).toEqual([
      [message, { failure: FAILURE }],
      [message, { failure: 'payload upload: NoSuchBucket' }],
    ]);
  });
});

it('loses nothing if the relay is killed between upload and publish', async () => {
  const connectionString = await createPostgresDatabase();
  const database = openPg({ connectionString });
  try {
    const streamName = await emulator.createStream(1);
    await createPool(database, undefined, { streams: { ...STREAMING, streamName } });
    const stack = stackOn(database, streamName);
    await stack.write(LARGE);
    const relay = spawn(
      process.execPath,
      [fileURLToPath(import.meta.resolve('../../fixtures/sync/relay-process.ts'))],
      {
        env: {
          ...programEnvironment(),
          DATABASE_URL: connectionString,
          STREAM_NAME: streamName,
          PAYLOAD_BUCKET: BUCKET,
          AWS_REGION: region,
          AWS_ACCESS_KEY_ID: WRITER.accessKeyId,
          AWS_SECRET_ACCESS_KEY: WRITER.secretAccessKey,
          AWS_SESSION_TOKEN: WRITER.sessionToken,
          AWS_ENDPOINT_URL_S3: s3.endpoint,
          POWERTOOLS_LOG_LEVEL: 'SILENT',
        },
        stdio: 'inherit',
      },
    );
    s3.onStored = () => void relay.kill('SIGKILL');
    expect(await once(relay, 'exit')).toEqual([null, 'SIGKILL']);
    expect([await stack.left(), await stack.events(), s3.objects.size]).toEqual([[1, 1, 2], [], 1]);

    s3.onStored = () => undefined;
    await letLeasesAge(database, 120_000);
    expect(await stack.relay()).toMatchObject({ published: 1 });
    const [event] = await stack.events();
    expect(await (await fetch(urlOf(event))).json()).toHaveLength(4);
    expect(await stack.left()).toEqual([0, 0, 0]);
  } finally {
    await database.close();
  }
});
