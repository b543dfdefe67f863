import type { SyncDependencies } from './dependencies.ts';

/**
 * Calls `afterWrite` with the event of a committed change and ignores its errors. The change is already committed, so
 * the caller receives the result of the change in any case. If `afterWrite` fails, the scheduled relay publishes the
 * event.
 *
 * @param outboxId null if the change has no event
 */
export async function afterCommit(
  outboxId: string | null,
  afterWrite: SyncDependencies['afterWrite'],
): Promise<void> {
  if (outboxId === null) return;
  try {
    await afterWrite(outboxId);
  } catch {
    // Nothing is lost: the scheduled relay finds the event in the outbox.
  }
}
