/** Identifies a dataset of an identity in an identity pool. */
export interface DatasetKey {
  identityPoolId: string;
  identityId: string;
  datasetName: string;
}

/** Identifies an identity in an identity pool. */
export type IdentityKey = Pick<DatasetKey, 'identityPoolId' | 'identityId'>;
