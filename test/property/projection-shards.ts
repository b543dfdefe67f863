import fc from 'fast-check';
import { createProjectStream } from '../../functions/project-stream.ts';
import { evaluateBatch } from '../../infra/local/event-source-mapping/batch-response.ts';
import { createLambdaContext } from '../../infra/local/lambda-context.ts';
import { createLogger } from '../../lib/aws/telemetry.ts';
import type { Database } from '../../lib/database/database.ts';
import type { Delivery } from '../../lib/projection/delivery.ts';
import { createQueryStore } from '../../lib/projection/store/query-store.ts';
import { type FetchPayload, PayloadUnavailableError } from '../../lib/stream/payload.ts';
import { deliver, toKinesisEvent } from '../fixtures/sync/stream-events.ts';
import { ARRIVED_AT } from './projection-database.ts';

/** How a stream is laid out, and what goes wrong with it. All zeros: one shard, all inline, nothing goes wrong. */
export interface StreamPlan {
  /** False: the events of one dataset may lie in several shards, and so come in any order. */
  byIdentity: boolean;
  /** For each event, in turn: which shard it goes to. */
  places: number[];
  /** For each event: whether its records lie behind a URL. */
  offloaded: boolean[];
  /** Per shard, used up in turn: sizes of batches, payloads that cannot be had, invocations lost. */
  dice: number[][];
}

const MOST_EVENTS = 40;
const BATCH_SIZE = 10;

export const streamPlans = ({ maxShards }: { maxShards: number }): fc.Arbitrary<StreamPlan> =>
  fc.record({
    byIdentity: fc.boolean(),
    places: fc.array(fc.nat({ max: maxShards - 1 }), { maxLength: MOST_EVENTS }),
    offloaded: fc.array(fc.boolean(), { maxLength: MOST_EVENTS }),
    dice: fc.array(fc.array(fc.nat({ max: 99 }), { maxLength: 40 }), { minLength: 1, maxLength: maxShards }),
  });

/**
 * Puts data onto a stream and runs the handler on all its shards at once, as Lambda does, until each has come to its
 * end. The writers are databases of one content: each shard's handler has its own, as far as there are enough.
 *
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

/** The same event with its records behind a URL. An event without records has nothing to put there. */
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
  const givenUp: Promise<unknown>[] = [];
  for (let next = 0; next < records.length; ) {
    const batch = records.slice(next, next + BATCH_SIZE - (roll() % BATCH_SIZE));
    const fate = roll();
    const invocation = handler(toKinesisEvent(batch), createLambdaContext('project-stream', 'us-east-1'));
    if (fate > 90) {
      // Lambda has waited long enough and begins again; the invocation goes on all the same.
      givenUp.push(invocation);
      continue;
    }
    const answer = await invocation;
    if (errors.length > 0) throw errors[0];
    // The rows are written and nobody was told: the same again, cut anew, or even what came before.
    if (fate > 75) next -= Math.min(next, roll() % 4);
    else next += countDone(batch, answer);
  }
  await Promise.all(givenUp);
  if (errors.length > 0) throw errors[0];
}

function countDone(batch: readonly Delivery[], answer: unknown): number {
  const sequenceNumbers = batch.map(({ position }) => position.sequenceNumber);
  const verdict = evaluateBatch(
    sequenceNumbers,
    { kind: 'answered', answer },
    { reportBatchItemFailures: true },
  );
  if (verdict.outcome === 'retryAll') throw new Error(verdict.reason);
  return verdict.outcome === 'done' ? batch.length : verdict.index;
}

/** The handler makes a retry of every error of its database; here there must be none. */
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
