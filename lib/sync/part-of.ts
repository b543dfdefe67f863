import { newest } from '../projection/version.ts';
import type { Version } from '../stream/stream-event.ts';
import type { NextReplica, StoredReplica } from './replica.ts';

/**
 * Returns a part of a replica's next state, for a state that is too large for one transaction. The dataset keeps its
 * stored version until the last part is written: a device that reads a count must be able to read all rows up to this
 * count.
 *
 * @param part the first of the state's rows, and some of its erased keys
 */
export function partOf(
  stored: StoredReplica | null,
  next: NextReplica,
  { records, erasedKeys }: Pick<NextReplica, 'records' | 'erasedKeys'>,
): NextReplica {
  const keys = new Set([...records.map(({ Key }) => Key), ...erasedKeys]);
  const published = next.published.filter(({ Key }) => keys.has(Key));
  return {
    dataset: stored ?? { ...next.dataset, ...NOT_YET },
    isChanged: stored === null,
    records,
    published,
    publishedVersion: published.reduce<Version>(
      (last, { LastModifiedDate, SyncCount }) =>
        newest(last, { lastModifiedDate: LastModifiedDate, syncCount: SyncCount }),
      { lastModifiedDate: 0, syncCount: 0 },
    ),
    newRemoval: null,
    erasedKeys,
  };
}

/** A dataset that does not exist. */
const NOT_YET = { syncCount: 0, deletedSyncCount: 0, lastModifiedDate: 0, removedDate: null };
