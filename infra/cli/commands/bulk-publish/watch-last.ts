import { setTimeout as sleep } from 'node:timers/promises';
import { failureObjects } from '../../../../lib/aws/failure-objects.ts';
import { createCountFailedBatches } from '../../../../lib/backfill/count-failed-batches.ts';
import { beganBeforeGapEnd } from '../../../../lib/backfill/needs-publish.ts';
import type { OperatedService } from '../../../../lib/backfill/operated-service.ts';
import { pollBulkPublishes } from '../../../../lib/backfill/poll-bulk-publishes.ts';
import type { PollDeps } from '../../../../lib/backfill/poll-model.ts';
import { createPublishStore } from '../../../../lib/backfill/store/publish-store.ts';
import { createStatusStore } from '../../../../lib/backfill/store/status-store.ts';
import { SetupError } from '../../../../lib/common/errors.ts';
import { createRedrivenObjects } from '../../../../lib/projection/store/redriven-objects.ts';
import type { CommandDeps } from '../../command.ts';
import { withService } from '../../operated-service.ts';
import { describeRun, endOf, runToJson } from './describe-run.ts';
import { watchPublish } from './watch-publish.ts';

interface WatchOptions {
  identityPoolId: string;
  timeoutMs: number | null;
  asJson: boolean;
}

/** One look may take so long. */
const BUDGET_MS = 30_000;

/**
 * Follows the last bulk publish of a pool; asks the service itself, so that no poller has to run.
 * @throws {SetupError} it did not end in the query store, or that cannot be told
 */
export async function watchLast(
  deps: CommandDeps,
  { identityPoolId, timeoutMs, asJson }: WatchOptions,
): Promise<void> {
  const { database, openService, print, now, progress, signal } = deps;
  const run = await withService(openService, identityPoolId, async (service) => {
    const poll = toPollDeps(deps, service, identityPoolId);
    // Says in words of its own that there is no such pool.
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
  if (asJson) print(JSON.stringify({ identityPoolId, ...runToJson(run), beganBeforeGapEnd: mayLack }));
  if (endOf(run) !== 'projected') throw new SetupError(`${identityPoolId}: ${describeRun(run)}`);
  if (mayLack) {
    throw new SetupError(
      `${identityPoolId}: ${describeRun(run)}; but it began before the end of the pool's last gap, and may lack who came in it: another one is needed once the gap is over, \`bulk-publish start --pool ${identityPoolId}\``,
    );
  }
  if (!asJson) print(`${identityPoolId}: ${describeRun(run)}`);
}

/** @throws {SetupError} nobody has said where failed batches are: what lies there would be taken for projected */
function toPollDeps(
  { database, now }: CommandDeps,
  { api, streams, failures, parallelizationFactor }: OperatedService,
  identityPoolId: string,
): PollDeps {
  if (failures === null) {
    throw new SetupError(
      'FAILURES is not set; it is where the event source mapping puts what it gives up, s3://bucket/prefix or a directory',
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
    // Somebody has asked for this pool, wherever it streams to.
    streamName: null,
    keepsStreaming: false,
    parallelizationFactor,
    timeBudgetMs: BUDGET_MS,
    now,
  };
}
