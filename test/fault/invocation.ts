import { setTimeout as sleep } from 'node:timers/promises';
import type { KinesisStreamBatchResponse, KinesisStreamRecord } from 'aws-lambda';
import { createProjectStream } from '../../functions/project-stream.ts';
import { createLambdaContext } from '../../infra/local/lambda-context.ts';
import { createLogger } from '../../lib/aws/telemetry.ts';
import type { Database } from '../../lib/database/database.ts';
import { createQueryStore } from '../../lib/projection/store/query-store.ts';
import type { FetchPayload } from '../../lib/stream/payload.ts';

/** Where a function ends that is given up on: at one of its fetches and statements, counted from 1. */
export interface Kill {
  atCall: number;
  when: 'before' | 'after';
  /** A function that was given up on may be frozen only, and go on when nobody expects it. Null: it does not. */
  comesBackAfterMs: number | null;
}

interface InvocationDeps {
  database: Database;
  fetchPayload: FetchPayload;
}

interface Invocation {
  /** Undefined as soon as it is killed. */
  answer: Promise<KinesisStreamBatchResponse | undefined>;
  /** When nothing of it will happen any more. */
  over: Promise<unknown>;
}

const logger = createLogger('fault');

/** The function in a process of its own, which may be killed. */
export function startInvocation(
  records: KinesisStreamRecord[],
  kill: Kill | null,
  { database, fetchPayload }: InvocationDeps,
): Invocation {
  const { promise: killed, resolve: isKilled } = Promise.withResolvers<undefined>();
  const { promise: gone, resolve: isGone } = Promise.withResolvers<void>();
  let calls = 0;

  async function die(comesBackAfterMs: number | null): Promise<void> {
    isKilled(undefined);
    if (comesBackAfterMs !== null) return sleep(comesBackAfterMs);
    isGone();
    return new Promise(() => undefined);
  }
  async function survive<Result>(call: () => Promise<Result>): Promise<Result> {
    calls += 1;
    const end = calls === kill?.atCall ? kill : null;
    if (end?.when === 'before') await die(end.comesBackAfterMs);
    try {
      return await call();
    } finally {
      if (end?.when === 'after') await die(end.comesBackAfterMs);
    }
  }

  const handler = createProjectStream({
    store: createQueryStore({
      ...database,
      query: (sql, values) => survive(() => database.query(sql, values)),
      transaction: (work) => survive(() => database.transaction(work)),
    }),
    fetchPayload: (url) => survive(() => fetchPayload(url)),
    parallelizationFactor: 1,
    report: () => undefined,
    logger,
  });
  const running = handler({ Records: records }, createLambdaContext('project-stream', 'us-east-1'));
  return { answer: Promise.race([running, killed]), over: Promise.race([running, gone]) };
}
