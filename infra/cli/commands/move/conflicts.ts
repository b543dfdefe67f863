import type { ListedConflict } from '../../../../lib/move/ports/bridge-store.ts';
import { createBridgeReports } from '../../../../lib/move/store/bridge-reports.ts';
import type { CommandDeps } from '../../command.ts';
import { isoOf, timeText } from '../../terminal/format.ts';

const PAGE = 500;

/**
 * Lists the decided conflicts of a pool, oldest first: changes that the other side's change has overwritten. Because
 * there can be many, even `asJson` prints one JSON object per line and not one array.
 */
export async function conflicts(
  { database, print, signal }: CommandDeps,
  { identityPoolId, asJson }: { identityPoolId: string; asJson: boolean },
): Promise<void> {
  const reports = createBridgeReports(database);
  let after: string | null = null;
  let isEmpty = true;
  do {
    const page: Awaited<ReturnType<typeof reports.listConflicts>> = await reports.listConflicts(
      identityPoolId,
      { after, limit: PAGE },
    );
    for (const conflict of page.conflicts)
      print(asJson ? JSON.stringify(toJson(conflict)) : describe(conflict));
    isEmpty &&= page.conflicts.length === 0;
    after = page.next;
  } while (after !== null && !signal.aborted);
  if (isEmpty && !asJson) print(`${identityPoolId}: no conflicts`);
}

function toJson({ hereMs, thereMs, decidedAt, ...conflict }: ListedConflict) {
  return { ...conflict, here: isoOf(hereMs), there: isoOf(thereMs), decidedAt: isoOf(decidedAt) };
}

function describe({ identityId, datasetName, key, kind, winner, decidedAt }: ListedConflict): string {
  const what = key === null ? 'the whole dataset' : JSON.stringify(key);
  const kept = winner === 'here' ? 'kept the value of this service' : "kept the origin's value";
  return `${timeText(decidedAt)}  ${identityId} ${datasetName} ${what}: ${kind}, ${kept}`;
}
