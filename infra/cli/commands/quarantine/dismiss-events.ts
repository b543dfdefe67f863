import { createQuarantineStore } from '../../../../lib/projection/store/quarantine-store.ts';
import type { CommandDeps } from '../../command.ts';
import { count } from '../../terminal/format.ts';
import { printJson } from '../../terminal/print-json.ts';
import { describeDismissed } from '../redrive/from-quarantine.ts';

/**
 * Dismisses events in quarantine, so that bulk publishes no longer wait for them. Ignores unknown ids and events that
 * were already projected or dismissed.
 */
export async function dismissEvents(
  { database, print }: CommandDeps,
  quarantineIds: readonly string[],
  { asJson }: { asJson: boolean },
): Promise<void> {
  const dismissed = await createQuarantineStore(database).dismiss(quarantineIds);
  if (asJson) printJson(print, { dismissed });
  else {
    if (dismissed > 0) print(describeDismissed(dismissed));
    const others = new Set(quarantineIds).size - dismissed;
    if (others > 0) print(describeNotWaiting(others));
  }
}

function describeNotWaiting(ids: number): string {
  return `Not dismissed: ${count(ids, 'id')}, because no event with such an id waits in quarantine. \`quarantine list\` lists the waiting events.`;
}
