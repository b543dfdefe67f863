import { authorizeDataset } from '../authorize.ts';
import type { SyncDependencies } from '../dependencies.ts';
import { checkSyncCount, noSuchSyncCount } from '../errors.ts';
import type { ListRecordsInput, ListRecordsOutput, SyncOperations } from '../model.ts';
import { readPageSize } from '../page-size.ts';
import { exists, type ListedDataset, type ReadRecordsResult } from '../ports/sync-store.ts';
import { notValidToken } from '../session-token.ts';

/**
 * ListRecords: returns the records above LastSyncCount, tombstones included, and the token that an update needs. A
 * dataset that does not exist is not an error.
 *
 * All pages of one listing return the count and the token of the first page. No page holds a record newer than that
 * count; the next listing returns such a record. All pages name the copies that merges made of the dataset.
 *
 * @throws {ServiceError} InvalidParameterException if LastSyncCount is above the dataset's count, or a token has
 *   expired, is spent or belongs to another dataset; NotAuthorizedException
 */
export function createListRecords({
  store,
  tokens,
}: Pick<SyncDependencies, 'store' | 'tokens'>): SyncOperations['ListRecords'] {
  return async (input, caller) => {
    const key = authorizeDataset(input, caller);
    const limit = readPageSize(input.MaxResults);
    const given = input.SyncSessionToken === undefined ? null : tokens.verify(input.SyncSessionToken, key);
    const page = input.NextToken === undefined ? null : tokens.verifyPage(input.NextToken, key);
    const lastSyncCount = page?.lastSyncCount ?? readLastSyncCount(input);
    const known = page?.session ?? given;

    const read = await store.readRecords(key, {
      session: known,
      after: page?.after ?? lastSyncCount,
      upTo: page?.datasetSyncCount ?? null,
      limit,
    });
    if (read.spent) throw notValidToken(page ? 'NextToken' : 'SyncSessionToken');
    if (!page && exists(read.dataset) && lastSyncCount > read.dataset.syncCount) {
      throw noSuchSyncCount(lastSyncCount);
    }
    const session = known ?? tokens.begin();
    const datasetSyncCount = page?.datasetSyncCount ?? read.dataset?.syncCount ?? 0;
    return {
      ...describe(read, lastSyncCount),
      DatasetSyncCount: datasetSyncCount,
      NextToken:
        read.next === null
          ? null
          : tokens.issuePage({ session, lastSyncCount, datasetSyncCount, after: read.next }, key),
      SyncSessionToken: tokens.issue(session, key),
    };
  };
}

function readLastSyncCount({ LastSyncCount }: ListRecordsInput): number {
  return LastSyncCount === undefined ? 0 : checkSyncCount(LastSyncCount, 'lastSyncCount');
}

function describe(
  { dataset, records, mergedDatasetNames }: ReadRecordsResult,
  lastSyncCount: number,
): Omit<ListRecordsOutput, 'DatasetSyncCount' | 'NextToken' | 'SyncSessionToken'> {
  return {
    Records: records,
    Count: records.length,
    LastModifiedBy: exists(dataset) ? dataset.lastModifiedBy : null,
    MergedDatasetNames: mergedDatasetNames.length > 0 ? mergedDatasetNames : null,
    DatasetExists: exists(dataset),
    DatasetDeletedAfterRequestedSyncCount: wasDeletedAfter(dataset, lastSyncCount),
  };
}

/**
 * Returns whether the device must learn of a deletion. A device that sends no count has no deleted data. If it
 * received the flag, it would discard its data, start again without a count, and receive the flag again.
 */
function wasDeletedAfter(dataset: ListedDataset | null, lastSyncCount: number): boolean {
  return dataset !== null && lastSyncCount > 0 && dataset.deletedSyncCount > lastSyncCount;
}
