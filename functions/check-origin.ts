import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { createKinesisClient } from '../lib/aws/kinesis-client.ts';
import { openOrigin } from '../lib/aws/origin.ts';
import { createSecretReader } from '../lib/aws/secret-reader.ts';
import { createKinesisStreamReader } from '../lib/aws/stream-reader.ts';
import { createCheckReporter, createLogger } from '../lib/aws/telemetry.ts';
import type { Environment } from '../lib/common/environment.ts';
import { openFromEnvironment } from '../lib/database/open-from-environment.ts';
import { type CheckOriginDeps, type CheckOriginOutcome, checkOrigin } from '../lib/move/check-origin.ts';
import { createOriginRates, limitRate } from '../lib/move/origin-rates.ts';
import { createMoveStore } from '../lib/move/store/move-store.ts';
import { createForOrigin } from '../lib/wire/service/create-for-origin.ts';

/** Ignores the event that the schedule sends. */
export type CheckOriginHandler = (event: unknown, context: Context) => Promise<CheckOriginOutcome>;

interface CheckOriginFunctionDeps extends Omit<CheckOriginDeps, 'now' | 'onProblem'> {
  logger: Logger;
  /** Receives what each run found. */
  report: (outcome: CheckOriginOutcome) => void;
}

/**
 * Creates the function that checks, for each pool that is being migrated, up to when the changes at the origin are
 * applied here. It logs each problem of a pool once.
 */
export function createCheckOrigin({ logger, report, ...deps }: CheckOriginFunctionDeps): CheckOriginHandler {
  let logged = new Map<string, string>();
  return middy<unknown, CheckOriginOutcome>()
    .use(injectLambdaContext(logger))
    .handler(async () => {
      const problems = new Map<string, string>();
      const onProblem = (identityPoolId: string, problem: string) => {
        problems.set(identityPoolId, problem);
        if (logged.get(identityPoolId) !== problem)
          logger.error('changes at the origin of a pool that is being migrated do not reach this service', {
            identityPoolId,
            problem,
          });
      };
      const outcome = await checkOrigin({ ...deps, now: Date.now, onProblem });
      logged = problems;
      report(outcome);
      return outcome;
    });
}

let deployed: CheckOriginHandler | undefined;

/** Lambda's entry point. Reads the environment on the first event. */
export const handler: CheckOriginHandler = (event, context) => {
  deployed ??= compose(process.env);
  return deployed(event, context);
};

function compose(env: Environment): CheckOriginHandler {
  const database = openFromEnvironment(env, createSecretReader, { maxConnections: 1 });
  const store = createMoveStore(database, { offloading: null, now: Date.now });
  const originRates = createOriginRates({ now: Date.now, sleep });
  const logger = createLogger('check-origin');
  const report = createCheckReporter('check-origin');
  return createForOrigin({
    env,
    createSecretReader,
    logger,
    create(settings) {
      const { region } = settings;
      const { AWS_ENDPOINT_URL_KINESIS: endpoint } = env;
      const origin = limitRate(openOrigin(settings), originRates(settings), { sleep });
      // The stream is in Kinesis even if the origin is another instance of this service.
      const kinesis = createKinesisClient({
        region,
        ...(endpoint && { endpoint }),
        ignoreConfiguredEndpointUrls: true,
      });
      const streams = createKinesisStreamReader(kinesis);
      return {
        handle: createCheckOrigin({ store, origin, streams, logger, report }),
        close() {
          origin.close();
          kinesis.destroy();
        },
      };
    },
  });
}
