import type { PollOutcome } from '../../../../lib/backfill/poll/poll-model.ts';
import type { PublishRun } from '../../../../lib/backfill/publish-model.ts';
import { SetupError } from '../../../../lib/common/errors.ts';
import type { CommandDeps } from '../../command.ts';
import { describeRun, endOf } from './describe-run.ts';

export interface WatchDeps extends Pick<CommandDeps, 'now' | 'progress' | 'signal'> {
  /** Polls the pool once. */
  poll: () => Promise<Pick<PollOutcome, 'failures'>>;
  /** Reads the last stored bulk publish; null if the pool was never published. */
  readLast: () => Promise<PublishRun | null>;
  /** Resolves early if the signal is aborted. */
  sleep: (ms: number) => Promise<unknown>;
}

/** Time between two polls. */
const INTERVAL_MS = 2_000;
/** Watching fails if no poll succeeds for this long. By then, the SDK has made three attempts. */
const SILENCE_MS = 60_000;

/**
 * Polls the last bulk publish until all its datasets are in the query store, or until it is certain that they will not
 * arrive. If the bulk publish has already ended, the first successful poll is sufficient.
 *
 * @param timeoutMs null to wait indefinitely
 * @returns the ended run: projected, failed, stalled or unknown
 * @throws {SetupError} there is no bulk publish, the service cannot be polled, or the timeout has elapsed
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
    if (failure) requireTransient(failure, now() - answeredAt);
    else {
      answeredAt = now();
      if (run === null) {
        throw new SetupError(`${identityPoolId} was never published; run \`bulk-publish start\``);
      }
      if (endOf(run) !== null) return run;
    }
    const waitsFor = run === null ? 'waiting for the service' : describeRun(run);
    progress({ text: failure ? `${waitsFor} (${failure.message})` : waitsFor });
    if (!signal.aborted && !hasTimedOut()) await sleep(INTERVAL_MS);
    if (signal.aborted) throw new SetupError('stopped watching; the bulk publish continues');
    if (hasTimedOut())
      throw new SetupError(
        `the bulk publish is not projected after ${(timeoutMs ?? 0) / 1000} s: ${waitsFor}`,
      );
  }

  function hasTimedOut(): boolean {
    return timeoutMs !== null && now() - startedAt >= timeoutMs;
  }
}

/**
 * Does nothing if the failed poll can be retried.
 * @param silentMs time since the last successful poll
 * @throws {SetupError} the failure is permanent, or polls have failed for too long
 */
function requireTransient({ condition, message }: PollOutcome['failures'][number], silentMs: number): void {
  const isTransient = condition === 'throttled' || condition === 'unavailable';
  if (isTransient && silentMs < SILENCE_MS) return;
  throw new SetupError(`the state of the bulk publish is unknown: ${message.replaceAll(/\s+/g, ' ')}`);
}
