import type { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { createCognitoSyncClient } from '../lib/aws/cognito-sync-client.ts';
import { failureObjects } from '../lib/aws/failure-objects.ts';
import { createKinesisClient } from '../lib/aws/kinesis-client.ts';
import { createSecretReader } from '../lib/aws/secret-reader.ts';
import { createKinesisStreamReader } from '../lib/aws/stream-reader.ts';
import { createSyncClient } from '../lib/aws/sync-client.ts';
import { createLogger, createPublishReporter } from '../lib/aws/telemetry.ts';
import { createCountFailedBatches } from '../lib/backfill/poll/count-failed-batches.ts';
import { pollBulkPublishes } from '../lib/backfill/poll/poll-bulk-publishes.ts';
import type { PollDeps, PollOutcome } from '../lib/backfill/poll/poll-model.ts';
import { createPublishStore } from '../lib/backfill/store/publish-store.ts';
import type { Environment } from '../lib/common/environment.ts';
import {
  readFailureDestination,
  readIdentityPoolIds,
  readParallelizationFactor,
  readPublishPolicy,
} from '../lib/common/function-settings.ts';
import { readStream } from '../lib/common/stream-name.ts';
import { openFromEnvironment } from '../lib/database/open-from-environment.ts';
import { createRedrivenObjects } from '../lib/projection/store/redriven-objects.ts';

/** Ignores the event that the schedule sends. */
export type PollBulkPublishHandler = (event: unknown, context: Context) => Promise<PollOutcome>;

export interface PollBulkPublishFunctionDeps extends Omit<PollDeps, 'now' | 'first' | 'timeBudgetMs'> {
  /** Receives the outcome of each poll. */
  report: (outcome: PollOutcome) => void;
  logger: Logger;
  /** Returns the current time in epoch milliseconds. */
  now?: () => number;
  /** The time budget of one poll. Default: the function's remaining time minus `LAST_MS`. */
  timeBudgetMs?: number;
}

/** Time reserved for the last pool or stream. It is enough for three attempts of a request that times out. */
const LAST_MS = 50_000;

/**
 * Calls GetBulkPublishDetails for each pool and writes rows of `query.bulk_publishes` and `query.gaps`. A gap is a
 * period whose removals may be missing in the query store. If a pool cannot be polled, the other pools are still
 * polled. The failure is logged once, and again only if the failure changes.
 */
export function createPollBulkPublish({
  report,
  logger,
  now = Date.now,
  timeBudgetMs,
  ...deps
}: PollBulkPublishFunctionDeps): PollBulkPublishHandler {
  let first: readonly string[] = [];
  const logOutcome = createOutcomeLog(logger);
  return middy<unknown, PollOutcome>()
    .use(injectLambdaContext(logger))
    .handler(async (_event, context) => {
      const budget = timeBudgetMs ?? context.getRemainingTimeInMillis() - LAST_MS;
      const outcome = await pollBulkPublishes({ ...deps, now, first, timeBudgetMs: budget });
      first = outcome.notReached;
      logOutcome(outcome);
      report(outcome);
      return outcome;
    });
}

const NEEDS_ATTENTION = new Set(['FAILED', 'UNSEEN', 'stalled', 'unknown']);

/** Logs a lasting failure twice: when it starts and when it has ended. */
function createOutcomeLog(logger: Logger): (outcome: PollOutcome) => void {
  let failing = new Map<string, string>();
  let isShort = false;
  let elsewhereBefore = new Set<string>();
  return ({ transitions, gaps, started, failures, notReached, elsewhere }) => {
    const skipped = elsewhere.filter((identityPoolId) => !elsewhereBefore.has(identityPoolId));
    if (skipped.length > 0) {
      logger.info('skipped pools whose stream is not projected', { identityPoolIds: skipped });
    }
    elsewhereBefore = new Set(elsewhere);
    for (const { run, to } of transitions) {
      const { identityPoolId, startedAt, failureMessage, waitingFor } = run;
      const details = { identityPoolId, startedAt, to, failureMessage, waitingFor };
      if (NEEDS_ATTENTION.has(to)) logger.warn('bulk publish needs attention', details);
      else logger.info('bulk publish changed state', details);
    }
    for (const gap of gaps) logger.warn('removals may be missing from the query store', { ...gap });
    for (const start of started)
      logger.info('requested a bulk publish, because the bulk publish policy requires one', { ...start });
    for (const { identityPoolId, condition, message: problem } of failures) {
      if (failing.get(identityPoolId) !== condition) {
        logger.error('could not poll a pool', { identityPoolId, condition, problem });
      }
    }
    const failingNow = new Map(failures.map(({ identityPoolId, condition }) => [identityPoolId, condition]));
    for (const identityPoolId of failing.keys()) {
      if (!failingNow.has(identityPoolId))
        logger.info('polled a pool that had failed before', { identityPoolId });
    }
    failing = failingNow;
    if (notReached.length > 0 && !isShort) {
      logger.warn('ran out of time before all pools were polled; the next poll starts with the rest', {
        notReached,
      });
    }
    isShort = notReached.length > 0;
  };
}

let deployed: PollBulkPublishHandler | undefined;

/** Lambda's entry point. Reads the environment on the first event. */
export const handler: PollBulkPublishHandler = (event, context) => {
  deployed ??= compose(process.env);
  return deployed(event, context);
};

function compose(env: Environment): PollBulkPublishHandler {
  const { region, streamName } = readStream(env);
  const identityPoolIds = readIdentityPoolIds(env);
  const failures = readFailureDestination(env);
  const policy = readPublishPolicy(env);
  const parallelizationFactor = readParallelizationFactor(env);
  const database = openFromEnvironment(env, createSecretReader, { maxConnections: 1 });
  const redriven = createRedrivenObjects(database);
  return createPollBulkPublish({
    api: createSyncClient(createCognitoSyncClient({ region })),
    store: createPublishStore(database),
    streams: createKinesisStreamReader(createKinesisClient({ region })),
    countFailedBatches:
      failures === null
        ? async () => 0
        : createCountFailedBatches({ listFailureObjects: () => failureObjects(failures), redriven }),
    policy,
    identityPoolIds,
    streamName,
    keepsStreaming: true,
    parallelizationFactor,
    report: createPublishReporter('poll-bulk-publish'),
    logger: createLogger('poll-bulk-publish'),
  });
}
