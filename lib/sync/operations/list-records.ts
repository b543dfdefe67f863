import { authorizeDataset } from '../authorize.ts';
import type { SyncDependencies } from '../dependencies.ts';
import { checkSyncCount, noSuchSyncCount } from '../errors.ts';
import type { ListRecordsInput, ListRecordsOutput, SyncOperations } from '../model.ts';
import { readPageSize } from '../page-size.ts';
import { exists, type ListedDataset, type ReadRecordsResult } from '../ports/sync-store.ts';
import { notValidToken } from '../session-token.ts';

/**
 * ListRecords: the records above LastSyncCount, tombstones included, and the token that an update needs. A dataset
 * that is not there is no error. All pages of one listing tell the count and the token of the first, and no record
 * that is newer than that count: the next listing has it. All of them name the copies that merges made of the dataset.
 *
 * @throws {ServiceError} InvalidParameterException: LastSyncCount above the dataset's count, a token that is expired,
 *   spent or of another dataset; NotAuthorizedException
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
 * A device that names no count has nothing of what was deleted. Told of the deletion nevertheless, it would throw away
 * what it has, start again from no count, and be told again.
 */
function wasDeletedAfter(dataset: ListedDataset | null, lastSyncCount: number): boolean {
  return dataset !== null && lastSyncCount > 0 && dataset.deletedSyncCount > lastSyncCount;
}
