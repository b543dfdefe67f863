import { SyncClientError } from '../backfill/ports/sync-client.ts';
import type { PacedCalls } from '../backfill/reconcile/reconcile-calls.ts';
import type { DatasetKey } from '../common/dataset-key.ts';
import { datasetKeyText } from '../projection/fold-events.ts';
import { isDeletedSince, isKnown } from './bridge-memory.ts';
import type { BridgeStore } from './ports/bridge-store.ts';
import type { Origin } from './ports/origin.ts';

/** Maximum number of datasets that are read at the origin. */
const MAX_DATASETS = 1_000;

interface OnlyChangedHereDeps {
  origin: Pick<Origin, 'listRecords'>;
  bridge: Pick<BridgeStore, 'listMarkedSince' | 'readMemory'>;
  paced: PacedCalls;
}

/** The datasets that were marked while the command ran. */
export interface NewlyMarked {
  /** The time since which they were marked, by `readMarkClock`. */
  since: number;
  /** Those whose changes the origin lacks, while it has no change that is missing here; as `datasetKeyText`. */
  onlyHere: ReadonlySet<string>;
  /** Number of the others. */
  others: number;
}

/**
 * Finds out which datasets that were marked since a time wait only because devices changed them here.
 *
 * @param about `since`: a time of `readMarkClock`
 * @throws {SyncClientError} the origin did not respond
 */
export async function findOnlyChangedHere(
  deps: OnlyChangedHereDeps,
  { identityPoolId, since, signal }: { identityPoolId: string; since: number; signal: AbortSignal },
): Promise<NewlyMarked> {
  const marked = await deps.bridge.listMarkedSince(identityPoolId, { since, limit: MAX_DATASETS + 1 });
  const onlyHere = new Set<string>();
  for (const dataset of marked.slice(0, MAX_DATASETS)) {
    if (signal.aborted) break;
    if (await isOnlyChangedHere(deps, dataset)) onlyHere.add(datasetKeyText(dataset));
  }
  return { since, onlyHere, others: marked.length - onlyHere.size };
}

/** Returns whether the bridge has read or written everything that the origin has of a dataset. */
async function isOnlyChangedHere(
  { origin, bridge, paced }: OnlyChangedHereDeps,
  dataset: DatasetKey,
): Promise<boolean> {
  try {
    const { exists, isConsistent, syncCount, records } = await paced(() => origin.listRecords(dataset));
    // Read last: the bridge may write the dataset at the origin in the meantime, and then knows more than the list.
    const memory = await bridge.readMemory(dataset);
    if (!exists) return !isDeletedSince(memory, syncCount);
    const rows = records.map(({ key, value, version }) => ({ key, value, syncCount: version.syncCount }));
    return isConsistent && isKnown(rows, memory);
  } catch (error) {
    if (error instanceof SyncClientError && error.condition === 'refused') return false;
    throw error;
  }
}
