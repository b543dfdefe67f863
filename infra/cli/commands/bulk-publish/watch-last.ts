import { setTimeout as sleep } from 'node:timers/promises';
import { failureObjects } from '../../../../lib/aws/failure-objects.ts';
import { beganBeforeGapEnd } from '../../../../lib/backfill/needs-publish.ts';
import { createCountFailedBatches } from '../../../../lib/backfill/poll/count-failed-batches.ts';
import { pollBulkPublishes } from '../../../../lib/backfill/poll/poll-bulk-publishes.ts';
import type { PollDeps } from '../../../../lib/backfill/poll/poll-model.ts';
import type { OperatedService } from '../../../../lib/backfill/ports/operated-service.ts';
import { createPublishStore } from '../../../../lib/backfill/store/publish-store.ts';
import { createStatusStore } from '../../../../lib/backfill/store/status-store.ts';
import { SetupError } from '../../../../lib/common/errors.ts';
import { createRedrivenObjects } from '../../../../lib/projection/store/redriven-objects.ts';
import type { CommandDeps } from '../../command.ts';
import { printJson } from '../../terminal/print-json.ts';
import { withService } from '../../with-service.ts';
import { describeRun, endOf, runToJson } from './describe-run.ts';
import { watchPublish } from './watch-publish.ts';

interface WatchOptions {
  identityPoolId: string;
  timeoutMs: number | null;
  asJson: boolean;
}

/** Time limit of one poll. */
const BUDGET_MS = 30_000;

/**
 * Watches the last bulk publish of a pool until it ends. The command itself polls the service, so it works even if no
 * poller runs on a schedule.
 * @throws {SetupError} the bulk publish did not reach the query store completely, or its state is unknown
 */
export async function watchLast(
  deps: CommandDeps,
  { identityPoolId, timeoutMs, asJson }: WatchOptions,
): Promise<void> {
  const { database, openService, print, now, progress, signal } = deps;
  const run = await withService(openService, identityPoolId, async (service) => {
    const poll = toPollDeps(deps, service, identityPoolId);
    // If the pool does not exist, this request fails with a clear message.
    await service.api.readStreaming(identityPoolId);
    return watchPublish(
      {
        poll: () => pollBulkPublishes(poll),
        readLast: async () => (await createPublishStore(database).readRuns(identityPoolId))[0] ?? null,
        sleep: (ms) => sleep(ms, undefined, { signal }).catch(() => undefined),
        now,
        progress,
        signal,
      },
      { identityPoolId, timeoutMs },
    );
  });
  const gaps = await createStatusStore(database).readGaps();
  const ofPool = gaps.filter((gap) => gap.identityPoolId === identityPoolId);
  const mayLack = beganBeforeGapEnd(run, ofPool);
  if (asJson) printJson(print, { identityPoolId, ...runToJson(run), beganBeforeGapEnd: mayLack });
  if (endOf(run) !== 'projected') throw new SetupError(`${identityPoolId}: ${describeRun(run)}`);
  if (mayLack) {
    throw new SetupError(
      `${identityPoolId}: ${describeRun(run)}; it started before the pool's last gap ended (a time in which events may have been lost), so identities that were created during the gap may be missing; after the end of the gap, run \`bulk-publish start --pool ${identityPoolId}\``,
    );
  }
  if (!asJson) print(`${identityPoolId}: ${describeRun(run)}`);
}

/**
 * Returns the dependencies of a poll.
 * @throws {SetupError} FAILURE_DESTINATION is not set. Without it, the poll cannot find the batches that failed, so the
 * bulk publish would count as projected even if some of its events failed
 */
function toPollDeps(
  { database, now }: CommandDeps,
  { api, streams, failures, parallelizationFactor }: OperatedService,
  identityPoolId: string,
): PollDeps {
  if (failures === null) {
    throw new SetupError(
      'FAILURE_DESTINATION is not set; set it to the failure destination of the event source mapping, s3://bucket/prefix or a directory',
    );
  }
  const redriven = createRedrivenObjects(database);
  return {
    api,
    store: createPublishStore(database),
    streams,
    countFailedBatches: createCountFailedBatches({
      listFailureObjects: () => failureObjects(failures),
      redriven,
    }),
    policy: { kind: 'off' },
    identityPoolIds: [identityPoolId],
    // Null polls the pool regardless of the stream that it uses, because the operator named this pool.
    streamName: null,
    keepsStreaming: false,
    parallelizationFactor,
    timeBudgetMs: BUDGET_MS,
    now,
  };
}
