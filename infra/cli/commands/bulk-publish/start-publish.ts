import { followRuns } from '../../../../lib/backfill/follow-run.ts';
import type { PublishDetails } from '../../../../lib/backfill/ports/sync-client.ts';
import { createPublishStore } from '../../../../lib/backfill/store/publish-store.ts';
import { SetupError } from '../../../../lib/common/errors.ts';
import type { CommandDeps } from '../../command.ts';
import { isoOf, timeText } from '../../terminal/format.ts';
import { printJson } from '../../terminal/print-json.ts';
import { withService } from '../../with-service.ts';

/** Minimum time between two bulk publishes. Source: Amazon Cognito Sync API Reference, AlreadyStreamedException. */
const MIN_INTERVAL_MS = 24 * 60 * 60 * 1000;

/**
 * Starts a bulk publish. If a bulk publish is already in progress, reports that one instead. The name of the pool's
 * stream is stored with the bulk publish that was started, because the pool may use another stream later.
 * @throws {SetupError} the service rejects the request, for example less than 24 hours after the last bulk publish
 */
export async function startPublish(
  deps: CommandDeps,
  { identityPoolId, asJson }: { identityPoolId: string; asJson: boolean },
): Promise<void> {
  const { openService, print } = deps;
  await withService(openService, identityPoolId, async ({ api }) => {
    const { isEnabled, streamName } = await api.readStreaming(identityPoolId);
    if (!isEnabled) {
      throw new SetupError(`${identityPoolId} does not stream; run \`connect\` to turn its stream on`);
    }
    const answer = await api.startPublish(identityPoolId);
    const details = await api.readPublishDetails(identityPoolId);
    if (answer === 'started') await saveRun(deps, { identityPoolId, streamName, details });
    const { startedAt, completedAt } = details;
    const isRefused = answer === 'published-less-than-a-day-ago';
    const nextAllowedAt = isRefused && completedAt !== null ? completedAt + MIN_INTERVAL_MS : null;
    if (asJson) {
      const times = { startedAt: isoOf(startedAt), nextAllowedAt: isoOf(nextAllowedAt) };
      printJson(print, { identityPoolId, answer, ...times });
    }
    if (isRefused) {
      throw new SetupError(
        nextAllowedAt === null
          ? `${identityPoolId} was published less than 24 hours ago; try again later`
          : `${identityPoolId} was published less than 24 hours ago; the next bulk publish is allowed at ${timeText(nextAllowedAt)}`,
      );
    }
    if (asJson) return;
    const since =
      startedAt === null ? '' : ` ${answer === 'started' ? 'at' : 'since'} ${timeText(startedAt)}`;
    print(`${identityPoolId}: ${answer === 'started' ? 'started' : 'in progress'}${since}`);
  });
}

async function saveRun(
  { database, now }: CommandDeps,
  run: { identityPoolId: string; streamName: string | null; details: PublishDetails },
): Promise<void> {
  const store = createPublishStore(database);
  const changed = followRuns(await store.readRuns(run.identityPoolId), { ...run, now: now() });
  for (const each of changed) await store.saveRun(each);
}
