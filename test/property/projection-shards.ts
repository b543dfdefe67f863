import fc from 'fast-check';
import { createProjectStream } from '../../functions/project-stream.ts';
import { evaluateBatch } from '../../infra/local/event-source-mapping/batch-response.ts';
import { createLambdaContext } from '../../infra/local/lambda-context.ts';
import { createLogger } from '../../lib/aws/telemetry.ts';
import type { Database } from '../../lib/database/database.ts';
import type { Delivery } from '../../lib/projection/delivery.ts';
import { createQueryStore } from '../../lib/projection/store/query-store.ts';
import { type FetchPayload, PayloadUnavailableError } from '../../lib/stream/ports/fetch-payload.ts';
import { deliver, toKinesisEvent } from '../fixtures/sync/stream-events.ts';
import { ARRIVED_AT } from './projection-database.ts';

/** The layout of a stream, and its failures. If all numbers are 0, one shard is used and no call fails. */
export interface StreamPlan {
  /** Whether all events of an identity are in one shard. If not, the events of a dataset may arrive in any order. */
  byIdentity: boolean;
  /** The shard of each event. If `byIdentity` is true, the shard of each identity. */
  places: number[];
  /** Whether the records of each event are behind a URL. */
  offloaded: boolean[];
  /** Numbers per shard, consumed in order. They decide batch sizes, unavailable payloads and failed invocations. */
  dice: number[][];
}

const MAX_EVENTS = 40;
const BATCH_SIZE = 10;

export const streamPlans = ({ maxShards }: { maxShards: number }): fc.Arbitrary<StreamPlan> =>
  fc.record({
    byIdentity: fc.boolean(),
    places: fc.array(fc.nat({ max: maxShards - 1 }), { maxLength: MAX_EVENTS }),
    offloaded: fc.array(fc.boolean(), { maxLength: MAX_EVENTS }),
    dice: fc.array(fc.array(fc.nat({ max: 99 }), { maxLength: 40 }), { minLength: 1, maxLength: maxShards }),
  });

/**
 * Puts data onto a stream and runs the handler on all its shards concurrently, as Lambda does, until all are processed.
 *
 * @param writers connections to one database; if there are enough, each shard's handler has its own connection
 * @throws the first error that reached a handler from its database
 */
export async function runStream(
  published: readonly string[],
  plan: StreamPlan,
  writers: readonly Database[],
): Promise<void> {
  const payloads = new Map<string, Uint8Array>();
  const shards: Delivery[][] = plan.dice.map(() => []);
  for (const [index, data] of published.entries()) {
    const place = plan.byIdentity ? placeOf(data, plan.places) : (plan.places[index] ?? 0);
    const number = place % shards.length;
    const sent = plan.offloaded[index] ? offload(data, payloads) : data;
    shards[number]?.push(deliver(Buffer.from(sent), ARRIVED_AT, `shardId-00000000000${number}`));
  }
  await Promise.all(
    shards.map((records, number) => {
      const database = writers[number % writers.length];
      if (!database) throw new Error('no writers');
      return pollShard(records, { database, payloads, dice: plan.dice[number] ?? [] });
    }),
  );
}

function placeOf(data: string, places: readonly number[]): number {
  const { identityId } = JSON.parse(data);
  return places[Number(identityId.at(-1))] ?? 0;
}

/** Moves the records of an event behind a URL. An event without records stays the same. */
function offload(data: string, payloads: Map<string, Uint8Array>): string {
  const { kinesisSyncRecords, ...event } = JSON.parse(data);
  if (kinesisSyncRecords === null) return data;
  const url = `https://bucket.s3.us-east-1.amazonaws.com/${payloads.size}?X-Amz-Signature=secret`;
  payloads.set(url, Buffer.from(JSON.stringify(kinesisSyncRecords)));
  return JSON.stringify({ ...event, payloadType: 'S3Url', kinesisSyncRecordsURL: url });
}

interface Shard {
  database: Database;
  payloads: ReadonlyMap<string, Uint8Array>;
  dice: readonly number[];
}

async function pollShard(records: readonly Delivery[], { database, payloads, dice }: Shard): Promise<void> {
  const left = [...dice];
  const roll = () => left.shift() ?? 0;
  const fetchPayload: FetchPayload = async (url) => {
    const payload = payloads.get(url);
    if (!payload || roll() > 70) throw new PayloadUnavailableError('not now');
    return payload;
  };
  const { watched, errors } = watch(database);
  const handler = createProjectStream({
    store: createQueryStore(watched),
    fetchPayload,
    parallelizationFactor: 1,
    report: () => undefined,
    logger: createLogger('project-stream'),
  });
  const timedOut: Promise<unknown>[] = [];
  for (let next = 0; next < records.length; ) {
    const batch = records.slice(next, next + BATCH_SIZE - (roll() % BATCH_SIZE));
    const fate = roll();
    const invocation = handler(toKinesisEvent(batch), createLambdaContext('project-stream', 'us-east-1'));
    if (fate > 90) {
      // Simulates a timeout: Lambda retries the batch while the invocation still runs.
      timedOut.push(invocation);
      continue;
    }
    const response = await invocation;
    if (errors.length > 0) throw errors[0];
    // Simulates that the response is lost after the rows were written. Lambda may then repeat even earlier records, in
    // other batches.
    if (fate > 75) next -= Math.min(next, roll() % 4);
    else next += countDone(batch, response);
  }
  await Promise.all(timedOut);
  if (errors.length > 0) throw errors[0];
}

function countDone(batch: readonly Delivery[], response: unknown): number {
  const sequenceNumbers = batch.map(({ position }) => position.sequenceNumber);
  const verdict = evaluateBatch(
    sequenceNumbers,
    { kind: 'answered', answer: response },
    { reportBatchItemFailures: true },
  );
  if (verdict.outcome === 'retryAll') throw new Error(verdict.reason);
  return verdict.outcome === 'done' ? batch.length : verdict.index;
}

/** Records the errors of a database. The handler turns an error into a retry, but here no error may occur. */
function watch(database: Database): { watched: Database; errors: unknown[] } {
  const errors: unknown[] = [];
  const watched: Database = {
    ...database,
    query: (sql, values) =>
      database.query<never>(sql, values).catch((error: unknown) => {
        errors.push(error);
        throw error;
      }),
  };
  return { watched, errors };
}
