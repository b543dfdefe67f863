import { setTimeout as timer } from 'node:timers/promises';
import { openOrigin } from '../../lib/aws/origin.ts';
import { type PacedCalls, retryPaced } from '../../lib/backfill/reconcile/reconcile-calls.ts';
import type { Database } from '../../lib/database/database.ts';
import { type BridgeDeps, type BridgeProblem, bridgeDue, MARKS_PER_RUN } from '../../lib/move/bridge.ts';
import type { OriginRates } from '../../lib/move/origin-rates.ts';
import type { Origin } from '../../lib/move/ports/origin.ts';
import { type OriginSettings, originName } from '../../lib/move/read-origin-settings.ts';
import { createBridgeStore } from '../../lib/move/store/bridge-store.ts';
import { createMoveStore } from '../../lib/move/store/move-store.ts';
import type { Offloading } from '../../lib/sync/build-stream-event.ts';
import { createFailureLogger } from '../../lib/wire/service/failure-logger.ts';
import { type Schedule, startSchedule } from './schedules/schedule.ts';

const FUNCTION_NAME = 'bridge-origin';
const INTERVAL_MS = 1_000;
/**
 * A call is retried only once, so that a failing dataset does not block a worker. A later run tries the dataset again.
 */
const RETRIES = { pausesMs: [1_000], retried: ['throttled'] } as const;

/** Minimum time between two log entries about the same problem of a pool, even if many datasets have it. */
const LOG_EVERY_MS = 60 * 60_000;

const WHAT_TO_DO: { [Problem in BridgeProblem]?: string } = {
  'not-authorized':
    ': the origin refused the call; the credentials need cognito-sync:ListRecords, UpdateRecords, DescribeDataset and DeleteDataset, and cognito-identity:DescribeIdentity',
  credentials:
    ': the credentials for the origin are missing or invalid; set ORIGIN_ACCESS_KEY_ID and ORIGIN_SECRET_ACCESS_KEY',
  'no-origin': ': set the ORIGIN_ variables to the origin from which the pool was copied',
};

interface BridgeOriginDeps {
  database: Database;
  readOrigin: (identityPoolId: string) => OriginSettings;
  originRates: OriginRates;
  offloading: Offloading;
  /** Called after a change here, so that its events are published and its devices are notified. */
  onWritten: BridgeDeps['onWritten'];
}

/**
 * Starts the bridge. For the identities that this service owns, it writes changes back to the origin, and applies what
 * devices write at the origin. If no dataset is waiting for the bridge, a run sends only one query.
 */
export function startOriginBridge({
  database,
  readOrigin,
  originRates,
  offloading,
  onWritten,
}: BridgeOriginDeps): Schedule {
  const store = createBridgeStore(database, { offloading });
  const pools = createMoveStore(database, { offloading, now: Date.now });
  const logger = createFailureLogger(FUNCTION_NAME);
  const stopping = new AbortController();
  const opened = new Map<string, { origin: Origin; paced: PacedCalls }>();
  const sleep = (ms: number) => timer(ms, undefined, { signal: stopping.signal }).catch(() => undefined);

  const originOf: BridgeDeps['originOf'] = async (identityPoolId) => {
    const pool = await pools.readPool(identityPoolId, Date.now());
    if (pool !== null && pool.finishedAt !== null) return 'finished';
    const settings = readOrigin(identityPoolId);
    const name = originName(settings);
    if (pool?.origin !== name) return null;
    const known = opened.get(name);
    if (known) return known;
    const paced = retryPaced(originRates(settings), { sleep, signal: stopping.signal, ...RETRIES });
    const origin = { origin: openOrigin(settings), paced };
    opened.set(name, origin);
    return origin;
  };

  const loggedAt = new Map<string, number>();
  const onProblem: BridgeDeps['onProblem'] = ({ identityPoolId, problem, error }) => {
    const key = `${identityPoolId} ${problem}`;
    const now = performance.now();
    if (now < (loggedAt.get(key) ?? 0)) return;
    loggedAt.set(key, now + LOG_EVERY_MS);
    const message = `a dataset cannot be bridged${WHAT_TO_DO[problem] ?? ''}; \`move status\` counts such datasets`;
    logger.error(message, { identityPoolId, problem, ...(error !== null && { error }) });
  };

  const schedule = startSchedule({
    functionName: FUNCTION_NAME,
    intervalMs: INTERVAL_MS,
    logger,
    async run() {
      const { signal } = stopping;
      for (let tried = MARKS_PER_RUN; tried >= MARKS_PER_RUN && !signal.aborted; ) {
        const outcome = await bridgeDue({ store, originOf, onWritten, onProblem, now: Date.now, signal });
        tried = outcome.bridged + outcome.postponed;
      }
    },
  });
  return {
    ...schedule,
    async close() {
      stopping.abort();
      await schedule.close();
      for (const { origin } of opened.values()) origin.close();
    },
  };
}
