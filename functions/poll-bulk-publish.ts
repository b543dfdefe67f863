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
import { createCountFailedBatches } from '../lib/backfill/count-failed-batches.ts';
import { pollBulkPublishes } from '../lib/backfill/poll-bulk-publishes.ts';
import type { PollDeps, PollOutcome } from '../lib/backfill/poll-model.ts';
import { createPublishStore } from '../lib/backfill/store/publish-store.ts';
import type { Environment } from '../lib/common/environment.ts';
import {
  readFailures,
  readIdentityPoolIds,
  readParallelizationFactor,
  readPublishPolicy,
} from '../lib/common/function-settings.ts';
import { readStream } from '../lib/common/stream-name.ts';
import { openFromEnvironment } from '../lib/database/open-from-environment.ts';
import { createRedrivenObjects } from '../lib/projection/store/redriven-objects.ts';

/** Whatever the schedule sends: nothing of it is read. */
export type PollBulkPublishHandler = (event: unknown, context: Context) => Promise<PollOutcome>;

export interface PollBulkPublishFunctionDeps extends Omit<PollDeps, 'now' | 'first' | 'timeBudgetMs'> {
  /** Told of each poll. */
  report: (outcome: PollOutcome) => void;
  logger: Logger;
  /** Epoch milliseconds. */
  now?: () => number;
  /** As much as the function's time allows unless given. */
  timeBudgetMs?: number;
}

/** The longest that a pool or a stream takes that was begun in time: requests that time out are tried three times. */
const LAST_MS = 50_000;

/**
 * GetBulkPublishDetails of each pool in, rows of `query.bulk_publishes` and `query.gaps` out. A pool that cannot be
 * looked at is logged, once until that changes, and hides no other.
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

const BAD_ENDS = new Set(['FAILED', 'UNSEEN', 'stalled', 'unknown']);

/** A failure that lasts is told when it begins and when it is over. */
function createOutcomeLog(logger: Logger): (outcome: PollOutcome) => void {
  let failing = new Map<string, string>();
  let isShort = false;
  let elsewhereBefore = new Set<string>();
  return ({ transitions, gaps, started, failures, notReached, elsewhere }) => {
    const left = elsewhere.filter((identityPoolId) => !elsewhereBefore.has(identityPoolId));
    if (left.length > 0) logger.info('pools that stream elsewhere are left alone', { identityPoolIds: left });
    elsewhereBefore = new Set(elsewhere);
    for (const { run, to } of transitions) {
      const { identityPoolId, startedAt, failureMessage, waitingFor } = run;
      const details = { identityPoolId, startedAt, to, failureMessage, waitingFor };
      if (BAD_ENDS.has(to)) logger.warn('a bulk publish is in trouble', details);
      else logger.info('a bulk publish moved on', details);
    }
    for (const gap of gaps) logger.warn('removals may be missing', { ...gap });
    for (const start of started) logger.info('the policy asked for a bulk publish', { ...start });
    for (const failure of failures) {
      if (failing.get(failure.identityPoolId) !== failure.condition) {
        logger.error('a pool could not be looked at', { ...failure });
      }
    }
    const failingNow = new Map(failures.map(({ identityPoolId, condition }) => [identityPoolId, condition]));
    for (const identityPoolId of failing.keys()) {
      if (!failingNow.has(identityPoolId)) logger.info('a pool can be looked at again', { identityPoolId });
    }
    failing = failingNow;
    if (notReached.length > 0 && !isShort) {
      logger.warn('no time for all pools, the next poll begins with them', { notReached });
    }
    isShort = notReached.length > 0;
  };
}

let deployed: PollBulkPublishHandler | undefined;

/** The function as AWS runs it: composed from the environment at its first event. */
export const handler: PollBulkPublishHandler = (event, context) => {
  deployed ??= compose(process.env);
  return deployed(event, context);
};

function compose(env: Environment): PollBulkPublishHandler {
  const { region, streamName } = readStream(env);
  const identityPoolIds = readIdentityPoolIds(env);
  const failures = readFailures(env);
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
