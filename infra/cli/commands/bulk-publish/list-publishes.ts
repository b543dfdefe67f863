import { followRuns } from '../../../../lib/backfill/follow-run.ts';
import type { PublishRun } from '../../../../lib/backfill/publish-model.ts';
import { createPublishStore } from '../../../../lib/backfill/store/publish-store.ts';
import type { CommandDeps } from '../../command.ts';
import { printJson } from '../../terminal/print-json.ts';
import { withService } from '../../with-service.ts';
import { describeRun, runToJson } from './describe-run.ts';

const SHOWN = 10;

/**
 * Lists the last bulk publishes of a pool, newest first. The list shows for each whether all its datasets are in the
 * query store.
 * @throws {SetupError} a request to the service failed
 */
export async function listPublishes(
  { database, openService, print, now }: CommandDeps,
  { identityPoolId, asJson }: { identityPoolId: string; asJson: boolean },
): Promise<void> {
  const stored = await createPublishStore(database).readRuns(identityPoolId);
  const fresh = await withService(openService, identityPoolId, async ({ api }) => {
    const { streamName } = await api.readStreaming(identityPoolId);
    const details = await api.readPublishDetails(identityPoolId);
    return followRuns(stored, { identityPoolId, details, streamName, now: now() });
  });
  const runs = newestFirst([...stored, ...fresh]).slice(0, SHOWN);
  if (asJson) {
    printJson(print, { identityPoolId, bulkPublishes: runs.map(runToJson) });
    return;
  }
  print(identityPoolId);
  for (const run of runs) print(`  ${describeRun(run)}`);
  if (runs.length === 0) print('  was never published');
}

/**
 * Sorts bulk publishes by start time, newest first. Entries with the same start time are the same bulk publish. Of
 * these, only the last entry is returned, because it has the newest state.
 */
function newestFirst(runs: readonly PublishRun[]): PublishRun[] {
  const byStart = new Map(runs.map((run) => [run.startedAt, run]));
  return [...byStart.values()].sort((one, other) => other.startedAt - one.startedAt);
}
