export interface BulkPublishOutput {
  IdentityPoolId: string;
}

export interface GetBulkPublishDetailsOutput {
  IdentityPoolId: string;
  BulkPublishStartTime: number | null;
  BulkPublishCompleteTime: number | null;
  BulkPublishStatus: 'NOT_STARTED' | 'IN_PROGRESS' | 'SUCCEEDED' | 'FAILED';
  FailureMessage: string | null;
}
