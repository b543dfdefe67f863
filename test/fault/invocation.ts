import { setTimeout as sleep } from 'node:timers/promises';
import type { KinesisStreamBatchResponse, KinesisStreamRecord } from 'aws-lambda';
import { createProjectStream } from '../../functions/project-stream.ts';
import { createLambdaContext } from '../../infra/local/lambda-context.ts';
import { createLogger } from '../../lib/aws/telemetry.ts';
import type { Database } from '../../lib/database/database.ts';
import { createQueryStore } from '../../lib/projection/store/query-store.ts';
import type { FetchPayload } from '../../lib/stream/ports/fetch-payload.ts';

/** When Lambda ends an invocation: before or after one of its calls. A call is a fetch or a statement. */
export interface Kill {
  atCall: number;
  when: 'before' | 'after';
  /** Time after which a frozen invocation resumes, although it timed out; null if it never resumes. */
  resumesAfterMs: number | null;
}

interface InvocationDeps {
  database: Database;
  fetchPayload: FetchPayload;
}

interface Invocation {
  /** Resolves to the response of the function, or to undefined as soon as the invocation is killed. */
  response: Promise<KinesisStreamBatchResponse | undefined>;
  /** Resolves when the invocation can have no further effects. */
  ended: Promise<unknown>;
}

const logger = createLogger('fault');

/** Starts an invocation as in a separate process, which can be killed. */
export function startInvocation(
  records: KinesisStreamRecord[],
  kill: Kill | null,
  { database, fetchPayload }: InvocationDeps,
): Invocation {
  const { promise: killed, resolve: isKilled } = Promise.withResolvers<undefined>();
  const { promise: gone, resolve: isGone } = Promise.withResolvers<void>();
  let calls = 0;

  async function die(resumesAfterMs: number | null): Promise<void> {
    isKilled(undefined);
    if (resumesAfterMs !== null) return sleep(resumesAfterMs);
    isGone();
    return new Promise(() => undefined);
  }
  async function survive<Result>(call: () => Promise<Result>): Promise<Result> {
    calls += 1;
    const end = calls === kill?.atCall ? kill : null;
    if (end?.when === 'before') await die(end.resumesAfterMs);
    try {
      return await call();
    } finally {
      if (end?.when === 'after') await die(end.resumesAfterMs);
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
  return { response: Promise.race([running, killed]), ended: Promise.race([running, gone]) };
}
