import type { DatasetChange } from '../projection/fold-events.ts';
import { isKnown } from './bridge-memory.ts';
import type { BridgeStore } from './ports/bridge-store.ts';

/**
 * Marks a dataset of an owned identity after an event of the origin, so that the bridge reads it. Ignores events that
 * contain only what the bridge itself has read or written at the origin. The date of a write of an old version is saved
 * before the mark is visible: `finishPool` reads the marks before this date, so it notices a later mark by the date.
 */
export async function hintChange(
  store: Pick<BridgeStore, 'isOwned' | 'readMemory' | 'saveOldWrite' | 'mark'>,
  { dataset, version: { lastModifiedDate }, removal, records }: DatasetChange,
): Promise<void> {
  if (!(await store.isOwned(dataset))) return;
  const written = records.map(({ key, value, version }) => ({ key, value, syncCount: version.syncCount }));
  const memory = await store.readMemory(dataset);
  if (removal === null && isKnown(written, memory)) return;
  // After a deletion by the bridge, both sides agree that the dataset does not exist at the origin. The event of this
  // deletion is no write of an old version.
  const isOwnDeletion = written.length === 0 && memory.agreed.there === 0 && memory.pending.size === 0;
  if (!isOwnDeletion) await store.saveOldWrite(dataset.identityPoolId, lastModifiedDate);
  await store.mark(dataset.identityPoolId, [dataset]);
}
