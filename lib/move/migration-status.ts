import type { BridgeCounts, BridgeStore } from './ports/bridge-store.ts';
import type { CopyCounts, CopyProgress, MovedCounts, MoveStore, MovingPool } from './ports/move-store.ts';

/** What is known of the migration of a pool. */
export interface MigrationReport {
  pool: MovingPool;
  moved: MovedCounts;
  bridge: BridgeCounts;
  /** Whether only a part was counted, so that the numbers of identities and those of the bridge can be too small. */
  isPartial: boolean;
}

/** The report in the form that programs read: `move status --json` and the query API. */
export interface MigrationStatus {
  identityPoolId: string;
  origin: string;
  phase: CopyProgress['phase'];
  copyStartedAt: Date;
  copiedAt: Date | null;
  identities: number;
  identitiesCopied: number;
  copied: CopyCounts;
  followedUpTo: Date | null;
  caughtUpTo: Date | null;
  lastOldWrite: Date | null;
  eventsMissingSince: Date | null;
  takenOver: number;
  bridge: {
    datasets: number;
    bridged: number;
    waiting: number;
    failing: number;
    problems: Record<string, number>;
    owedKeys: number;
    conflicts: number;
  };
  countsAreMinimums: boolean;
  verifiedAt: Date | null;
  differences: number | null;
  finishedAt: Date | null;
  running: { holder: string; until: Date } | null;
}

interface Stores {
  move: Pick<MoveStore, 'countIdentities'>;
  bridges: Pick<BridgeStore, 'count'>;
}

/**
 * Reads what is known of the migration of a pool.
 *
 * @param maxRows if given, only so many identities, waiting datasets and conflicts are counted, so that the cost does not
 *   depend on the size of the pool
 */
export async function readMigration(
  pool: MovingPool,
  { move, bridges }: Stores,
  maxRows?: number,
): Promise<MigrationReport> {
  const moved = await move.countIdentities(pool.identityPoolId, pool.startedAt, maxRows);
  const bridge = await bridges.count(pool.identityPoolId, maxRows);
  const counted = Math.max(moved.identities, bridge.marks, bridge.conflicts);
  return { pool, moved, bridge, isPartial: maxRows !== undefined && counted >= maxRows };
}

/** Converts a report to the form that programs read. */
export function toMigrationStatus({ pool, moved, bridge, isPartial }: MigrationReport): MigrationStatus {
  const { identityPoolId, origin, progress, lease } = pool;
  return {
    identityPoolId,
    origin,
    phase: progress.phase,
    copyStartedAt: new Date(pool.startedAt),
    copiedAt: dateOf(pool.copiedAt),
    identities: moved.identities,
    identitiesCopied: moved.copied,
    copied: progress.counts,
    followedUpTo: dateOf(pool.followedUpTo),
    caughtUpTo: dateOf(pool.caughtUpTo),
    lastOldWrite: dateOf(pool.lastOldWrite),
    eventsMissingSince: dateOf(pool.gapSince),
    takenOver: moved.takenOver,
    bridge: {
      datasets: bridge.datasets,
      bridged: bridge.datasets - Math.min(bridge.datasets, bridge.marks),
      waiting: bridge.marks,
      failing: bridge.problems,
      problems: bridge.byProblem,
      owedKeys: bridge.owedKeys,
      conflicts: bridge.conflicts,
    },
    countsAreMinimums: isPartial,
    verifiedAt: dateOf(pool.verifiedAt),
    differences: pool.differences,
    finishedAt: dateOf(pool.finishedAt),
    running: lease && { holder: lease.holder, until: new Date(lease.until) },
  };
}

function dateOf(time: number | null): Date | null {
  return time === null ? null : new Date(time);
}
