import { setTimeout as sleep } from 'node:timers/promises';
import { needsPublishAfter } from '../../../lib/backfill/needs-publish.ts';
import {
  type ReconcileOutcome,
  reconcile as reconcilePool,
} from '../../../lib/backfill/reconcile/reconcile.ts';
import { createPublishStore } from '../../../lib/backfill/store/publish-store.ts';
import { createReconcileStore } from '../../../lib/backfill/store/reconcile-store.ts';
import { createStatusStore } from '../../../lib/backfill/store/status-store.ts';
import { SetupError } from '../../../lib/common/errors.ts';
import { createQueryStore } from '../../../lib/projection/store/query-store.ts';
import { readNumber, readOptions, readPool } from '../arguments.ts';
import type { Command, CommandDeps } from '../command.ts';
import { count, isoOf } from '../terminal/format.ts';
import { printJson } from '../terminal/print-json.ts';
import { describeFailure, withService } from '../with-service.ts';
import { describePublishNeeded } from './bulk-publish/describe-run.ts';

interface ReconcileArguments {
  identityPoolId: string;
  maxCallsPerSecond: number | undefined;
  restarts: boolean;
  asJson: boolean;
}

const STOPPED = 'stopped; repairs made so far are kept, and the next run continues where this one stopped';

/** Compares the query store with the service for one pool and repairs the differences. */
export const reconcile: Command = {
  stopped: STOPPED,
  prepare(args) {
    const values = readOptions('reconcile', args, {
      pool: { type: 'string' },
      rate: { type: 'string' },
      restart: { type: 'boolean', default: false },
    });
    const { pool, rate, restart: restarts, json: asJson } = values;
    const identityPoolId = readPool('reconcile', pool);
    const maxCallsPerSecond =
      rate === undefined ? undefined : readNumber('--rate', rate, { min: 1, max: 1_000 });
    return (deps) => run({ identityPoolId, maxCallsPerSecond, restarts, asJson }, deps);
  },
};

/**
 * Maximum number of skipped datasets whose names are printed. If more datasets are skipped, only their number is
 * printed.
 */
const SKIPPED_NAMED = 20;

/** Runs the comparison and prints its result. @throws {SetupError} the comparison did not finish */
async function run(
  { identityPoolId, maxCallsPerSecond, restarts, asJson }: ReconcileArguments,
  deps: CommandDeps,
): Promise<void> {
  const { database, projection, openService, print, progress, signal, now } = deps;
  const skipped: { identityId: string; datasetName: string; reason: string }[] = [];
  const { outcome, failure } = await withService(openService, identityPoolId, async (service) => {
    const ended = await reconcilePool(
      {
        api: service.api,
        store: { ...createQueryStore(projection), ...createReconcileStore(database) },
        now,
        sleep: (ms) => sleep(ms, undefined, { signal }).catch(() => undefined),
        ...(maxCallsPerSecond !== undefined && { maxCallsPerSecond }),
      },
      {
        identityPoolId,
        restart: restarts,
        signal,
        onProgress: ({ compared, repaired, total }) =>
          progress({
            text: `${compared} of ${count(total, 'dataset')} compared, ${repaired} repaired`,
            share: { done: compared, total },
          }),
        onSkipped: ({ identityId, datasetName }, reason) => {
          if (skipped.length < SKIPPED_NAMED) skipped.push({ identityId, datasetName, reason });
        },
      },
    );
    return { outcome: ended, failure: failureOf(ended, service, identityPoolId) };
  });
  const after = await readNeed(database, identityPoolId);
  if (asJson) printJson(print, toJson(identityPoolId, outcome, skipped, after));
  else for (const line of describe(identityPoolId, outcome, skipped, after)) print(line);
  if (failure !== null) throw new SetupError(failure);
}

async function readNeed(database: CommandDeps['database'], identityPoolId: string): Promise<number | null> {
  const gaps = await createStatusStore(database).readGaps();
  const ofPool = gaps.filter((gap) => gap.identityPoolId === identityPoolId);
  return needsPublishAfter(ofPool, await createPublishStore(database).readRuns(identityPoolId));
}

function failureOf(
  { end, message, startedAt }: ReconcileOutcome,
  service: { name: string },
  identityPoolId: string,
): string | null {
  if (end === 'finished') return null;
  if (end === 'stopped') return STOPPED;
  const why = describeFailure({ condition: end, message: message ?? end }, service, identityPoolId);
  return startedAt === null ? why : `${why}; the next run continues where this one ended`;
}

type Skipped = readonly { identityId: string; datasetName: string; reason: string }[];

function describe(
  identityPoolId: string,
  outcome: ReconcileOutcome,
  named: Skipped,
  after: number | null,
): string[] {
  const { compared, total, repaired, skipped, leftOut, gapsRepaired, isStreaming, startedAt } = outcome;
  if (startedAt === null) return [];
  return [
    `${identityPoolId}: ${compared} of ${count(total, 'dataset')} compared, ${repaired} repaired`,
    ...named.map(
      ({ identityId, datasetName, reason }) => `  skipped (${reason}): ${identityId} ${datasetName}`,
    ),
    ...(skipped > named.length ? [`  and ${skipped - named.length} more skipped`] : []),
    ...(leftOut > 0 ? [`  ${count(leftOut, 'record')} left out, because SQL text cannot store them`] : []),
    ...(gapsRepaired > 0
      ? [`  ${count(gapsRepaired, 'gap')} repaired (times in which removals may have been lost)`]
      : []),
    ...(isStreaming
      ? []
      : ['  The pool does not stream, so the query store will not receive later changes.']),
    ...(after === null ? [] : [`  ${describePublishNeeded(identityPoolId, after)}`]),
  ];
}

function toJson(identityPoolId: string, outcome: ReconcileOutcome, named: Skipped, after: number | null) {
  const { startedAt, ...counts } = outcome;
  const times = { startedAt: isoOf(startedAt), bulkPublishNeededAfter: isoOf(after) };
  return { identityPoolId, ...counts, ...times, skippedDatasets: named };
}
