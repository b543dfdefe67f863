import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AddTagsToStreamCommand,
  CreateStreamCommand,
  DecreaseStreamRetentionPeriodCommand,
  DeleteStreamCommand,
  DescribeStreamCommand,
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  IncreaseStreamRetentionPeriodCommand,
  KinesisClient,
  ListShardsCommand,
  ListStreamsCommand,
  ListTagsForStreamCommand,
  MergeShardsCommand,
  PutRecordCommand,
  PutRecordsCommand,
  RemoveTagsFromStreamCommand,
  SplitShardCommand,
} from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type HttpServer, startHttpServer } from '../../../infra/local/http/http-server.ts';
import { createKinesisEmulator, type KinesisEmulator } from '../../../infra/local/kinesis/kinesis.ts';
import { createKinesisProcess } from '../../../infra/local/kinesis/kinesis-process.ts';
import { DEFAULT_CREDENTIALS } from '../../../lib/common/environment.ts';
import { createSigV4Verifier } from '../../../lib/wire/sigv4.ts';
import { until } from '../../fixtures/aws/kinesis-emulator.ts';
import { findCredentials, localSigner } from '../../fixtures/wire/signing.ts';

const JSON_TYPE = 'application/x-amz-json-1.1';
const CBOR_TYPE = 'application/x-amz-cbor-1.1';
/** Loads modules as kinesalite does. */
const kinesaliteRequire = createRequire(createRequire(import.meta.url).resolve('kinesalite'));
const cbor = kinesaliteRequire('cbor');
const verify = createSigV4Verifier({ region: 'us-east-1', findCredentials, now: Date.now });

let directory: string;
let kinesis: KinesisEmulator;
/** Number of requests that the emulator reported as writes. */
let writes = 0;
let port: HttpServer;
let client: KinesisClient;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kinesis-'));
  await describeStreams(join(directory, 'kinesis'), {
    // The shard has no range of hash keys. So kinesalite throws from a callback when it looks for a record's shard.
    broken: { StreamStatus: 'ACTIVE', Shards: [{ SequenceNumberRange: {} }], _seqIx: [], _tags: {} },
    // A process that ends while it changes streams leaves these descriptions.
    creating: { StreamStatus: 'CREATING', Shards: [] },
    deleting: { StreamStatus: 'DELETING', Shards: [] },
    updating: { StreamStatus: 'UPDATING', Shards: [], _seqIx: [], _tags: {} },
    aged: {
      StreamName: 'aged',
      StreamStatus: 'ACTIVE',
      RetentionPeriodHours: 24,
      Shards: [{ SequenceNumberRange: { StartingSequenceNumber: sequenceNumberAt(100, 0) } }],
      _seqIx: [2],
      _tags: {},
    },
  });
  await putRecords(join(directory, 'kinesis'), 'aged', {
    [sequenceNumberAt(80, 1)]: 'expired',
    [sequenceNumberAt(47, 2)]: 'unread',
  });
  kinesis = createKinesisEmulator(join(directory, 'kinesis'), verify, () => {
    writes += 1;
  });
  await kinesis.opened();
  port = await startHttpServer({ host: '127.0.0.1', port: 0, routes: [kinesis] });
  client = openClient();
});
afterAll(async () => {
  client.destroy();
  await port.close();
  await kinesis.close();
  await rm(directory, { recursive: true, force: true });
});

/** Writes descriptions of streams into the database where kinesalite stores them. */
async function describeStreams(path: string, streams: Record<string, object>): Promise<void> {
  const { db, metaDb } = kinesaliteRequire('./db').create({ path });
  for (const [name, stream] of Object.entries(streams)) await metaDb.put(name, stream);
  await db.close();
}

/** Returns a sequence number of kinesalite from some hours ago. */
function sequenceNumberAt(hoursAgo: number, seqIx: number): string {
  const hourMs = 60 * 60 * 1000;
  const shardCreateTime = Math.floor(Date.now() / hourMs) * hourMs - 100 * hourMs;
  const seqTime = shardCreateTime + (100 - hoursAgo) * hourMs;
  return kinesaliteRequire('./db').stringifySequence({ shardCreateTime, shardIx: 0, seqIx, seqTime });
}

/**
 * Writes records into the first shard of a stream, where kinesalite keeps them. @param records texts by sequence number
 */
async function putRecords(path: string, stream: string, records: Record<string, string>): Promise<void> {
  const { shardIxToHex, create } = kinesaliteRequire('./db');
  const { db, getStreamDb } = create({ path });
  for (const [sequenceNumber, text] of Object.entries(records)) {
    const record = { PartitionKey: 'a', Data: Buffer.from(text).toString('base64') };
    const arrival = { ApproximateArrivalTimestamp: Date.now() / 1000 };
    await getStreamDb(stream).put(`${shardIxToHex(0)}/${sequenceNumber}`, { ...record, ...arrival });
  }
  await db.close();
}

function openClient(maxAttempts = 3): KinesisClient {
  return new KinesisClient({
    region: 'us-east-1',
    endpoint: `http://127.0.0.1:${port.port}`,
    credentials: { ...DEFAULT_CREDENTIALS },
    requestHandler: new NodeHttpHandler(),
    maxAttempts,
  });
}

async function createStream(StreamName: string, ShardCount = 1): Promise<void> {
  await client.send(new CreateStreamCommand({ StreamName, ShardCount }));
  await untilActive(StreamName);
}

async function untilActive(StreamName: string): Promise<string> {
  let arn: string | undefined;
  await until(async () => {
    const { StreamDescription } = await client.send(new DescribeStreamCommand({ StreamName }));
    expect(StreamDescription?.StreamStatus).toBe('ACTIVE');
    arn = StreamDescription?.StreamARN;
  });
  return String(arn);
}

const put = (StreamName: string, text: string) =>
  client.send(new PutRecordCommand({ StreamName, PartitionKey: 'a', Data: Buffer.from(text) }));

async function read(StreamName: string, ShardId = 'shardId-000000000000'): Promise<string[]> {
  const type = { ShardIteratorType: 'TRIM_HORIZON' } as const;
  const { ShardIterator } = await client.send(new GetShardIteratorCommand({ StreamName, ShardId, ...type }));
  const { Records = [] } = await client.send(new GetRecordsCommand({ ShardIterator }));
  return Records.map(({ Data }) => Buffer.from(Data ?? []).toString());
}

async function send(operation: string, body: string | Uint8Array, contentType = JSON_TYPE) {
  const { headers } = await localSigner('kinesis').sign({
    method: 'POST',
    protocol: 'http:',
    hostname: '127.0.0.1',
    port: port.port,
    path: '/',
    headers: {
      'Content-Type': contentType,
      'X-Amz-Target': `Kinesis_20131202.${operation}`,
      host: `127.0.0.1:${port.port}`,
    },
    body,
  });
  const answer = await fetch(`http://127.0.0.1:${port.port}/`, {
    method: 'POST',
    headers,
    body: Buffer.from(body),
  });
  return { status: answer.status, body: Buffer.from(await answer.arrayBuffer()) };
}

describe('a stream', () => {
  it.each([
    'constructor',
    '__proto__',
    'values',
    'push',
    'length',
    'toString',
    'hasOwnProperty',
    '0',
    '4294967295',
    '..',
  ])('may be called %s', async (name) => {
    await createStream(name);
    await put(name, 'one');
    const Records = [{ PartitionKey: 'a', Data: Buffer.from('two') }];
    await client.send(new PutRecordsCommand({ StreamName: name, Records }));
    expect(await read(name)).toEqual(['one', 'two']);
    const { StreamNames } = await client.send(new ListStreamsCommand({ Limit: 100 }));
    expect(StreamNames).toContain(name);
    await client.send(new DeleteStreamCommand({ StreamName: name }));
    const describing = new DescribeStreamCommand({ StreamName: name });
    await until(() => expect(client.send(describing)).rejects.toThrow('not found'));
  });

  it('exists when CreateStream is answered, and no longer exists when DeleteStream is answered', async () => {
    for (let attempt = 0; attempt < 20; attempt += 1) {
      const StreamName = `changed-${attempt}`;
      const describing = new DescribeStreamSummaryCommand({ StreamName });
      await client.send(new CreateStreamCommand({ StreamName, ShardCount: 1 }));
      await expect(client.send(describing)).resolves.toMatchObject({
        StreamDescriptionSummary: { StreamStatus: 'ACTIVE', OpenShardCount: 1 },
      });
      await client.send(new DeleteStreamCommand({ StreamName }));
      await expect(client.send(describing)).rejects.toThrow('not found');
    }
  });

  it.each(['', 'a b', 'é', 'a/b', 'a'.repeat(129)])('cannot be called %j', async (StreamName) => {
    await expect(client.send(new CreateStreamCommand({ StreamName, ShardCount: 1 }))).rejects.toMatchObject({
      name: 'ValidationException',
    });
  });

  it('can be named by its ARN in every operation that has StreamARN', async () => {
    await createStream('by-arn');
    const StreamARN = await untilActive('by-arn');
    await client.send(new PutRecordCommand({ StreamARN, PartitionKey: 'a', Data: Buffer.from('one') }));
    const Records = [{ PartitionKey: 'a', Data: Buffer.from('two') }];
    await client.send(new PutRecordsCommand({ StreamARN, Records }));
    const { Shards = [] } = await client.send(new ListShardsCommand({ StreamARN }));
    const ShardId = Shards[0]?.ShardId;
    const { ShardIterator } = await client.send(
      new GetShardIteratorCommand({ StreamARN, ShardId, ShardIteratorType: 'TRIM_HORIZON' }),
    );
    const page = await client.send(new GetRecordsCommand({ StreamARN, ShardIterator }));
    expect(page.Records).toHaveLength(2);
    await client.send(new AddTagsToStreamCommand({ StreamARN, Tags: { a: '1', b: '2' } }));
    await client.send(new RemoveTagsFromStreamCommand({ StreamARN, TagKeys: ['a'] }));
    const { Tags } = await client.send(new ListTagsForStreamCommand({ StreamARN }));
    expect(Tags).toEqual([{ Key: 'b', Value: '2' }]);
    await client.send(new IncreaseStreamRetentionPeriodCommand({ StreamARN, RetentionPeriodHours: 48 }));
    await client.send(new DecreaseStreamRetentionPeriodCommand({ StreamARN, RetentionPeriodHours: 36 }));
    const NewStartingHashKey = String(2n ** 127n);
    await client.send(new SplitShardCommand({ StreamARN, ShardToSplit: ShardId, NewStartingHashKey }));
    await untilActive('by-arn');
    await client.send(
      new MergeShardsCommand({
        StreamARN,
        ShardToMerge: 'shardId-000000000001',
        AdjacentShardToMerge: 'shardId-000000000002',
      }),
    );
    await untilActive('by-arn');
    const summary = await client.send(new DescribeStreamSummaryCommand({ StreamARN }));
    expect(summary.StreamDescriptionSummary).toMatchObject({ OpenShardCount: 1, RetentionPeriodHours: 36 });
    await client.send(new DeleteStreamCommand({ StreamARN }));
    const describing = new DescribeStreamCommand({ StreamARN });
    await until(() => expect(client.send(describing)).rejects.toThrow('not found'));
  });
});

describe('a request', () => {
  beforeAll(() => createStream('requests', 2));

  it.each([
    [
      'deeply nested lists',
      'PutRecords',
      `{"StreamName":"requests","Records":${'['.repeat(20_000)}null${']'.repeat(20_000)}}`,
    ],
    ['null in a list', 'PutRecords', '{"StreamName":"requests","Records":[null]}'],
    ['null in a list of a map', 'AddTagsToStream', '{"StreamName":"requests","Tags":{"a":[null]}}'],
    ['null in a map', 'AddTagsToStream', '{"StreamName":"requests","Tags":{"a":null}}'],
    ['a list as body', 'PutRecords', '[null]'],
    ['no body', 'PutRecords', ''],
  ])('is rejected if it has %s', async (_, operation, body) => {
    const answer = await send(operation, body);
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ __type: 'SerializationException' });
  });

  it('is rejected if it has null in a list in CBOR', async () => {
    const body = cbor.encode({ StreamName: 'requests', Records: [null] });
    const answer = await send('PutRecords', body, CBOR_TYPE);
    expect(answer.status).toBe(400);
    expect(cbor.decode(answer.body)).toMatchObject({ __type: 'SerializationException' });
  });

  it('is rejected if its hash key lies between two shards', async () => {
    const ExplicitHashKey = `${2n ** 127n - 1n}.5`;
    const Records = [{ PartitionKey: 'a', ExplicitHashKey, Data: Buffer.from('x') }];
    await expect(
      client.send(new PutRecordsCommand({ StreamName: 'requests', Records })),
    ).rejects.toMatchObject({ name: 'ValidationException' });
  });

  it.each(['constructor', '__proto__', 'NoOperation', ''])(
    'is rejected if its operation is %j',
    async (operation) => {
      const answer = await send(operation, '{}');
      expect(answer.status).toBe(400);
      expect(JSON.parse(answer.body.toString())).toMatchObject({ __type: 'UnknownOperationException' });
    },
  );

  it('stores the same bytes from CBOR and from JSON', async () => {
    await createStream('both');
    await put('both', 'JSON');
    const record = { StreamName: 'both', PartitionKey: 'a', Data: Buffer.from('CBOR') };
    expect((await send('PutRecord', cbor.encode(record), CBOR_TYPE)).status).toBe(200);
    expect(await read('both')).toEqual(['JSON', 'CBOR']);
    const { ShardIterator } = await client.send(
      new GetShardIteratorCommand({
        StreamName: 'both',
        ShardId: 'shardId-000000000000',
        ShardIteratorType: 'TRIM_HORIZON',
      }),
    );
    const page = await send('GetRecords', cbor.encode({ ShardIterator }), CBOR_TYPE);
    expect(cbor.decode(page.body).Records).toMatchObject([
      { Data: Buffer.from('JSON') },
      { Data: Buffer.from('CBOR') },
    ]);
  });
});

it('GetRecords returns at most 10 MB', async () => {
  await createStream('large');
  const Records = Array.from({ length: 3 }, () => ({
    PartitionKey: 'a',
    Data: Buffer.alloc(1_000_000, 'x'),
  }));
  for (let index = 0; index < 4; index += 1) {
    await client.send(new PutRecordsCommand({ StreamName: 'large', Records }));
  }
  expect(await read('large')).toHaveLength(10);
  const { ShardIterator } = await client.send(
    new GetShardIteratorCommand({
      StreamName: 'large',
      ShardId: 'shardId-000000000000',
      ShardIteratorType: 'TRIM_HORIZON',
    }),
  );
  const first = await client.send(new GetRecordsCommand({ ShardIterator }));
  const second = await client.send(new GetRecordsCommand({ ShardIterator: first.NextShardIterator }));
  expect(second.Records).toHaveLength(2);
});

it('each request that writes records is reported, but no request that reads them', async () => {
  await createStream('reported');
  const before = writes;
  await put('reported', 'one');
  await client.send(
    new PutRecordsCommand({
      StreamName: 'reported',
      Records: [{ PartitionKey: 'a', Data: Buffer.from('two') }],
    }),
  );
  expect(await read('reported')).toEqual(['one', 'two']);
  expect(writes).toBe(before + 2);
});

it('a record stays readable for two days after it expires, in case the clock is set forward and back', async () => {
  expect(await read('aged')).toEqual(['unread']);
});

describe('after a crash', () => {
  const crash = new PutRecordCommand({ StreamName: 'broken', PartitionKey: 'a', Data: Buffer.from('x') });

  it('the emulator answers requests in flight with a retryable error and keeps acknowledged records', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    await createStream('kept');
    await put('kept', 'before');
    const once = openClient(1);
    await expect(once.send(crash)).rejects.toMatchObject({
      name: 'InternalFailure',
      $metadata: { httpStatusCode: 500 },
    });
    expect(log).toHaveBeenCalledWith(
      expect.stringMatching(
        /^cognito-sync-backend: the Kinesis emulator failed with TypeError at .*; the next request starts it again$/,
      ),
    );
    await put('kept', 'after');
    // Writes and reads are in progress when the next request crashes the emulator. The SDK retries these writes and reads.
    const puts = Array.from({ length: 20 }, (_, index) => put('kept', `during ${index}`));
    const reads = Array.from({ length: 4 }, () => read('large'));
    const crashing = once.send(crash);
    await expect(crashing).rejects.toMatchObject({ name: 'InternalFailure' });
    await Promise.all([...puts, ...reads]);
    const texts = await read('kept');
    expect(texts.slice(0, 2)).toEqual(['before', 'after']);
    expect(new Set(texts.slice(2)).size).toBe(20);
    once.destroy();
    log.mockRestore();
  });

  it('the emulator completes the changes of streams that the crash interrupted', async () => {
    const { StreamNames } = await client.send(new ListStreamsCommand({ Limit: 100 }));
    expect(StreamNames).not.toContain('creating');
    expect(StreamNames).not.toContain('deleting');
    await untilActive('updating');
  });
});

describe('streams that cannot be used', () => {
  const request = (operation: string, input: object) => ({
    operation,
    contentType: 'application/x-amz-json-1.1',
    body: Buffer.from(JSON.stringify(input)),
  });

  it('are reported with a remedy if another process uses them', async () => {
    const locked = createKinesisEmulator(join(directory, 'kinesis'), verify);
    await expect(locked.opened()).rejects.toThrow(
      /^another process uses the streams in .*; end that process$/,
    );
    await locked.close();
  });

  it.each([
    ['the directory of the files', 'CURRENT', 0],
    ['a block of records', '.ldb', 150_000],
  ])('are reported with a remedy if %s is damaged', async (_, name, at) => {
    const path = join(directory, `damaged-${at}`);
    await writeStream(path);
    await damage(path, name, at);
    const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const emulator = createKinesisProcess(path);
    const damaged =
      /^the streams in \S+ are damaged \(.*\); stop the service, delete this directory and start the service again\. /;
    const opened = emulator.opened();
    if (at === 0) await expect(opened).rejects.toThrow(damaged);
    else {
      await opened;
      for (let count = 0; count < 2; count += 1) {
        const iterator = await emulator.ask(
          request('GetShardIterator', {
            StreamName: 'damaged',
            ShardId: 'shardId-000000000000',
            ShardIteratorType: 'TRIM_HORIZON',
          }),
        );
        const { ShardIterator } = JSON.parse(String(iterator.body));
        const { body } = await emulator.ask(request('GetRecords', { ShardIterator }));
        expect(JSON.parse(String(body))).toEqual({
          __type: 'InternalFailure',
          message: expect.stringMatching(damaged),
        });
      }
      expect(log.mock.calls).toEqual([[expect.stringMatching(/^cognito-sync-backend: the streams in /)]]);
    }
    await emulator.close();
    log.mockRestore();
  });

  async function writeStream(path: string): Promise<void> {
    const emulator = createKinesisProcess(path);
    await emulator.opened();
    await emulator.ask(request('CreateStream', { StreamName: 'damaged', ShardCount: 1 }));
    const put = request('PutRecords', {
      StreamName: 'damaged',
      // Random bytes, which cannot be compressed.
      Records: Array.from({ length: 500 }, () => ({
        Data: randomBytes(1_000).toString('base64'),
        PartitionKey: randomUUID(),
      })),
    });
    await expect.poll(async () => (await emulator.ask(put)).status).toBe(200);
    await emulator.close();
    // When LevelDB opens the stream again, it moves the records from its log to a file. Reads of the file verify
    // checksums.
    const again = createKinesisProcess(path);
    await again.opened();
    await again.close();
  }

  /** Overwrites 4 kB at the offset `at` of all files whose names end with `name`, except shorter files. */
  async function damage(path: string, name: string, at: number): Promise<void> {
    const files = (await readdir(path)).filter((found) => found.endsWith(name));
    const handles = await Promise.all(files.map((found) => open(join(path, found), 'r+')));
    for (const handle of handles) {
      // Shorter files do not contain the records.
      if ((await handle.stat()).size > at) await handle.write(randomBytes(4_096), 0, 4_096, at);
      await handle.close();
    }
  }
});
