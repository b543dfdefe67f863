import { afterCommit } from '../after-commit.ts';
import { authorizeDataset, nameOf } from '../authorize.ts';
import { deletionEvent } from '../build-stream-event.ts';
import type { SyncDependencies } from '../dependencies.ts';
import { datasetNotFound } from '../errors.ts';
import type { SyncOperations } from '../model.ts';
import { deletionOf } from '../next-dataset.ts';
import { exists } from '../ports/sync-store.ts';
import { toDataset } from '../to-output.ts';

/**
 * DeleteDataset: deletes the dataset with its records and tombstones. The dataset's count and date remain, and a new
 * dataset of the same name continues from them. Because the count continues, a listing can tell a device with an older
 * count that the dataset was deleted.
 *
 * @returns the dataset as it was before the deletion
 * @throws {ServiceError} ResourceNotFoundException, NotAuthorizedException
 */
export function createDeleteDataset({
  store,
  now,
  afterWrite,
}: Pick<SyncDependencies, 'store' | 'now' | 'afterWrite'>): SyncOperations['DeleteDataset'] {
  return async (input, caller) => {
    const key = authorizeDataset(input, caller);
    const { answer, outboxId } = await store.change(
      key,
      { keys: [], session: null },
      ({ dataset: before, identityDeleted }) => {
        if (identityDeleted || !exists(before)) throw datasetNotFound(key.datasetName);
        const dataset = deletionOf(before, nameOf(caller), now());
        return {
          update: { dataset, records: [], spend: null, event: deletionEvent(key, dataset) },
          answer: { Dataset: toDataset(key.identityId, before) },
        };
      },
    );
    await afterCommit(outboxId, afterWrite);
    return answer;
  };
}
