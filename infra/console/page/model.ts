// The shapes of the answers that the console reads. `/query/openapi.json` describes those of the query API.

export interface DatasetId {
  identityPoolId: string;
  identityId: string;
  datasetName: string;
}

export interface ListedRecord extends DatasetId {
  recordKey: string;
  recordValue: string;
  numericValue: string | null;
  syncCount: number;
  lastModifiedDate: string;
  deviceLastModifiedDate: string | null;
  projectedAt: string;
}

export interface ListedDataset extends DatasetId {
  syncCount: number;
  lastModifiedDate: string;
  isDeleted: boolean;
}

export interface ListedIdentity {
  identityPoolId: string;
  identityId: string;
  providers: string[] | null;
}

export interface ListedEvent {
  quarantineId: string;
  reason: string;
  identityPoolId: string | null;
  streamName: string;
  shardId: string;
  sequenceNumber: string;
  arrivedAt: string;
  quarantinedAt: string;
  redrivenAt: string | null;
}

export interface SqlResult {
  columns: { name: string; type: string }[];
  rows: (string | null)[][];
  truncated: boolean;
  milliseconds: number;
}

export const ACTIVITY_KINDS = ['sync', 'trigger', 'projected', 'push'] as const;
export type ActivityKind = (typeof ACTIVITY_KINDS)[number];

export interface ShownActivity {
  /** Unique in this page. */
  number: number;
  kind: ActivityKind;
  at: Date;
  details: Readonly<Record<string, unknown>>;
}
