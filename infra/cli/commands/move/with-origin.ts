import { SyncClientError } from '../../../../lib/backfill/ports/sync-client.ts';
import { SetupError } from '../../../../lib/common/errors.ts';
import type { Origin } from '../../../../lib/move/ports/origin.ts';
import { describeOtherOrigin } from '../../../../lib/move/read-origin-settings.ts';
import type { CommandDeps } from '../../command.ts';

/** What a command does when it is run again after a failure. */
type AfterFailure = 'continues' | 'starts again';

/**
 * Opens the origin, from which the pool is migrated, runs `work` with it and closes it.
 *
 * @throws {SetupError} a request failed; the message says what to do
 */
export async function withOrigin(
  { openOrigin, progress }: Pick<CommandDeps, 'openOrigin' | 'progress'>,
  { identityPoolId, next = 'starts again' }: { identityPoolId: string; next?: AfterFailure },
  work: (origin: Origin) => Promise<void>,
): Promise<void> {
  const origin = await openOrigin(identityPoolId);
  try {
    await work(reportingRetries(origin, progress));
  } catch (error) {
    if (!(error instanceof SyncClientError)) throw error;
    throw new SetupError(describe(error, origin.name, { identityPoolId, next }), { cause: error });
  } finally {
    origin.close();
  }
}

/**
 * Reports the first failure of `readPool`, the request with which every command starts. The command then retries this
 * request for about a minute.
 */
function reportingRetries(origin: Origin, progress: CommandDeps['progress']): Origin {
  return {
    ...origin,
    readPool: (identityPoolId) =>
      origin.readPool(identityPoolId).catch((error: unknown) => {
        if (error instanceof SyncClientError && error.condition === 'unavailable')
          progress({ text: `the origin (${origin.name}) does not respond; trying again for about a minute` });
        throw error;
      }),
  };
}

/** @throws {SetupError} the pool was copied from another origin */
export function requireOrigin(origin: Pick<Origin, 'name'>, pool: { origin: string }): void {
  if (origin.name === pool.origin) return;
  throw new SetupError(describeOtherOrigin(pool.origin, origin.name));
}

function describe(
  { condition, message }: SyncClientError,
  name: string,
  { identityPoolId, next }: { identityPoolId: string; next: AfterFailure },
): string {
  const then = next === 'continues' ? 'it continues where it ended' : 'it starts again';
  const text = message.replaceAll(/\s+/g, ' ');
  switch (condition) {
    case 'not-found':
      return `the origin (${name}) has no identity pool ${identityPoolId}: ${text}`;
    case 'not-authorized':
      return `these credentials are not authorized at the origin (${name}): ${text}`;
    case 'credentials':
      return `the origin (${name}) cannot be called: ${text}; set ORIGIN_ACCESS_KEY_ID and ORIGIN_SECRET_ACCESS_KEY`;
    case 'throttled':
      return `the origin (${name}) is throttling requests: ${text}; run the command again with a lower --rate, ${then}`;
    case 'limit':
      return `a change exceeds a limit of the origin (${name}): ${text}`;
    case 'unavailable':
      return `the origin (${name}) cannot be reached: ${text}; check ORIGIN_ENDPOINT_URL and run the command again, ${then}`;
    case 'refused':
      return `the origin (${name}) rejected a request: ${text}`;
  }
}
