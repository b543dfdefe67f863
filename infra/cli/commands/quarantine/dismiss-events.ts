import { createQuarantineStore } from '../../../../lib/projection/store/quarantine-store.ts';
import type { CommandDeps } from '../../command.ts';
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
  else print(describeDismissed(dismissed));
}
