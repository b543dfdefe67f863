import { toSafeLine } from '../../../../lib/common/text.ts';
import type { ListedConflict } from '../../../../lib/move/ports/bridge-store.ts';
import { createBridgeReports } from '../../../../lib/move/store/bridge-reports.ts';
import { createMoveStore } from '../../../../lib/move/store/move-store.ts';
import type { CommandDeps } from '../../command.ts';
import { isoOf, timeText } from '../../terminal/format.ts';
import { readCopiedPool } from './read-copied-pool.ts';

const PAGE = 500;

/**
 * Lists the decided conflicts of a pool, oldest first. In such a conflict, both this service and the origin changed a
 * record or a dataset, and one change has overwritten the other. There can be many conflicts, so with `asJson`, the
 * list in the JSON object is written in parts.
 *
 * @throws {SetupError} the pool was never copied
 */
export async function conflicts(
  deps: CommandDeps,
  { identityPoolId, asJson }: { identityPoolId: string; asJson: boolean },
): Promise<void> {
  const { database, now, print } = deps;
  await readCopiedPool(createMoveStore(database, { offloading: null, now }), identityPoolId, now());
  if (asJson) return writeJson(deps, identityPoolId);
  let isEmpty = true;
  for await (const conflict of listConflicts(deps, identityPoolId)) {
    print(describe(conflict));
    isEmpty = false;
  }
  if (isEmpty) print(`${identityPoolId}: no conflicts`);
}

/** Writes the JSON object. Ends it even if the command is interrupted, so that the output is always valid JSON. */
async function writeJson(deps: CommandDeps, identityPoolId: string): Promise<void> {
  let separator = '';
  await deps.write(`{"identityPoolId":${JSON.stringify(identityPoolId)},"conflicts":[`);
  for await (const { hereMs, thereMs, decidedAt, ...conflict } of listConflicts(deps, identityPoolId)) {
    const dates = { here: isoOf(hereMs), there: isoOf(thereMs), decidedAt: isoOf(decidedAt) };
    await deps.write(separator + toSafeLine(JSON.stringify({ ...conflict, ...dates })));
    separator = ',';
  }
  await deps.write(']}\n');
}

async function* listConflicts(
  { database, signal }: CommandDeps,
  identityPoolId: string,
): AsyncGenerator<ListedConflict> {
  const reports = createBridgeReports(database);
  let after: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof reports.listConflicts>> = await reports.listConflicts(
      identityPoolId,
      { after, limit: PAGE },
    );
    yield* page.conflicts;
    after = page.next;
  } while (after !== null && !signal.aborted);
}

function describe({ identityId, datasetName, key, kind, winner, decidedAt }: ListedConflict): string {
  const what = key === null ? 'the whole dataset' : JSON.stringify(key);
  const kept = winner === 'here' ? 'kept the value of this service' : "kept the origin's value";
  return `${timeText(decidedAt)}  ${identityId} ${datasetName} ${what}: ${kind}, ${kept}`;
}
