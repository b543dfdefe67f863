import { createRequire } from 'node:module';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type IteratorForm, readIterator, renewIterator } from './shard-iterator.ts';

type Callback = (error?: unknown) => void;

interface WriteOptions {
  /** Whether to wait until this write and all earlier writes are on the disk. */
  sync?: boolean;
}

/** A LevelDB database. kinesalite opens one for all streams, one for their descriptions, and one per stream. */
interface Level<Value> {
  once(event: 'open' | 'error', listener: (error?: Error) => void): void;
  createReadStream(range?: object): AsyncIterable<{ key: string; value: Value }>;
  /** Rejects with `notFound` if there is no such key. */
  get(key: string): Promise<Value>;
  put(key: string, value: Value, options?: WriteOptions): Promise<void>;
  put(key: string, value: Value, options: WriteOptions, callback: Callback): void;
  batch(changes: readonly object[], options: WriteOptions, callback: Callback): void;
  del(key: string): Promise<void>;
  close(): Promise<void>;
}

interface Stream {
  StreamStatus: string;
  RetentionPeriodHours: number;
  /** A shard that was split or merged has an `EndingSequenceNumber`: it receives no more records. */
  Shards: readonly { ShardId: string; SequenceNumberRange: { EndingSequenceNumber?: string } }[];
}

interface Store {
  db: Level<unknown>;
  metaDb: Level<Stream>;
  /** Returns the database of a stream's records. Their `Data` is base64. */
  getStreamDb(streamName: string): Level<{ Data: string }>;
  deleteStreamDb(streamName: string, callback: Callback): void;
  getStream(streamName: string, callback: (error: unknown, stream?: Stream) => void): void;
}

/** The values in a request, by name. */
export type KinesisInput = Record<string, unknown>;
export type KinesisCallback = (error: unknown, output?: Record<string, unknown>) => void;

export interface KinesaliteOperation {
  /**
   * Checks the types and constraints of a request.
   * @returns the known members
   * @throws an error with the `statusCode` and `body` of the response
   */
  check(input: KinesisInput): KinesisInput;
  /** Runs a checked request. It may throw now, or later from a callback, where no caller can catch the error. */
  run(input: KinesisInput, callback: KinesisCallback): void;
}

export interface Kinesalite {
  operations: ReadonlyMap<string, KinesaliteOperation>;
  /** Decodes a CBOR value. @throws if the bytes are not valid CBOR */
  decodeCbor(bytes: Uint8Array): unknown;
  encodeCbor(value: unknown): Uint8Array;
  close(): Promise<void>;
}

/**
 * Resolves modules from the directory of kinesalite. This finds kinesalite's own modules and the packages that
 * kinesalite depends on.
 */
const require = createRequire(createRequire(import.meta.url).resolve('kinesalite'));

const OPERATIONS = [
  'AddTagsToStream',
  'CreateStream',
  'DecreaseStreamRetentionPeriod',
  'DeleteStream',
  'DescribeStream',
  'DescribeStreamSummary',
  'GetRecords',
  'GetShardIterator',
  'IncreaseStreamRetentionPeriod',
  'ListShards',
  'ListStreams',
  'ListTagsForStream',
  'MergeShards',
  'PutRecord',
  'PutRecords',
  'RemoveTagsFromStream',
  'SplitShard',
];

/**
 * Opens the streams in `directory`. It uses the modules behind kinesalite's HTTP server, but not the server itself. The
 * server would decode each request again. It also offers no place for the checks and names that kinesalite lacks:
 * rejecting null, accepting stream ARNs, and accepting stream names that collide with JavaScript's own members.
 *
 * @throws {Error} the directory cannot be opened
 */
export async function openKinesalite(directory: string): Promise<Kinesalite> {
  throwReadErrors();
  const store = withAnyName(await openStore(directory));
  await settleStreams(store);
  const cbor = require('cbor');
  return {
    operations: new Map(OPERATIONS.map((name) => [name, loadOperation(name, store)])),
    decodeCbor: (bytes) => cbor.Decoder.decodeFirstSync(Buffer.from(bytes)),
    encodeCbor: (value) => cbor.Encoder.encodeOne(value),
    close: () => store.db.close(),
  };
}

/**
 * Makes read errors of LevelDB throw, so that the process ends with the reason. After an error such as a damaged block,
 * LevelDB's own streams neither end nor report the error, so the request would never be answered.
 */
function throwReadErrors(): void {
  const { prototype } = require('level-iterator-stream');
  const { destroy } = prototype;
  prototype.destroy = function (error: unknown, ...more: unknown[]) {
    if (error) throw error;
    return destroy.call(this, error, ...more);
  };
}

/**
 * Time to wait for the lock on the directory. If a local cloud was killed, its emulator needs a moment to notice this
 * and to release the lock.
 */
const LOCK_TIMEOUT_MS = 2_000;

async function openStore(directory: string): Promise<Store> {
  const options = {
    path: directory,
    createStreamMs: 0,
    deleteStreamMs: 0,
    updateStreamMs: 0,
    shardLimit: 1_000,
  };
  for (const giveUpAt = Date.now() + LOCK_TIMEOUT_MS; ; await sleep(20)) {
    const store: Store = require('./db').create(options);
    const error = await new Promise<Error | undefined>((resolve) => {
      store.db.once('open', () => resolve(undefined));
      // If the directory cannot be opened, each of these databases emits the error. An error without a listener would
      // end the process, so each database needs a listener.
      for (const database of [store.db, store.metaDb]) database.once('error', resolve);
    });
    if (error === undefined) return store;
    if (!error.message.includes('LOCK') || Date.now() > giveUpAt) throw error;
  }
}

function loadOperation(name: string, store: Store): KinesaliteOperation {
  const { checkTypes, checkValidations, toLowerFirst } = require('./validations');
  const { types, custom } = require(`./validations/${toLowerFirst(name)}`);
  const action = require(`./actions/${toLowerFirst(name)}`);
  groupAlternatives(types);
  const operationStore = storeFor(name, store);
  const run: KinesaliteOperation['run'] = (input, callback) => action(operationStore, input, callback);
  return {
    check(input) {
      const known: KinesisInput = checkTypes(input, types);
      checkValidations(known, types, custom, name);
      return known;
    },
    run(input, callback) {
      if (name === 'GetRecords') {
        void withKeptPosition(store, input, callback).then((done) => run(input, done));
        return;
      }
      run(input, (error, output) => {
        if (error || !CHANGES.has(name)) callback(error, output);
        else void settled(store, String(input.StreamName)).then(() => callback(null, output));
      });
    },
  };
}

/**
 * Returns a callback for GetRecords that keeps the iterator's position after an empty page. kinesalite itself moves the
 * iterator to the current second. The next record can have an earlier second, if it is being put at that moment or if
 * the clock is set back. A consumer that has read no record yet would then never receive that record.
 *
 * The iterator of a closed shard must move, because kinesalite compares its second with the end of the shard. This is
 * safe, because no record can follow. The shard must have been closed before the page was read.
 */
async function withKeptPosition(
  { metaDb }: Store,
  { ShardIterator: iterator }: KinesisInput,
  callback: KinesisCallback,
): Promise<KinesisCallback> {
  const iterators: IteratorForm = require('./db');
  const position = readIterator(iterators, String(iterator));
  const stream = position && (await metaDb.get(position.streamName).catch(() => null));
  const shard = stream?.Shards.find(({ ShardId }) => ShardId === position?.shardId);
  if (!position || !shard || shard.SequenceNumberRange.EndingSequenceNumber) return callback;
  return (error, output) => {
    const isEmpty = Array.isArray(output?.Records) && output.Records.length === 0;
    if (error || !isEmpty) callback(error, output);
    else callback(null, { ...output, NextShardIterator: renewIterator(iterators, position) });
  };
}

function storeFor(operation: string, store: Store): Store {
  if (operation === 'GetRecords') return withPages(store);
  return operation === 'PutRecord' || operation === 'PutRecords' ? withDurableRecords(store) : store;
}

/** Operations that kinesalite completes from a timer, after it has already responded. */
const CHANGES = new Set(['CreateStream', 'DeleteStream', 'MergeShards', 'SplitShard']);
const IN_CHANGE = new Set(['CREATING', 'DELETING', 'UPDATING']);
/** Maximum time to wait for a change, which normally takes about a millisecond. */
const CHANGE_TIMEOUT_MS = 5_000;

/**
 * Waits until kinesalite has completed a change of a stream. Only then is the request acknowledged, so an acknowledged
 * change survives the end of the process.
 *
 * @throws {Error} the change failed; the error ends the process, and the next process completes or reverts the change
 */
async function settled({ metaDb }: Store, streamName: string): Promise<void> {
  for (const giveUpAt = performance.now() + CHANGE_TIMEOUT_MS; ; await sleep(1)) {
    const stream = await metaDb.get(streamName).catch((error: unknown) => {
      if (error instanceof Error && 'notFound' in error) return null;
      throw error;
    });
    if (stream === null || !IN_CHANGE.has(stream.StreamStatus)) return;
    if (performance.now() > giveUpAt) throw new Error(`the change of a stream did not complete`);
  }
}

/**
 * Makes PutRecord and PutRecords wait until their records are on disk, so that acknowledged records survive a power
 * failure. Otherwise, a stream could lose its last records and assign their sequence numbers to new records. Consumers
 * would skip these new records.
 */
function withDurableRecords(store: Store): Store {
  return {
    ...store,
    getStreamDb(streamName) {
      const records = store.getStreamDb(streamName);
      return Object.assign(Object.create(records), {
        put: (key: string, value: { Data: string }, callback: Callback) =>
          records.put(key, value, { sync: true }, callback),
        batch: (changes: readonly object[], _options: WriteOptions, callback: Callback) =>
          records.batch(changes, { sync: true }, callback),
      });
    },
  };
}

/**
 * Puts patterns that contain `|` into a group. kinesalite puts `^` before a pattern and `$` after it. Without the
 * group, `^` applies only to the first alternative, and `$` only to the last. A hash key such as `1.5` would then count
 * as valid. It is between the hash key ranges of two shards, so kinesalite would crash.
 */
function groupAlternatives(types: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(types)) {
    if (name === 'regex' && typeof value === 'string' && value.includes('|')) types[name] = `(?:${value})`;
    if (typeof value === 'object' && value !== null) groupAlternatives(value as Record<string, unknown>);
  }
}

/**
 * Makes every stream name work that AWS allows. kinesalite stores the databases of streams as members of an array. A
 * stream called `push` or `__proto__` would find the array's own member, so such names get the prefix `$`. No stream
 * name can contain `$`.
 */
function withAnyName(store: Store): Store {
  const member = (streamName: string) => (streamName in [] ? `$${streamName}` : streamName);
  return {
    ...store,
    getStreamDb: (streamName) => store.getStreamDb(member(streamName)),
    deleteStreamDb: (streamName, callback) => store.deleteStreamDb(member(streamName), callback),
  };
}

/** Largest page of GetRecords, in base64: 10 MB. Source: Amazon Kinesis Data Streams API Reference, GetRecords. */
const MAX_PAGE_LENGTH = (10 * 1024 * 1024 * 4) / 3;

/**
 * kinesalite deletes expired records when they are read. Records are kept for this much longer than the retention
 * period. Otherwise, if the clock were set forward by a day and back, kinesalite would delete records that no consumer
 * has read.
 */
const EXTRA_RETENTION_HOURS = 48;

/**
 * Limits the bytes of a page of GetRecords, as AWS does. kinesalite returns up to 10,000 records of any size, which may
 * not fit into memory. Also extends the retention by `EXTRA_RETENTION_HOURS`.
 */
function withPages(store: Store): Store {
  return {
    ...store,
    getStream: (streamName, callback) =>
      store.getStream(streamName, (error, stream) => {
        const hours = (stream?.RetentionPeriodHours ?? 0) + EXTRA_RETENTION_HOURS;
        callback(error, stream && { ...stream, RetentionPeriodHours: hours });
      }),
    getStreamDb(streamName) {
      const records = store.getStreamDb(streamName);
      const createReadStream = (range: object) => Readable.from(firstPage(records.createReadStream(range)));
      return Object.assign(Object.create(records), { createReadStream });
    },
  };
}

async function* firstPage<Item extends { value: { Data: string } }>(items: AsyncIterable<Item>) {
  let length = 0;
  for await (const item of items) {
    if (length > 0 && length + item.value.Data.length > MAX_PAGE_LENGTH) return;
    length += item.value.Data.length;
    yield item;
  }
}

/**
 * Completes the changes of streams that an earlier process started but did not complete. A stream that was being
 * created is deleted instead, because it has no shards yet.
 */
async function settleStreams({ metaDb, deleteStreamDb }: Store): Promise<void> {
  for await (const { key, value } of metaDb.createReadStream()) {
    if (value.StreamStatus === 'UPDATING') await metaDb.put(key, { ...value, StreamStatus: 'ACTIVE' });
    if (value.StreamStatus !== 'CREATING' && value.StreamStatus !== 'DELETING') continue;
    await new Promise<void>((resolve, reject) => {
      deleteStreamDb(key, (error) => (error ? reject(error) : resolve()));
    });
    await metaDb.del(key);
  }
}
