import { SyncClientError } from '../../../lib/backfill/ports/sync-client.ts';
import type { Origin, OriginIdentity, OriginListing } from '../../../lib/move/ports/origin.ts';

export const CREATED_AT = 1_000;

/** Returns the listing of a dataset with one record per sync count: the record `k<count>` has the value `v`. */
export function listingOf(...counts: number[]): OriginListing {
  return {
    exists: counts.length > 0,
    syncCount: Math.max(0, ...counts),
    lastModifiedBy: 'author',
    records: counts.map((syncCount) => ({
      key: `k${syncCount}`,
      value: 'v',
      version: { lastModifiedDate: syncCount * 10, syncCount },
      deviceLastModifiedDate: null,
      lastModifiedBy: 'author',
    })),
    mergedNames: [],
    isConsistent: true,
  };
}

/** Returns an origin whose datasets are in memory. A test replaces the calls that must fail. */
export function scriptedOrigin(
  identityPoolId: string,
  datasets: Record<string, Record<string, OriginListing>>,
  calls: Partial<Origin> = {},
): Origin {
  const identityOf = (identityId: string): OriginIdentity => ({
    identityId,
    createdAt: CREATED_AT,
    modifiedAt: CREATED_AT,
    providers: [],
  });
  return {
    name: 'scripted',
    streamName: 'cognito-sync',
    readPool: async () => ({
      settings: {
        IdentityPoolId: identityPoolId,
        IdentityPoolName: 'Game',
        AllowUnauthenticatedIdentities: true,
      },
      streaming: { isEnabled: true, streamName: 'cognito-sync', roleArn: null },
      syncTrigger: null,
    }),
    listIdentities: async () => ({ items: Object.keys(datasets).map(identityOf), next: null }),
    describeIdentity: async (identityId) => (identityId in datasets ? identityOf(identityId) : null),
    listDeveloperUsers: async () => [],
    listDatasets: async ({ identityId }) =>
      Object.entries(datasets[identityId] ?? {}).flatMap(([datasetName, { exists, records }]) => {
        const dates = { creationDate: 1, lastModifiedDate: 1, lastModifiedBy: null };
        return exists ? [{ datasetName, ...dates, numRecords: records.length, dataStorage: 0 }] : [];
      }),
    listRecords: async ({ identityId, datasetName }) => datasets[identityId]?.[datasetName] ?? listingOf(),
    wasDeletedAfter: async () => false,
    update: async () => 'conflict',
    deleteDataset: async () => 'changed',
    close: () => undefined,
    ...calls,
  };
}

export const failure = (condition: SyncClientError['condition']) =>
  new SyncClientError(condition, 'scripted');
