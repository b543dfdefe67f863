import { randomBytes, randomUUID } from 'node:crypto';
import type { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { createSecretReader } from '../lib/aws/secret-reader.ts';
import { createLogger } from '../lib/aws/telemetry.ts';
import type { IdentityKey } from '../lib/common/dataset-key.ts';
import type { Environment } from '../lib/common/environment.ts';
import { DatabaseError } from '../lib/database/database.ts';
import { openFromEnvironment } from '../lib/database/open-from-environment.ts';
import { MAX_TOKEN_DURATION_SECONDS } from '../lib/identity/open-id-token.ts';
import { createIdentityStore } from '../lib/identity/store/identity-store.ts';
import { createJobOffloading } from '../lib/sync/job-offloading.ts';
import {
  type FinishIdentityDeletionsDeps,
  type FinishIdentityDeletionsOutcome,
  finishIdentityDeletions,
} from '../lib/sync/jobs/finish-identity-deletions.ts';
import { createIdentityDataStore } from '../lib/sync/store/identity-data-store.ts';
import { createDataJobs } from '../lib/wire/service/create-data-jobs.ts';

/** Ignores the event that the schedule sends. */
export type FinishIdentityDeletionsHandler = (
  event: unknown,
  context: Context,
) => Promise<FinishIdentityDeletionsAnswer>;

interface FinishIdentityDeletionsAnswer extends Pick<FinishIdentityDeletionsOutcome, 'deleted' | 'ended'> {
  /** Whether the time budget ran out before all identities were tried. */
  isCutShort: boolean;
}

export interface FinishIdentityDeletionsFunctionDeps
  extends Omit<FinishIdentityDeletionsDeps, 'now' | 'onFailure'> {
  logger: Logger;
  /** Returns the current time in epoch milliseconds. */
  now?: () => number;
  /**
   * Once a run has taken this long, it starts no deletion of another identity's data. Default: the remaining time of the
   * invocation minus `DELETION_MS`.
   */
  timeBudgetMs?: number;
}

/** Time reserved for deleting one identity's remaining data. If it is not enough, the next run deletes the rest. */
const DELETION_MS = 30_000;

/**
 * Deletes the remaining data of deleted identities. If the deletion of an identity fails, the handler logs the ids and
 * the error's name and code. It does not log the error's message. The other identities are still processed; then the
 * run fails as a whole. If the time runs out, the next run deletes the remaining data.
 *
 * @returns a handler that rejects if any identity failed, so monitoring reports the failure; the next run retries the
 *   failed identities
 */
export function createFinishIdentityDeletions({
  logger,
  now = Date.now,
  timeBudgetMs,
  ...deps
}: FinishIdentityDeletionsFunctionDeps): FinishIdentityDeletionsHandler {
  let after: IdentityKey | null = null;

  function onFailure(identity: IdentityKey, error: unknown): void {
    // Log no error message: it may contain user data.
    const reason = error instanceof Error ? error.name : typeof error;
    const code = error instanceof DatabaseError ? error.code : undefined;
    logger.error('could not delete the remaining data of an identity; the next run retries it', {
      ...identity,
      reason,
      code,
    });
  }

  return middy<unknown, FinishIdentityDeletionsAnswer>()
    .use(injectLambdaContext(logger))
    .handler(async (_event, context) => {
      const budget = timeBudgetMs ?? context.getRemainingTimeInMillis() - DELETION_MS;
      const { last, deleted, ended, failed } = await finishIdentityDeletions(
        { ...deps, now, onFailure },
        { after, timeBudgetMs: budget },
      );
      after = last;
      if (ended > 0) logger.info('deleted all remaining data of deleted identities', { deleted, ended });
      if (failed > 0) {
        throw new Error(`${failed} of ${deleted} identity deletions failed; the next run retries them`);
      }
      return { deleted, ended, isCutShort: last !== null };
    });
}

let deployed: FinishIdentityDeletionsHandler | undefined;

/** Lambda's entry point. Reads the environment on the first event. */
export const handler: FinishIdentityDeletionsHandler = (event, context) => {
  deployed ??= compose(process.env);
  return deployed(event, context);
};

function compose(env: Environment): FinishIdentityDeletionsHandler {
  const database = openFromEnvironment(env, createSecretReader, { maxConnections: 2 });
  const { deleteIdentityData } = createDataJobs({
    database,
    offloading: createJobOffloading({ key: randomBytes(32), now: Date.now, randomId: randomUUID }),
    // The scheduled relay publishes the events.
    afterWrite: () => undefined,
  });
  const identities = createIdentityStore(database);
  return createFinishIdentityDeletions({
    identityData: createIdentityDataStore(database),
    removeMerged: ({ identityId }) => identities.deleteIdentity(identityId, Date.now()),
    deleteIdentityData,
    tokensLifetimeMs: MAX_TOKEN_DURATION_SECONDS * 1000,
    logger: createLogger('finish-identity-deletions'),
  });
}
