import type { KinesisStreamEvent } from 'aws-lambda';
import { createProjectStream } from '../../functions/project-stream.ts';
import { createLambdaContext } from '../../infra/local/lambda-context.ts';
import { createLogger } from '../../lib/aws/telemetry.ts';
import type { Database } from '../../lib/database/database.ts';
import { createQueryStore } from '../../lib/projection/store/query-store.ts';
import { noPayloads } from '../fixtures/sync/stream-events.ts';
import { openBenchEmbedded } from './bench-embedded.ts';
import { openBenchPostgres } from './bench-postgres.ts';
import { toCopyText } from './copy-rows.ts';
import { type Contender, contender, medianTimes, type Table } from './measure.ts';
import { recordByRecord } from './record-by-record.ts';
import type { BenchDatabase, ShardWriters } from './shard-writers.ts';
import { syncBatch } from './sync-batch.ts';

const SHAPES = [
  { events: 500, records: 10 },
  { events: 100, records: 100 },
];
const SHARDS = [1, 4];
/** Warm-up rounds of the first case. They last until V8 has compiled the code, so later cases need fewer rounds. */
const FIRST_WARM_UP = 10;
const WARM_UP = 2;
/**
 * The contender `record by record` takes part only in every third round. Its rounds are slow, and each one averages
 * over thousands of statements.
 */
const EVERY = 3;
/**
 * The number of rounds. It is chosen so that all contenders take part in the last round: the cases "updated rows" and
 * "exact replay" write the rows of that round again.
 */
const ROUNDS = 2 * EVERY + 1;

type Shape = (typeof SHAPES)[number];
type BatchOf = (round: number, shard: number) => KinesisStreamEvent;

/** Compares the stream handler, from Kinesis event to committed rows, with simpler ways to write the same rows. */
export async function benchProjection(): Promise<Table[]> {
  process.env.POWERTOOLS_LOG_LEVEL = 'SILENT';
  const tables: Table[] = [];
  for (const open of [openBenchPostgres, openBenchEmbedded]) {
    const database = await open(Math.max(...SHARDS));
    tables.push(await bench(database).finally(() => database.close()));
  }
  return tables;
}

async function bench(database: BenchDatabase): Promise<Table> {
  const rows: Table['rows'] = {};
  let warmUp = FIRST_WARM_UP;
  for (const shape of SHAPES) {
    for (const shards of SHARDS) {
      const cases = await compare(database, shape, shards, warmUp);
      warmUp = WARM_UP;
      const rowCount = shape.events * shape.records * shards;
      for (const [name, times] of Object.entries(cases)) {
        rows[`${shape.events} x ${shape.records}, ${shardText(shards)}: ${name}`] = toCells(rowCount, times);
      }
      await empty(database);
    }
  }
  return { title: `Stream handler on ${database.name}, events x records`, rows };
}

async function compare(
  { shards: allShards, hasOneSession }: BenchDatabase,
  shape: Shape,
  shardCount: number,
  warmUp: number,
): Promise<Record<string, Map<string, number>>> {
  const shards = allShards.slice(0, shardCount);
  const batch = (group: string, version: number) => syncBatch({ ...shape, group, version });
  const copy = bareCopy(shards, (round, shard) => batch(`copy ${round} ${shard}`, 1));
  const both = (batchOf: (name: string) => BatchOf): Contender[] => {
    const ours = streamHandler(shards, batchOf('ours'));
    const isSerialized = hasOneSession && shardCount > 1;
    return isSerialized ? [ours] : [ours, naiveWriter(shards, batchOf('theirs'))];
  };
  const rounds = { rounds: ROUNDS, warmUp: WARM_UP };
  const lastRound = ROUNDS - 1;
  // New rows have version 1. The warm-up rounds have negative numbers, and their versions must also be above 1.
  const newerVersion = (round: number) => 2 + WARM_UP + round;
  return {
    'new rows': await medianTimes(
      [...both((name) => (round, shard) => batch(`${name} ${round} ${shard}`, 1)), copy],
      { ...rounds, warmUp },
    ),
    'updated rows': await medianTimes(
      both((name) => (round, shard) => batch(`${name} ${lastRound} ${shard}`, newerVersion(round))),
      rounds,
    ),
    'exact replay': await medianTimes(
      both((name) => (_round, shard) => batch(`${name} ${lastRound} ${shard}`, newerVersion(lastRound))),
      rounds,
    ),
  };
}

function streamHandler(shards: readonly ShardWriters[], batchOf: BatchOf): Contender {
  const handlers = shards.map(({ database }) => createHandler(database));
  return contender({
    name: 'stream handler',
    prepare: (round) => handlers.map((handle, shard) => ({ handle, event: batchOf(round, shard) })),
    run: (batches) => concurrently(batches, ({ handle, event }) => handle(event)),
  });
}

/** Creates a function that calls the stream handler on a database, and throws if the handler reports failed events. */
export function createHandler(database: Database): (event: KinesisStreamEvent) => Promise<void> {
  const handler = createProjectStream({
    store: createQueryStore(database),
    fetchPayload: noPayloads,
    parallelizationFactor: 1,
    report: () => undefined,
    logger: createLogger('bench'),
  });
  return async (event) => {
    const { batchItemFailures } = await handler(event, createLambdaContext('bench', 'us-east-1'));
    if (batchItemFailures.length > 0) throw new Error('the handler failed');
  };
}

function naiveWriter(shards: readonly ShardWriters[], batchOf: BatchOf): Contender {
  return contender({
    name: 'record by record',
    every: EVERY,
    prepare: (round) =>
      shards.map(({ transaction }, shard) => ({ transaction, event: batchOf(round, shard) })),
    run: (batches) =>
      concurrently(batches, ({ transaction, event }) =>
        transaction((execute) => recordByRecord(execute, event)),
      ),
  });
}

function bareCopy(shards: readonly ShardWriters[], batchOf: BatchOf): Contender {
  return contender({
    name: 'bare COPY',
    prepare: (round) => shards.map(({ copy }, shard) => copy(toCopyText(batchOf(round, shard)))),
    run: (copies) => concurrently(copies, (copy) => copy()),
  });
}

async function concurrently<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<void> {
  await Promise.all(items.map(work));
}

/** Empties the tables before the next case, so that rows of earlier cases do not slow it down. */
async function empty({ shards: [writers] }: BenchDatabase): Promise<void> {
  await writers?.database.query('TRUNCATE projection.datasets, projection.records, bench.records');
}

function shardText(count: number): string {
  return count === 1 ? '1 shard' : `${count} concurrent shards`;
}

/** Returns the rows per second of each contender, and how many times faster the stream handler is. */
function toCells(rowCount: number, times: Map<string, number>): Record<string, string> {
  const oursMs = times.get('stream handler') ?? Number.NaN;
  const cells: Record<string, string> = {};
  for (const [name, ms] of times) {
    cells[name] = `${Math.round((rowCount * 1000) / ms).toLocaleString('en')} rows/s`;
    if (name !== 'stream handler') cells[`handler / ${name}`] = `${(ms / oursMs).toFixed(2)} x`;
  }
  return cells;
}
