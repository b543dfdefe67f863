import type { StreamReader } from '../backfill/ports/evidence.ts';
import { checkFollowed } from './check-followed.ts';
import type { MoveStore } from './ports/move-store.ts';
import type { Origin } from './ports/origin.ts';
import { readOldestWaiting } from './read-oldest-waiting.ts';
import { describeOtherOrigin } from './read-origin-settings.ts';

export interface CheckOriginDeps {
  store: Pick<MoveStore, 'listPools' | 'readShards' | 'saveCaughtUp' | 'saveGap'>;
  origin: Origin;
  streams: StreamReader;
  /** Returns the current time in epoch milliseconds. */
  now: () => number;
  /** Receives why a pool is not followed. */
  onProblem: (identityPoolId: string, problem: string) => void;
}

/** What a check found. Contains only counts, so it can be logged. */
export interface CheckOriginOutcome {
  /** Pools that are being migrated. */
  pools: number;
  /** Pools that are not followed, for a reason that does not pass on its own. */
  notFollowed: number;
  /** Pools of which events may be missing until the next `move copy`. */
  withGap: number;
  /** How long the oldest event that is not applied has been waiting. Null if that is unknown, or if no pool is followed. */
  lagMs: number | null;
}

/** Maximum time for which an event can be on its way from the origin to the stream. */
const MARGIN_MS = 60_000;

/**
 * Saves, for each pool that is being migrated from the origin, the time up to which all events are applied, or that
 * events are missing. While events wait to be applied, nothing is saved. Calls the origin only while a pool is being
 * migrated.
 *
 * @throws {SyncClientError} the origin did not respond for a pool. The other pools were checked
 * @throws {EvidenceError} the origin's stream could not be read
 */
export async function checkOrigin(deps: CheckOriginDeps): Promise<CheckOriginOutcome> {
  const { store, origin, streams, now, onProblem } = deps;
  const at = now();
  const pools = (await store.listPools(at)).filter(({ finishedAt }) => finishedAt === null);
  const outcome: CheckOriginOutcome = { pools: pools.length, notFollowed: 0, withGap: 0, lagMs: null };
  outcome.withGap = pools.filter(({ gapSince }) => gapSince !== null).length;
  const report = (identityPoolId: string, problem: string) => {
    outcome.notFollowed += 1;
    onProblem(identityPoolId, problem);
  };
  const own = pools.filter(({ origin: name }) => name === origin.name);
  for (const { identityPoolId, origin: name } of pools.filter((pool) => !own.includes(pool)))
    report(identityPoolId, describeOtherOrigin(name, origin.name));
  if (own.length === 0) return outcome;
  const waiting = await readOldestWaiting(deps);
  if (waiting.arrivedAt !== null) outcome.lagMs = Math.max(at - waiting.arrivedAt, 0);
  else if (waiting.isConclusive) outcome.lagMs = 0;
  const upTo = at - MARGIN_MS;
  if (!waiting.isConclusive || (waiting.arrivedAt ?? upTo) < upTo) return outcome;
  const about = { upTo, retentionMs: await streams.readRetentionMs(origin.streamName) };
  const failures: unknown[] = [];
  for (const { identityPoolId } of own) {
    const problem = await checkFollowed(deps, identityPoolId, about).catch((error: unknown) => {
      failures.push(error);
      return null;
    });
    if (problem !== null) report(identityPoolId, problem);
  }
  // Thrown only now, so that all other pools are checked first.
  if (failures.length > 0) throw failures[0];
  return outcome;
}
