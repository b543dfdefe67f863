import { createRateLimit, type RateLimit, retryPaced } from '../backfill/reconcile/reconcile-calls.ts';
import type { Origin } from './ports/origin.ts';
import { callsPerSecond, type OriginSettings, originName } from './read-origin-settings.ts';

/** Returns the limit of the rate of calls to an origin. */
export type OriginRates = (settings: OriginSettings) => RateLimit;

/** Creates the limits of a process. All its calls to an origin share one limit. */
export function createOriginRates(clock: {
  now: () => number;
  sleep: (ms: number) => Promise<unknown>;
}): OriginRates {
  const limits = new Map<string, RateLimit>();
  return (settings) => {
    const name = originName(settings);
    const limit =
      limits.get(name) ?? createRateLimit({ ...clock, maxCallsPerSecond: callsPerSecond(settings) });
    limits.set(name, limit);
    return limit;
  };
}

/** A request waits up to ten seconds for a takeover, so only a throttled call is retried, and only for a short time. */
const REQUEST_PAUSES_MS = [500, 1_000, 2_000];

/** Limits the rate of all calls to an origin. Retries a throttled call; every attempt counts. */
export function limitRate(
  origin: Origin,
  limit: RateLimit,
  { sleep }: { sleep: (ms: number) => Promise<unknown> },
): Origin {
  const about = { sleep, signal: undefined, pausesMs: REQUEST_PAUSES_MS, retried: ['throttled'] as const };
  const paced = retryPaced(limit, about);
  return {
    ...origin,
    readPool: (pool) => paced(() => origin.readPool(pool)),
    listIdentities: (pool, options) => paced(() => origin.listIdentities(pool, options)),
    describeIdentity: (id) => paced(() => origin.describeIdentity(id)),
    listDeveloperUsers: (identity) => paced(() => origin.listDeveloperUsers(identity)),
    listDatasets: (identity) => paced(() => origin.listDatasets(identity)),
    listRecords: (dataset) => paced(() => origin.listRecords(dataset)),
    wasDeletedAfter: (dataset, syncCount) => paced(() => origin.wasDeletedAfter(dataset, syncCount)),
    update: (dataset, patches) => paced(() => origin.update(dataset, patches)),
    deleteDataset: (dataset, syncCount) => paced(() => origin.deleteDataset(dataset, syncCount)),
  };
}
