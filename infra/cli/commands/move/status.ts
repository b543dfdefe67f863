import { SetupError } from '../../../../lib/common/errors.ts';
import type { BridgeStore } from '../../../../lib/move/ports/bridge-store.ts';
import type { MovedCounts, MovingPool } from '../../../../lib/move/ports/move-store.ts';
import { createBridgeReports } from '../../../../lib/move/store/bridge-reports.ts';
import { createMoveStore } from '../../../../lib/move/store/move-store.ts';
import type { CommandDeps } from '../../command.ts';
import { isoOf, timeText } from '../../terminal/format.ts';
import { printJson } from '../../terminal/print-json.ts';

/** Reports on the pools that are being migrated. @throws {SetupError} the given pool was never copied */
export async function status(
  { database, now, print }: CommandDeps,
  { identityPoolId, asJson }: { identityPoolId: string | null; asJson: boolean },
): Promise<void> {
  const store = createMoveStore(database, { offloading: null, now });
  const pools = (await store.listPools(now())).filter(
    (pool) => identityPoolId === null || pool.identityPoolId === identityPoolId,
  );
  if (identityPoolId !== null && pools.length === 0) {
    throw new SetupError(`${identityPoolId} was never copied; run \`move copy --pool ${identityPoolId}\``);
  }
  const bridges = createBridgeReports(database);
  const reports: Report[] = [];
  for (const pool of pools) {
    const counts = await store.countIdentities(pool.identityPoolId, pool.startedAt);
    const bridge = await bridges.count(pool.identityPoolId);
    reports.push({ pool, counts, bridge });
  }
  if (asJson) printJson(print, { identityPools: reports.map(toJson) });
  else for (const line of reports.flatMap(describe)) print(line);
  if (reports.length === 0 && !asJson) print('No identity pool is being migrated.');
}

interface Report {
  pool: MovingPool;
  counts: MovedCounts;
  bridge: Awaited<ReturnType<BridgeStore['count']>>;
}

function toJson({ pool, counts, bridge }: Report) {
  const { identityPoolId, origin, progress, lease } = pool;
  return {
    identityPoolId,
    origin,
    phase: progress.phase,
    copyStartedAt: isoOf(pool.startedAt),
    copiedAt: isoOf(pool.copiedAt),
    identities: counts.identities,
    identitiesCopied: counts.copied,
    copied: progress.counts,
    followedUpTo: isoOf(pool.followedUpTo),
    caughtUpTo: isoOf(pool.caughtUpTo),
    lastOldWrite: isoOf(pool.lastOldWrite),
    eventsMissingSince: isoOf(pool.gapSince),
    takenOver: counts.takenOver,
    bridge: {
      datasets: bridge.datasets,
      bridged: bridge.datasets - Math.min(bridge.datasets, bridge.marks),
      waiting: bridge.marks,
      failing: bridge.problems,
      problems: bridge.byProblem,
      owedKeys: bridge.owedKeys,
      conflicts: bridge.conflicts,
    },
    verifiedAt: isoOf(pool.verifiedAt),
    differences: pool.differences,
    finishedAt: isoOf(pool.finishedAt),
    running: lease && { holder: lease.holder, until: isoOf(lease.until) },
  };
}

const PHASES = {
  usable: 'copy incomplete: listing identities',
  all: 'copy incomplete: listing disabled identities',
  data: 'copy incomplete: copying datasets',
  done: 'copied',
};

function problemsOf({ byProblem }: Report['bridge']): string {
  const problems = Object.entries(byProblem).map(([problem, datasets]) => `${problem}: ${datasets}`);
  return problems.length === 0 ? '' : ` (${problems.join(', ')})`;
}

function describe({ pool, counts, bridge }: Report): string[] {
  const { copiedAt, followedUpTo, gapSince, verifiedAt, differences, progress, lease } = pool;
  const { finishedAt, lastOldWrite } = pool;
  return [
    `${pool.identityPoolId} from ${pool.origin}`,
    `  ${PHASES[progress.phase]}${copiedAt === null ? '' : `, last complete copy ${timeText(copiedAt)}`}`,
    `  identities: ${counts.identities}, copied ${counts.copied}, taken over ${counts.takenOver}`,
    ...(counts.takenOver === 0
      ? []
      : [
          `  bridge: ${bridge.datasets} datasets compared since their takeover, ${bridge.marks} datasets wait, ${bridge.problems} of them failed${problemsOf(bridge)}, ${bridge.conflicts} conflicts decided`,
        ]),
    `  ${lastOldWrite === null ? 'no write of an old version known' : `last write of an old version ${timeText(lastOldWrite)}`}`,
    `  written by the copy: ${progress.counts.records} records of ${progress.counts.datasets} datasets`,
    `  ${followedUpTo === null ? 'no event of the origin applied yet' : `followed up to ${timeText(followedUpTo)}`}`,
    ...(gapSince === null
      ? []
      : [`  events may be missing since ${timeText(gapSince)}; run \`move copy\` to repair this`]),
    `  ${verifiedAt === null ? 'never verified' : `${differences} differences at ${timeText(verifiedAt)}`}`,
    ...(finishedAt === null ? [] : [`  finished ${timeText(finishedAt)}`]),
    ...(lease ? [`  running: ${lease.holder} lease until ${timeText(lease.until)}`] : []),
  ];
}
