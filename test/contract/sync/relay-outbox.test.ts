import { createServer } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createRelayOutbox, handler } from '../../../functions/relay-outbox.ts';
import { createLambdaContext } from '../../../infra/local/lambda-context.ts';
import { createKinesisClient } from '../../../lib/aws/kinesis-client.ts';
import { createKinesisPublisher } from '../../../lib/aws/kinesis-publisher.ts';
import { createKinesisReader, type KinesisRecord } from '../../../lib/aws/kinesis-reader.ts';
import { createLogger } from '../../../lib/aws/telemetry.ts';
import type { Database } from '../../../lib/database/database.ts';
import { projectBatch } from '../../../lib/projection/project-batch.ts';
import { createQueryStore } from '../../../lib/projection/store/query-store.ts';
import type { RelayOptions } from '../../../lib/sync/jobs/relay-batch.ts';
import { relayOutbox } from '../../../lib/sync/jobs/relay-outbox.ts';
import type { Outbox, PublishEntry } from '../../../lib/sync/ports/outbox.ts';
import { createOutboxStore, type OutboxStore } from '../../../lib/sync/store/outbox-store.ts';
import { createPoolStore } from '../../../lib/sync/store/pool-store.ts';
import { createStreamingSwitch } from '../../../lib/sync/store/streaming-switch.ts';
import {
  credentials,
  type KinesisEmulator,
  listen,
  region,
  startKinesisEmulator,
} from '../../fixtures/aws/kinesis-emulator.ts';
import { SERVERS } from '../../fixtures/database/databases.ts';
import { insertOutboxRow, letLeasesAge } from '../../fixtures/database/outbox-rows.ts';
import { newPool, STREAMING } from '../../fixtures/identity/identity-pools.ts';
import {
  IDENTITY,
  NEW_YEAR,
  readDeliveries,
  wireEvent,
  wireRecord,
} from '../../fixtures/sync/stream-events.ts';

const SHARD = 'shardId-000000000000';
/** A partition key that Kinesis rejects, because a key has at most 256 characters. */
const WRONG_KEY = 'k'.repeat(300);

let emulator: KinesisEmulator;
beforeAll(async () => {
  emulator = await startKinesisEmulator();
});
afterAll(() => emulator.close());

async function readStream(streamName: string): Promise<KinesisRecord[]> {
  const reader = createKinesisReader(emulator.client);
  const read: KinesisRecord[] = [];
  let iterator: string | undefined = await reader.openIterator(streamName, SHARD, { type: 'TRIM_HORIZON' });
  while (iterator) {
    const page = await reader.getRecords(iterator, 10_000);
    if (page.records.length === 0) break;
    read.push(...page.records);
    iterator = page.nextIterator;
  }
  return read;
}

const textOf = ({ data }: { data: Uint8Array }) => new TextDecoder().decode(data);

describe.each(SERVERS)('the relay on $name', ({ open }) => {
  let database: Database;
  let outbox: OutboxStore;
  let streamName: string;

  beforeAll(async () => {
    database = await open();
    outbox = createOutboxStore(database);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await database.query('DELETE FROM sync.outbox');
    streamName = await emulator.createStream(1);
  });

  const publisher = () => createKinesisPublisher(emulator.client);
  const relay = (options: Partial<RelayOptions> = {}, from: Outbox = outbox, to = publisher()) =>
    relayOutbox({
      outbox: from,
      publisher: to,
      streaming: createStreamingSwitch(database),
      streamName,
      now: Date.now,
      // A busy machine needs more time than the default.
      options: { timeBudgetMs: 60_000, ...options },
    });

  async function fill(count: number): Promise<void> {
    for (let index = 0; index < count; index += 1) {
      await insertOutboxRow(database, { event: `e${index}`, createdAt: new Date(NEW_YEAR + index) });
    }
  }

  it('publishes every event in order, with its partition key', async () => {
    await fill(30);
    await insertOutboxRow(database, { event: '{"value":"ключ \u{1F511}"}', partitionKey: IDENTITY });
    expect(await relay({ batchRows: 7 })).toEqual({
      published: 31,
      postponed: 0,
      parked: 0,
      refusals: [],
      goneStreams: [],
      withoutStream: 0,
      notUploaded: 0,
    });
    const records = await readStream(streamName);
    expect(records.slice(0, 30).map(textOf)).toEqual(Array.from({ length: 30 }, (_, index) => `e${index}`));
    expect(records.slice(30).map((record) => [record.partitionKey, textOf(record)])).toEqual([
      [IDENTITY, '{"value":"ключ \u{1F511}"}'],
    ]);
    expect(await outbox.count()).toEqual({ waiting: 0, parked: 0 });
  });

  it('publishes events of the maximum size', async () => {
    const event = 'x'.repeat(900 * 1024);
    for (let index = 0; index < 12; index += 1) await insertOutboxRow(database, { event });
    expect(await relay()).toMatchObject({ published: 12 });
    expect((await readStream(streamName)).map(({ data }) => data.byteLength)).toEqual(
      Array(12).fill(event.length),
    );
  });

  it('publishes each event once if several relays run concurrently', async () => {
    await fill(200);
    const outcomes = await Promise.all([
      relay({ batchRows: 20 }),
      relay({ batchRows: 20 }),
      relay({ batchRows: 20 }),
    ]);
    expect(outcomes.reduce((sum, { published }) => sum + published, 0)).toBe(200);
    const texts = (await readStream(streamName)).map(textOf);
    expect(texts).toHaveLength(200);
    expect(new Set(texts).size).toBe(200);
  });

  it('publishes an event again if a crash prevented its removal; the query store has it once', async () => {
    await database.query('DELETE FROM projection.records');
    const event = JSON.stringify(
      wireEvent({ kinesisSyncRecords: [wireRecord({ key: 'level', value: '7' })] }),
    );
    await insertOutboxRow(database, { event, partitionKey: IDENTITY });
    const crash = () => Promise.reject(new Error('killed'));
    await expect(relay({ leaseMs: 60_000 }, { ...outbox, remove: crash })).rejects.toThrow('killed');
    expect(await relay(), 'before the lease expires').toMatchObject({ published: 0 });
    await letLeasesAge(database, 60_000);
    expect(await relay(), 'after the lease has expired').toMatchObject({ published: 1 });

    const records = await readStream(streamName);
    expect(records.map(textOf)).toEqual([event, event]);
    const deliveries = records.map(({ data, sequenceNumber, arrivedAt }) => {
      const position = { streamName, shardId: SHARD, sequenceNumber, arrivedAt: arrivedAt.getTime() };
      return { position, data };
    });
    await projectBatch(createQueryStore(database), await readDeliveries(deliveries));
    expect((await database.query('SELECT record_key, record_value FROM query.records')).rows).toEqual([
      { record_key: 'level', record_value: '7' },
    ]);
  });

  it('stops retrying (parks) an event that Kinesis always rejects, and publishes the other events', async () => {
    await fill(3);
    await insertOutboxRow(database, {
      event: 'poison',
      partitionKey: WRONG_KEY,
      createdAt: new Date(NEW_YEAR),
    });
    const options = { parkAfterRejections: 3, retryBaseMs: 0, timeBudgetMs: -1 };
    expect(await relay(options)).toMatchObject({
      published: 3,
      postponed: 1,
      refusals: ['ValidationException'],
    });
    expect((await readStream(streamName)).map(textOf)).toEqual(['e0', 'e1', 'e2']);
    expect(await relay(options)).toMatchObject({ postponed: 1 });
    expect(await relay(options)).toMatchObject({ parked: 1 });
    expect(await relay(options)).toEqual({
      published: 0,
      postponed: 0,
      parked: 0,
      refusals: [],
      goneStreams: [],
      withoutStream: 0,
      notUploaded: 0,
    });
    expect(await outbox.count()).toEqual({ waiting: 0, parked: 1 });
    const { rows } = await database.query('SELECT event, parked_reason FROM sync.outbox');
    expect(rows).toEqual([{ event: 'poison', parked_reason: 'ValidationException, 3 rejections' }]);
  });

  it('parks an event only after repeated rejections, however often Kinesis was unreachable before', async () => {
    await insertOutboxRow(database, { event: 'poison', partitionKey: WRONG_KEY });
    const options = { parkAfterRejections: 3, retryBaseMs: 0, timeBudgetMs: -1 };
    const client = createKinesisClient({ region, endpoint: 'http://127.0.0.1:1', credentials });
    onTestFinished(() => client.destroy());
    for (const parked of [0, 0, 1]) {
      for (let attempt = 1; attempt <= 3; attempt += 1) {
        expect(await relay(options, outbox, createKinesisPublisher(client))).toMatchObject({ postponed: 1 });
      }
      expect(await relay(options)).toMatchObject({ parked, refusals: ['ValidationException'] });
    }
  });

  it('keeps retrying events whose stream is missing, and publishes them after the stream is created', async () => {
    await fill(5);
    await emulator.deleteStream(streamName);
    const options = { parkAfterRejections: 1, retryBaseMs: 0, retryCapMs: 0 };
    expect(await relay(options)).toEqual({
      published: 0,
      postponed: 15,
      parked: 0,
      refusals: ['ResourceNotFoundException'],
      // Would contain the stream only if a pool used it.
      goneStreams: [],
      // Counts an event only from its third attempt on, as the default of `disableAfterAttempts` says.
      withoutStream: 5,
      notUploaded: 0,
    });
    expect(await outbox.count()).toEqual({ waiting: 5, parked: 0 });
    await emulator.createStream(1, streamName);
    expect(await relay(options)).toMatchObject({ published: 5 });
  });

  it('disables streaming only for the pools of a deleted stream, and publishes their events after it is created again', async () => {
    const pools = createPoolStore(database);
    const other = await emulator.createStream(1);
    const streamingTo = (name: string) => newPool(database, { streams: { ...STREAMING, streamName: name } });
    const [first, second, unaffected] = [
      await streamingTo(streamName),
      await streamingTo(streamName),
      await streamingTo(other),
    ];
    const streams = async (pool: string) => (await pools.readPool(pool))?.streams;
    await emulator.deleteStream(streamName);
    await insertOutboxRow(database, { event: 'e0', streamName });
    await insertOutboxRow(database, { event: 'e1', streamName: other });
    const options = { retryBaseMs: 0, retryCapMs: 0, disableAfterAttempts: 2 };
    expect(await relay({ ...options, timeBudgetMs: -1 }), 'the stream may be in creation').toMatchObject({
      published: 1,
      goneStreams: [],
      withoutStream: 0,
      notUploaded: 0,
    });
    expect(await relay(options)).toMatchObject({ published: 0, goneStreams: [streamName] });
    const disabled = {
      ...STREAMING,
      streamName,
      status: 'DISABLED',
      disabledReason: `stream ${streamName} does not exist`,
    };
    expect([await streams(first), await streams(second)]).toEqual([disabled, disabled]);
    expect(await streams(unaffected)).toMatchObject({ status: 'ENABLED', disabledReason: null });
    expect((await pools.readPool(first))?.revision).toBe(2);
    expect(await relay(options), 'the deletion is reported only once').toMatchObject({ goneStreams: [] });

    await emulator.createStream(1, streamName);
    expect(await relay(options)).toMatchObject({ published: 1 });
    expect((await readStream(streamName)).map(textOf)).toEqual(['e0']);
    expect(await streams(first), 'only the owner enables streaming again').toEqual(disabled);
  });

  describe('as a Lambda function', () => {
    const invoke = (options: Partial<RelayOptions> = {}) => {
      const logger = createLogger('relay-outbox');
      const logged = {
        info: vi.spyOn(logger, 'info'),
        warn: vi.spyOn(logger, 'warn'),
        error: vi.spyOn(logger, 'error'),
      };
      const handler = createRelayOutbox({
        outbox,
        publisher: publisher(),
        streaming: createStreamingSwitch(database),
        streamName,
        logger,
        options,
      });
      return { logged, result: handler({}, createLambdaContext('relay-outbox', region)) };
    };

    it('returns and logs counts', async () => {
      await fill(2);
      const { logged, result } = invoke();
      const outcome = {
        published: 2,
        postponed: 0,
        parked: 0,
        refusals: [],
        goneStreams: [],
        withoutStream: 0,
        notUploaded: 0,
      };
      expect(await result).toEqual(outcome);
      expect(logged.info).toHaveBeenCalledWith('published events', outcome);
    });

    it('logs nothing if no event is waiting', async () => {
      const { logged, result } = invoke();
      await result;
      expect(logged.info).not.toHaveBeenCalled();
    });

    it('fails if no event can be published', async () => {
      await fill(2);
      await emulator.deleteStream(streamName);
      const { result } = invoke();
      await expect(result).rejects.toThrow('none of 2 events could be published: ResourceNotFoundException');
    });

    describe('if a stream was deleted', () => {
      const options = { disableAfterAttempts: 1, retryBaseMs: 0, retryCapMs: 0 };
      beforeEach(async () => {
        await newPool(database, { streams: { ...STREAMING, streamName } });
        await insertOutboxRow(database, { streamName });
        await emulator.deleteStream(streamName);
      });

      it('logs one warning that names the stream, and no warning while events of the stream keep waiting', async () => {
        const first = invoke(options);
        expect(await first.result).toMatchObject({ published: 0, goneStreams: [streamName] });
        expect(first.logged.warn.mock.calls).toEqual([
          [expect.stringContaining('no longer exist'), { goneStreams: [streamName] }],
        ]);
        const second = invoke(options);
        expect(await second.result).toMatchObject({ published: 0, goneStreams: [] });
        await insertOutboxRow(database, { streamName: await emulator.createStream(1) });
        const third = invoke(options);
        expect(await third.result).toMatchObject({ published: 1 });
        for (const { logged } of [second, third]) expect(logged.warn).not.toHaveBeenCalled();
        for (const { logged } of [first, second, third]) expect(logged.error).not.toHaveBeenCalled();
      });

      it('still fails if the other events cannot be published, and counts only those events in the error', async () => {
        await insertOutboxRow(database, {
          streamName: await emulator.createStream(1),
          partitionKey: WRONG_KEY,
        });
        const { result } = invoke({ disableAfterAttempts: 1 });
        await expect(result).rejects.toThrow(/^none of 1 events could be published: .*ValidationException/);
      });
    });

    it('logs parked events as an error', async () => {
      await insertOutboxRow(database, { partitionKey: WRONG_KEY });
      const { logged, result } = invoke({ parkAfterRejections: 1 });
      expect(await result).toMatchObject({ parked: 1 });
      expect(logged.error).toHaveBeenCalledTimes(1);
    });
  });
});

describe('the deployed relay-outbox function', () => {
  it.each([
    [{ AWS_REGION: '', STREAM_NAME: 'cognito-sync' }, /^AWS_REGION is not set/],
    [{ AWS_REGION: region, STREAM_NAME: '' }, /^invalid STREAM_NAME "": use the name of the Kinesis stream/],
    [
      { AWS_REGION: region, STREAM_NAME: 'cognito sync' },
      /^invalid STREAM_NAME "cognito sync": use the name of the Kinesis stream/,
    ],
    [{ AWS_REGION: region, STREAM_NAME: 'cognito-sync', DATABASE_URL: '' }, /^DATABASE_URL is not set/],
    [
      {
        AWS_REGION: region,
        STREAM_NAME: 'cognito-sync',
        DATABASE_URL: 'postgres://127.0.0.1:1/none',
        PAYLOAD_BUCKET: '',
      },
      /^PAYLOAD_BUCKET is not set; set it to the bucket/,
    ],
  ])('names the environment variable that is missing or invalid: %o', (variables, message) => {
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(() => handler({}, createLambdaContext('relay-outbox', region))).toThrow(message);
  });
});

describe('the publisher, which puts events onto a Kinesis stream', () => {
  const entriesOf = (...texts: string[]): PublishEntry[] =>
    texts.map((text) => ({ partitionKey: 'key', data: Buffer.from(text) }));

  it('splits the entries into requests within the limits of Kinesis', async () => {
    const streamName = await emulator.createStream(1);
    const many = entriesOf(...Array.from({ length: 1_201 }, (_, index) => `e${index}`));
    const large = entriesOf(...Array<string>(7).fill('x'.repeat(1024 * 1024 - 3)));
    const publisher = createKinesisPublisher(emulator.client);
    expect(new Set(await publisher.publish(streamName, [...many, ...large]))).toEqual(new Set(['published']));
    expect(await readStream(streamName)).toHaveLength(1_208);
    expect(await publisher.publish(streamName, [])).toEqual([]);
  });

  it('rejects only the invalid entries', async () => {
    const streamName = await emulator.createStream(1);
    const entries = entriesOf('e0', 'e1', 'x'.repeat(1024 * 1024 + 1), 'e3', 'e4', 'e5', 'e6');
    entries.push({ partitionKey: '', data: Buffer.from('e7') });
    const invalid = { error: 'ValidationException', retryable: false };
    const outcomes = await createKinesisPublisher(emulator.client).publish(streamName, entries);
    const valid = 'published';
    expect(outcomes).toEqual([valid, valid, invalid, valid, valid, valid, valid, invalid]);
    expect((await readStream(streamName)).map(textOf)).toEqual(['e0', 'e1', 'e3', 'e4', 'e5', 'e6']);
  });

  it('reports a missing stream as retryable', async () => {
    expect(await createKinesisPublisher(emulator.client).publish('nowhere', entriesOf('e0', 'e1'))).toEqual([
      { error: 'ResourceNotFoundException', retryable: true, noStream: true },
      { error: 'ResourceNotFoundException', retryable: true, noStream: true },
    ]);
  });

  /** Returns a publisher for a Kinesis that sends this response to every PutRecords. */
  async function withResponse(status: number, body: unknown) {
    const server = createServer((request, response) => {
      request.resume().on('end', () => {
        response.writeHead(status, { 'Content-Type': 'application/x-amz-json-1.1' });
        response.end(JSON.stringify(body));
      });
    });
    const client = createKinesisClient({ region, endpoint: await listen(server), credentials });
    onTestFinished(() => {
      client.destroy();
      server.close();
      server.closeAllConnections();
    });
    return createKinesisPublisher(client);
  }

  it('reports each failed entry of a request as retryable', async () => {
    const publisher = await withResponse(200, {
      FailedRecordCount: 2,
      Records: [
        { SequenceNumber: '1', ShardId: SHARD },
        { ErrorCode: 'ProvisionedThroughputExceededException', ErrorMessage: 'Rate exceeded' },
        { ErrorCode: 'InternalFailure', ErrorMessage: 'Internal service failure.' },
      ],
    });
    expect(await publisher.publish('stream', entriesOf('e0', 'e1', 'e2', 'e3'))).toEqual([
      'published',
      { error: 'ProvisionedThroughputExceededException', retryable: true },
      { error: 'InternalFailure', retryable: true },
      { error: 'NoAnswer', retryable: true },
    ]);
  });

  it('reports missing permissions, server errors and network failures as retryable', async () => {
    const denied = await withResponse(400, { __type: 'AccessDeniedException', message: 'not authorized' });
    expect(await denied.publish('stream', entriesOf('e0'))).toEqual([
      { error: 'AccessDeniedException', retryable: true },
    ]);
    const broken = await withResponse(500, { __type: 'InternalFailure', message: 'out of order' });
    expect(await broken.publish('stream', entriesOf('e0'))).toEqual([
      { error: 'InternalFailure', retryable: true },
    ]);
    const client = createKinesisClient({ region, endpoint: 'http://127.0.0.1:1', credentials });
    onTestFinished(() => client.destroy());
    expect(await createKinesisPublisher(client).publish('stream', entriesOf('e0'))).toEqual([
      { error: 'ECONNREFUSED', retryable: true },
    ]);
  });
});
