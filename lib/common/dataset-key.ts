/** Names one dataset of one identity of one identity pool. */
export interface DatasetKey {
  identityPoolId: string;
  identityId: string;
  datasetName: string;
}

/** Names one identity of one identity pool. */
export type IdentityKey = Pick<DatasetKey, 'identityPoolId' | 'identityId'>;
