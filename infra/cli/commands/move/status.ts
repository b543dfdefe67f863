import { SetupError } from '../../../../lib/common/errors.ts';
import {
  type MigrationReport,
  readMigration,
  toMigrationStatus,
} from '../../../../lib/move/migration-status.ts';
import { createBridgeReports } from '../../../../lib/move/store/bridge-reports.ts';
import { createMoveStore } from '../../../../lib/move/store/move-store.ts';
import type { CommandDeps } from '../../command.ts';
import { timeText } from '../../terminal/format.ts';
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
  const stores = { move: store, bridges: createBridgeReports(database) };
  const reports: MigrationReport[] = [];
  for (const pool of pools) reports.push(await readMigration(pool, stores));
  if (asJson) printJson(print, { identityPools: reports.map(toMigrationStatus) });
  else for (const line of reports.flatMap(describe)) print(line);
  if (reports.length === 0 && !asJson) print('No identity pool is being migrated.');
}

const PHASES = {
  usable: 'copy incomplete: listing identities',
  all: 'copy incomplete: listing disabled identities',
  data: 'copy incomplete: copying datasets',
  done: 'copied',
};

function problemsOf({ byProblem }: MigrationReport['bridge']): string {
  const problems = Object.entries(byProblem).map(([problem, datasets]) => `${problem}: ${datasets}`);
  return problems.length === 0 ? '' : ` (${problems.join(', ')})`;
}

function describe({ pool, moved, bridge }: MigrationReport): string[] {
  const { copiedAt, followedUpTo, gapSince, verifiedAt, differences, progress, lease } = pool;
  const { finishedAt, lastOldWrite } = pool;
  return [
    `${pool.identityPoolId} from ${pool.origin}`,
    `  ${PHASES[progress.phase]}${copiedAt === null ? '' : `, last complete copy ${timeText(copiedAt)}`}`,
    `  identities: ${moved.identities}; taken over: ${moved.takenOver}; compared by the last copy: ${moved.copied}, without those taken over before`,
    ...(moved.takenOver === 0
      ? []
      : [
          `  bridge: ${bridge.datasets} datasets compared since their takeover, ${bridge.marks} datasets waiting for the next comparison with the origin, ${bridge.problems} of these failed${problemsOf(bridge)}, ${bridge.conflicts} conflicts decided`,
        ]),
    `  ${lastOldWrite === null ? 'no write by an old version of the app known' : `last write by an old version of the app ${timeText(lastOldWrite)}`}`,
    `  written by the copy: ${progress.counts.records} records of ${progress.counts.datasets} datasets`,
    `  ${followedUpTo === null ? 'no event of the origin applied yet' : `last applied event of the origin arrived ${timeText(followedUpTo)}`}`,
    ...(gapSince === null
      ? []
      : [
          `  events of the origin may be missing since ${timeText(gapSince)}; run \`move copy\` to copy their changes`,
        ]),
    `  ${verifiedAt === null ? 'never compared with the origin by `move verify`' : `${differences} differences found by \`move verify\` at ${timeText(verifiedAt)}`}`,
    ...(finishedAt === null ? [] : [`  finished ${timeText(finishedAt)}`]),
    ...(lease ? [`  running: ${lease.holder} with a lease until ${timeText(lease.until)}`] : []),
  ];
}
