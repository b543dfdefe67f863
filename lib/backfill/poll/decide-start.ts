import type { PublishPolicy } from '../../common/function-settings.ts';
import type { PublishRun } from '../publish-model.ts';

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

/**
 * Decides whether the policy requires a bulk publish now. After a failed bulk publish, the next bulk publish starts an
 * hour later at the earliest. Each further failure doubles the waiting time, up to a day.
 *
 * @param runs all bulk publishes of the pool, in any order, including the last bulk publish that the service reports
 * @param now epoch milliseconds
 */
export function decideStart(
  policy: PublishPolicy,
  { isEnabled, runs }: { isEnabled: boolean; runs: readonly PublishRun[] },
  now: number,
): boolean {
  if (policy.kind === 'off' || !isEnabled) return false;
  if (runs.some(({ status }) => status === 'IN_PROGRESS')) return false;
  const success = newest(runs.filter(({ status }) => status === 'SUCCEEDED'));
  if (success && policy.kind === 'first') return false;
  if (success && policy.kind === 'every' && now - endOf(success) < policy.days * DAY_MS) return false;
  const failures = runs.filter(
    ({ status, startedAt }) => status === 'FAILED' && startedAt > (success?.startedAt ?? 0),
  );
  const failure = newest(failures);
  return failure === null || now - failure.checkedAt >= backoffMs(failures.length);
}

function backoffMs(failures: number): number {
  return Math.min(HOUR_MS * 2 ** (failures - 1), DAY_MS);
}

function newest(runs: readonly PublishRun[]): PublishRun | null {
  return runs.reduce<PublishRun | null>(
    (last, run) => (last === null || run.startedAt > last.startedAt ? run : last),
    null,
  );
}

function endOf({ completedAt, startedAt }: PublishRun): number {
  return completedAt ?? startedAt;
}
