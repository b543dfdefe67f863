import type { SyncDependencies } from './dependencies.ts';

/** The change is committed: whatever the nudge comes to, the caller is told so. The schedule finds the event, too. */
export async function afterCommit(
  outboxId: string | null,
  afterWrite: SyncDependencies['afterWrite'],
): Promise<void> {
  if (outboxId === null) return;
  try {
    await afterWrite(outboxId);
  } catch {
    // Nothing is lost by it.
  }
}
