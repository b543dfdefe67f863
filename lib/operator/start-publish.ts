import { SetupError } from '../errors.ts';
import type { CommandDeps } from './command.ts';
import { withService } from './operated-service.ts';
import { isoOf, timeText } from './words.ts';

/** Source: Amazon Cognito Sync API Reference, AlreadyStreamedException. */
const REST_MS = 24 * 60 * 60 * 1000;

/**
 * Starts a bulk publish, or says why there is none to be started. One that is in progress will do.
 * @throws {SetupError} the service refuses it, such as one that it did less than 24 hours ago
 */
export async function startPublish(
  { openService, print }: CommandDeps,
  { identityPoolId, asJson }: { identityPoolId: string; asJson: boolean },
): Promise<void> {
  await withService(openService, identityPoolId, async ({ api }) => {
    if (!(await api.readStreaming(identityPoolId)).isEnabled) {
      throw new SetupError(`${identityPoolId} does not stream; \`connect\` turns its stream on`);
    }
    const answer = await api.startPublish(identityPoolId);
    const { startedAt, completedAt } = await api.readPublishDetails(identityPoolId);
    const isRefused = answer === 'published-less-than-a-day-ago';
    const nextAllowedAt = isRefused && completedAt !== null ? completedAt + REST_MS : null;
    if (asJson) {
      const times = { startedAt: isoOf(startedAt), nextAllowedAt: isoOf(nextAllowedAt) };
      print(JSON.stringify({ identityPoolId, answer, ...times }));
    }
    if (isRefused) {
      throw new SetupError(
        nextAllowedAt === null
          ? `${identityPoolId} was published less than 24 hours ago`
          : `${identityPoolId} was published less than 24 hours ago; the next bulk publish is allowed at ${timeText(nextAllowedAt)}`,
      );
    }
    if (asJson) return;
    const since =
      startedAt === null ? '' : ` ${answer === 'started' ? 'at' : 'since'} ${timeText(startedAt)}`;
    print(`${identityPoolId}: ${answer === 'started' ? 'started' : 'in progress'}${since}`);
  });
}
