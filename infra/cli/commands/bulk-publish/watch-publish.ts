import type { PollOutcome } from '../../../../lib/backfill/poll-model.ts';
import type { PublishRun } from '../../../../lib/backfill/publish-model.ts';
import { SetupError } from '../../../../lib/common/errors.ts';
import type { CommandDeps } from '../../command.ts';
import { describeRun, endOf } from './describe-run.ts';

export interface WatchDeps extends Pick<CommandDeps, 'now' | 'progress' | 'signal'> {
  /** Looks at the pool once. */
  poll: () => Promise<Pick<PollOutcome, 'failures'>>;
  /** The last bulk publish as it is kept; null where there is none. */
  readLast: () => Promise<PublishRun | null>;
  /** Ends early where the signal is aborted. */
  sleep: (ms: number) => Promise<unknown>;
}

/** Of a pool whose last bulk publish may have been over long ago. */
const INTERVAL_MS = 2_000;
/** For how long the service, or the stream, may be silent. The SDK has tried three times by then. */
const SILENCE_MS = 60_000;

/**
 * Follows the last bulk publish until it is in the query store, or never will be.
 *
 * @param timeoutMs null to wait as long as it takes
 * @returns the run as it ended: projected, failed, stalled or unknown
 * @throws {SetupError} there is none, the service cannot be asked, or the time is over
 */
export async function watchPublish(
  { poll, readLast, sleep, now, progress, signal }: WatchDeps,
  { identityPoolId, timeoutMs }: { identityPoolId: string; timeoutMs: number | null },
): Promise<PublishRun> {
  const startedAt = now();
  let answeredAt = startedAt;
  for (;;) {
    const { failures } = await poll();
    const failure = failures[0];
    const run = await readLast();
    if (failure) requirePatience(failure, now() - answeredAt);
    else {
      answeredAt = now();
      if (run === null) {
        throw new SetupError(`${identityPoolId} was never published; \`bulk-publish start\` does it`);
      }
      if (endOf(run) !== null) return run;
    }
    const waitsFor = run === null ? 'waiting for the service' : describeRun(run);
    progress({ text: failure ? `${waitsFor} (${failure.message})` : waitsFor });
    if (!signal.aborted && !isOver()) await sleep(INTERVAL_MS);
    if (signal.aborted) throw new SetupError('no longer watched; the bulk publish goes on');
    if (isOver()) throw new SetupError(`not projected after ${(timeoutMs ?? 0) / 1000} s: ${waitsFor}`);
  }

  function isOver(): boolean {
    return timeoutMs !== null && now() - startedAt >= timeoutMs;
  }
}

/** @throws {SetupError} it will not pass by itself, or has not */
function requirePatience({ condition, message }: PollOutcome['failures'][number], silentMs: number): void {
  const mayPass = condition === 'throttled' || condition === 'unavailable';
  if (mayPass && silentMs < SILENCE_MS) return;
  throw new SetupError(`nothing can be told of it: ${message.replaceAll(/\s+/g, ' ')}`);
}
