import { setTimeout as sleep } from 'node:timers/promises';
import { SetupError } from '../../../../lib/common/errors.ts';
import { finishPool } from '../../../../lib/move/finish.ts';
import type { FinishReason } from '../../../../lib/move/finish-reasons.ts';
import type { FinishReport } from '../../../../lib/move/finish-report.ts';
import type { WaitingDataset } from '../../../../lib/move/ports/bridge-store.ts';
import { createBridgeReports } from '../../../../lib/move/store/bridge-reports.ts';
import { createFinishStore } from '../../../../lib/move/store/finish-store.ts';
import { createMoveStore } from '../../../../lib/move/store/move-store.ts';
import { createTakeOverStore } from '../../../../lib/move/store/take-over-store.ts';
import type { CommandDeps } from '../../command.ts';
import { count, durationText, isoOf, timeText } from '../../terminal/format.ts';
import { printJson } from '../../terminal/print-json.ts';
import { describeProblem } from './describe-problem.ts';
import { readCopiedPool } from './read-copied-pool.ts';
import { someOf } from './some-of.ts';
import { describeDifference } from './verify.ts';
import { requireOrigin, withOrigin } from './with-origin.ts';

interface FinishArguments {
  identityPoolId: string;
  quietForMs: number;
  maxCallsPerSecond: number;
  ignored: ReadonlySet<FinishReason>;
  isDryRun: boolean;
  asJson: boolean;
}

/** The lists of the report are printed below the line with their number. */
const indent = '    ';

/** Finishes the migration of a pool. @throws {SetupError} the migration is not finished; the message says why */
export async function finish(deps: CommandDeps, given: FinishArguments): Promise<void> {
  const { identityPoolId, quietForMs, asJson, ignored, isDryRun } = given;
  const { database, now, signal, print, progress } = deps;
  const store = createMoveStore(database, { offloading: deps.offloading, now });
  const pool = await readCopiedPool(store, identityPoolId, now());
  await withOrigin(deps, { identityPoolId }, async (origin) => {
    requireOrigin(origin, pool);
    const report = await finishPool(
      {
        origin,
        store,
        takeOvers: createTakeOverStore(database),
        bridge: createBridgeReports(database),
        finishes: createFinishStore(database),
        limits: deps.readLimits(),
        now,
        sleep: (ms) => sleep(ms, undefined, { signal }).catch(() => undefined),
        random: Math.random,
        maxCallsPerSecond: given.maxCallsPerSecond,
      },
      {
        pool,
        quietForMs,
        ignored,
        isDryRun,
        signal,
        onProgress: (step, done, total) =>
          progress({
            text: `${done} of ${count(total, 'identity', 'identities')} ${step}`,
            share: { done, total },
          }),
      },
    );
    if (asJson) printJson(print, toJson(given, origin.name, report));
    else for (const line of describe(given, report)) print(line);
    if (report.outcome === 'stopped') throw new SetupError('stopped; the migration is not finished');
    if (report.outcome === 'refused') {
      const reasons = report.reasons.filter((reason) => !ignored.has(reason) || reason === 'busy').join(', ');
      throw new SetupError(`the migration ${isDryRun ? 'would not be' : 'is not'} finished: ${reasons}`);
    }
  });
}

function toJson(
  { identityPoolId, quietForMs, ignored, isDryRun }: FinishArguments,
  origin: string,
  report: FinishReport,
) {
  const { outcome, reasons, takenOver, uncompared, left } = report;
  const { bridge } = left;
  return {
    identityPoolId,
    origin,
    outcome,
    reasons,
    ignored: [...ignored],
    isDryRun,
    quietForSeconds: quietForMs / 1_000,
    lastOldWrite: isoOf(report.lastOldWrite),
    finishedAt: isoOf(report.finishedAt),
    takenOver,
    uncompared,
    left: {
      replicas: left.replicas,
      notTakenOver: left.notTakenOver,
      waiting: bridge.marks,
      problems: bridge.byProblem,
      owedKeys: bridge.owedKeys,
      waitingDatasets: left.waiting,
      differences: left.differences,
      conflicts: bridge.conflicts,
      unknownLogins: left.unknownLogins,
      unknownLoginIdentities: left.unknownLoginIdentities,
    },
  };
}

const OUTCOMES: Record<FinishReport['outcome'], string> = {
  finished: 'the migration is finished',
  'already-finished': 'the migration was finished before',
  'would-finish': 'dry run: the migration would be finished',
  refused: 'the migration is not finished',
  stopped: 'stopped; the migration is not finished',
};

function describe(given: FinishArguments, report: FinishReport): string[] {
  const { outcome, reasons, left, finishedAt, lastOldWrite, takenOver, uncompared } = report;
  const { bridge, differences, notTakenOver, waiting, unknownLoginIdentities } = left;
  const problems = Object.entries(bridge.byProblem).map(([problem, datasets]) => `${problem}: ${datasets}`);
  return [
    `${given.identityPoolId}: ${OUTCOMES[outcome]}${finishedAt === null ? '' : ` (${timeText(finishedAt)})`}`,
    ...reasons.map(
      (reason) =>
        `  ${given.ignored.has(reason) ? 'ignored: ' : ''}${reason}: ${explain(reason, given, lastOldWrite)}`,
    ),
    `  last write by an old version of the app: ${lastOldWrite === null ? 'none known' : timeText(lastOldWrite)}`,
    `  ${count(takenOver, 'identity', 'identities')} taken over, ${uncompared} of them without a comparison, ${left.replicas} not taken over`,
    ...someOf(notTakenOver, describeProblem, { indent }),
    `  ${count(bridge.marks, 'dataset')} waiting for the bridge to the origin, ${count(bridge.owedKeys, 'key')} not written at the origin yet${problems.length === 0 ? '' : ` (${problems.join(', ')})`}`,
    ...someOf(waiting, describeWaiting, { indent, total: bridge.marks }),
    `  ${differences === null ? 'not compared with the origin' : count(differences.length, 'difference')}`,
    ...someOf(differences ?? [], describeDifference, { indent }),
    `  ${count(bridge.conflicts, 'decided conflict')} (see \`move conflicts\`)`,
    ...(left.unknownLogins === 0
      ? []
      : [
          `  ${count(left.unknownLogins, 'identity', 'identities')} with a login at the origin that is unknown here: after the end of the migration, a user with such a login gets a new identity`,
          ...someOf(unknownLoginIdentities, (id) => id, { indent, total: left.unknownLogins }),
        ]),
  ];
}

function describeWaiting({ identityId, datasetName, problem }: WaitingDataset): string {
  return `waiting: ${identityId} ${datasetName}${problem === null ? '' : ` (${problem})`}`;
}

function explain(
  reason: FinishReason,
  { identityPoolId, quietForMs }: FinishArguments,
  lastOldWrite: number | null,
): string {
  switch (reason) {
    case 'copy-incomplete':
      return `the last copy is not complete; run \`move copy --pool ${identityPoolId}\``;
    case 'events-missing':
      return 'events of the origin may have been lost; run `move copy`, which copies the changes again';
    case 'not-followed':
      return 'not all events of the origin are applied, so the time of the last write there is unknown; keep the service running, and try again later';
    case 'not-quiet':
      return lastOldWrite === null
        ? `no write by an old version of the app is known, so the period of ${durationText(quietForMs)} starts with the last copy; wait, or choose a shorter --quiet-for`
        : `an old version of the app wrote in the last ${durationText(quietForMs)}; wait, or choose a shorter --quiet-for`;
    case 'replicas':
      return 'some identities are not taken over: they could not be taken over, or were created while the command ran; run `move finish` again';
    case 'waiting':
      return 'the bridge has not written every change to the origin yet; `move status` counts the waiting datasets and their problems';
    case 'differences':
      return 'the two services have different values; run `move copy`, then `move verify`';
    case 'unknown-logins':
      return 'after the end of the migration, this service no longer asks the origin, so users whose logins were never used here would get new identities, without their data; wait until they have signed in here, or accept this with --ignore unknown-logins';
    case 'origin':
      return 'the origin did not respond; try again later';
    case 'busy':
      return 'another process works on the pool or an identity; try again later';
  }
}
