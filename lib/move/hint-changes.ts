import type { DatasetChange } from '../projection/fold-events.ts';
import { isKnown } from './bridge-memory.ts';
import type { BridgeStore } from './ports/bridge-store.ts';

/**
 * Marks a dataset of an owned identity after an event of the origin, so that the bridge reads it. Ignores events that
 * contain only what the bridge itself has read or written at the origin.
 *
 * @returns whether the dataset was marked
 */
export async function hintChange(
  store: Pick<BridgeStore, 'isOwned' | 'readMemory' | 'mark'>,
  { dataset, removal, records }: DatasetChange,
): Promise<boolean> {
  if (!(await store.isOwned(dataset))) return false;
  const written = records.map(({ key, value, version }) => ({ key, value, syncCount: version.syncCount }));
  if (removal === null && isKnown(written, await store.readMemory(dataset))) return false;
  await store.mark(dataset.identityPoolId, [dataset]);
  return true;
}
