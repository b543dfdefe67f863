import { SyncClientError } from '../backfill/ports/sync-client.ts';
import type { PacedCalls } from '../backfill/reconcile/reconcile-calls.ts';
import type { DatasetKey } from '../common/dataset-key.ts';
import { isStorable } from '../common/text.ts';
import { datasetKeyText } from '../projection/fold-events.ts';
import { isDeletedSince, isKnown } from './bridge-memory.ts';
import type { BridgeStore } from './ports/bridge-store.ts';
import type { MoveStore } from './ports/move-store.ts';
import type { Origin, OriginListing } from './ports/origin.ts';
import type { TakeOverStore } from './ports/take-over-store.ts';

/** Maximum number of datasets that are read at the origin. */
const MAX_DATASETS = 1_000;

interface OnlyChangedHereDeps {
  origin: Pick<Origin, 'listRecords'>;
  bridge: Pick<BridgeStore, 'listMarkedSince' | 'readMemory'>;
  takeOvers: Pick<TakeOverStore, 'readReplica'>;
  store: Pick<MoveStore, 'readDataset'>;
  paced: PacedCalls;
}

/** The datasets that were marked while the command ran. */
export interface NewlyMarked {
  /** The time since which they were marked, by `readMarkClock`. */
  since: number;
  /**
   * Those that were changed only here: the origin lacks changes of this service, but no change of the origin is missing
   * here. Each is named by its `datasetKeyText`.
   */
  onlyHere: ReadonlySet<string>;
  /** Number of the other marked datasets. */
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

/** Returns whether this service has stored, or written at the origin, everything that the origin has of a dataset. */
async function isOnlyChangedHere(deps: OnlyChangedHereDeps, dataset: DatasetKey): Promise<boolean> {
  const { origin, bridge, paced } = deps;
  try {
    const { agreed } = await bridge.readMemory(dataset);
    const listing = await paced(() => origin.listRecords(dataset));
    const { exists, isConsistent, syncCount, records } = listing;
    // Read again after the listing: the bridge may have written the dataset at the origin in the meantime, and the
    // listing shows these writes.
    const memory = await bridge.readMemory(dataset);
    if (!exists) return !isDeletedSince(memory, syncCount);
    // The counts of the origin restarted: the records with low counts may be new.
    if (syncCount < agreed.there) return false;
    if (!(await canKeep(deps, dataset, listing))) return false;
    const rows = records.map(({ key, value, version }) => ({ key, value, syncCount: version.syncCount }));
    return isConsistent && isKnown(rows, memory);
  } catch (error) {
    if (error instanceof SyncClientError && error.condition === 'refused') return false;
    throw error;
  }
}

/**
 * Returns whether this service can have all live records of a listing. It has no records of a dataset that was deleted
 * here; this deletion must still reach the origin. The bridge does not store records that SQL text cannot store.
 */
async function canKeep(
  { takeOvers, store }: OnlyChangedHereDeps,
  dataset: DatasetKey,
  { records }: OriginListing,
): Promise<boolean> {
  const live = records.filter(({ value }) => value !== null);
  if (live.length === 0) return true;
  if (!live.every(({ key, value }) => isStorable(key) && isStorable(value ?? ''))) return false;
  return (await takeOvers.readReplica(dataset)) !== null && (await store.readDataset(dataset)).exists;
}
