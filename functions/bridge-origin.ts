import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { createOnUse } from '../lib/aws/on-use.ts';
import { createSecretReader } from '../lib/aws/secret-reader.ts';
import { createBridgeReporter, createLogger } from '../lib/aws/telemetry.ts';
import { type Environment, readRegion } from '../lib/common/environment.ts';
import { readPushProviders } from '../lib/common/read-push-providers.ts';
import { openFromEnvironment } from '../lib/database/open-from-environment.ts';
import {
  type BridgeDeps,
  type BridgeOutcome,
  type BridgeProblem,
  bridgeDue,
  MARKS_PER_RUN,
} from '../lib/move/bridge.ts';
import { createOriginRates } from '../lib/move/origin-rates.ts';
import { createBridgeStore } from '../lib/move/store/bridge-store.ts';
import { createMoveStore } from '../lib/move/store/move-store.ts';
import { createJobOffloading } from '../lib/sync/job-offloading.ts';
import type { PushedChange } from '../lib/sync/push/push-message.ts';
import { pushToDevices } from '../lib/sync/push/push-to-devices.ts';
import { createForOrigin } from '../lib/wire/service/create-for-origin.ts';
import { openBridgedOrigins } from '../lib/wire/service/open-bridged-origins.ts';
import { openPush } from '../lib/wire/service/open-push.ts';

/** Ignores the event that the schedule sends. */
export type BridgeOriginHandler = (event: unknown, context: Context) => Promise<BridgeOutcome>;

export interface BridgeOriginDeps extends Pick<BridgeDeps, 'store' | 'originOf'> {
  logger: Logger;
  /**
   * Called after each change of this service's data, so that the relay publishes the event of the change. Absent if the
   * relay runs on a schedule.
   */
  onWritten?: () => void;
  /** Notifies the devices that subscribe to a dataset of a change of the dataset. Never throws. */
  notifyDevices: (change: PushedChange) => Promise<void>;
  /** Receives, after each run, the number of problems that do not pass on their own. */
  report?: (problems: number) => void;
  /** Ends a run early. */
  signal?: AbortSignal;
  /**
   * Once a run has taken this long, it starts no further pass (a pass compares and equalizes one dataset). Default: see
   * `MAX_RUN_MS`.
   */
  timeBudgetMs?: number;
}

/**
 * Time reserved for the last passes of a run. If a pass takes longer, its lease of the dataset ends, and a later run
 * repeats the pass.
 */
const PASS_MS = 60_000;
/**
 * Longest wait for the push messages of a change. Long enough to send a message again after one failed attempt, which
 * takes up to five seconds.
 */
const PUSH_WAIT_MS = 10_000;
/** A run starts passes for at most this long. It is shorter than the schedule's interval, so runs rarely overlap. */
const MAX_RUN_MS = 50_000;

/** Minimum time between two log entries about the same problem of a pool, even if many datasets have it. */
const LOG_EVERY_MS = 60 * 60_000;

const WHAT_TO_DO: { [Problem in BridgeProblem]?: string } = {
  'not-authorized':
    ': the origin refused the call; the credentials need cognito-sync:ListRecords, UpdateRecords, DescribeDataset and DeleteDataset, and cognito-identity:DescribeIdentity',
  credentials:
    ': the credentials for the origin are missing or invalid; set ORIGIN_ACCESS_KEY_ID and ORIGIN_SECRET_ACCESS_KEY, or the parameter originKeysSecret in AWS',
  'no-origin': ': set the ORIGIN_ variables to the origin from which the pool was copied',
};

/**
 * Creates the bridge between this service and the origin, the service from which the pools are migrated. For the
 * identities that this service owns, the bridge writes their changes to the origin, and applies here what devices still
 * write at the origin. If no dataset is waiting for the bridge, a run sends only one query. Datasets for which a run
 * has no time wait for the next run.
 */
export function createBridgeOrigin({
  store,
  originOf,
  logger,
  onWritten,
  notifyDevices,
  report = () => undefined,
  signal: stopping,
  timeBudgetMs,
}: BridgeOriginDeps): BridgeOriginHandler {
  const logProblem = createProblemLog(logger);
  return middy<unknown, BridgeOutcome>()
    .use(injectLambdaContext(logger))
    .handler(async (_event, context) => {
      const remainingMs = context.getRemainingTimeInMillis() - PASS_MS - PUSH_WAIT_MS;
      const endsAt = Date.now() + (timeBudgetMs ?? Math.min(remainingMs, MAX_RUN_MS));
      const isOver = () => Date.now() >= endsAt || (stopping?.aborted ?? false);
      const total: BridgeOutcome = { bridged: 0, postponed: 0 };
      const messages: Promise<void>[] = [];
      let problems = 0;
      const run: BridgeDeps = {
        store,
        originOf,
        now: Date.now,
        isOver,
        onProblem(problem) {
          problems += 1;
          logProblem(problem);
        },
        onWritten(dataset, { syncCount, subscribed }) {
          onWritten?.();
          if (subscribed) messages.push(notifyDevices({ ...dataset, syncCount }));
        },
      };
      try {
        for (let tried = MARKS_PER_RUN; tried >= MARKS_PER_RUN && !isOver(); ) {
          const { bridged, postponed } = await bridgeDue(run);
          total.bridged += bridged;
          total.postponed += postponed;
          tried = bridged + postponed;
        }
      } finally {
        // In Lambda, nothing runs after the answer.
        await Promise.all(messages);
        report(problems);
      }
      return total;
    });
}

let deployed: BridgeOriginHandler | undefined;

/** Lambda's entry point. Reads the environment on the first event. */
export const handler: BridgeOriginHandler = (event, context) => {
  deployed ??= compose(process.env);
  return deployed(event, context);
};

function compose(env: Environment): BridgeOriginHandler {
  const database = openFromEnvironment(env, createSecretReader, { maxConnections: 5 });
  const offloading = createJobOffloading({ key: randomBytes(32), now: Date.now, randomId: randomUUID });
  const pools = createMoveStore(database, { offloading, now: Date.now });
  const store = createBridgeStore(database, { offloading });
  const originRates = createOriginRates({ now: Date.now, sleep });
  const logger = createLogger('bridge-origin');
  const { openPush: openChannel } = createOnUse(readRegion(env));
  const report = createBridgeReporter('bridge-origin');
  return createForOrigin({
    env,
    createSecretReader,
    logger,
    create(settings, pushProviders) {
      const channel = openChannel(readPushProviders({ PUSH_PROVIDERS: pushProviders }));
      const push = openPush({ database, channel, maxWaitMs: PUSH_WAIT_MS, logger });
      const origins = openBridgedOrigins({ pools, readOrigin: () => settings, originRates });
      const { originOf } = origins;
      const notifyDevices = (change: PushedChange) => pushToDevices(push, change, undefined);
      return {
        handle: createBridgeOrigin({ store, originOf, logger, notifyDevices, report }),
        close() {
          origins.close();
          channel.close();
        },
      };
    },
  });
}

/** Logs each problem of a pool once per hour. */
function createProblemLog(logger: Logger): NonNullable<BridgeDeps['onProblem']> {
  const loggedAt = new Map<string, number>();
  return ({ identityPoolId, problem, error }) => {
    const key = `${identityPoolId} ${problem}`;
    const now = Date.now();
    if (now < (loggedAt.get(key) ?? 0)) return;
    loggedAt.set(key, now + LOG_EVERY_MS);
    const message = `the bridge cannot keep a dataset equal with the origin${WHAT_TO_DO[problem] ?? ''}; \`move status\` counts such datasets`;
    logger.error(message, { identityPoolId, problem, ...(error !== null && { error }) });
  };
}
