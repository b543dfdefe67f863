// The shapes of the answers that the console reads. `/query/openapi.json` describes those of the query API.

export interface DatasetId {
  identityPoolId: string;
  identityId: string;
  datasetName: string;
}

export interface RecordItem extends DatasetId {
  recordKey: string;
  recordValue: string;
  numericValue: string | null;
  syncCount: number;
  lastModifiedDate: string;
  deviceLastModifiedDate: string | null;
  projectedAt: string;
}

export interface DatasetItem extends DatasetId {
  syncCount: number;
  lastModifiedDate: string;
  isDeleted: boolean;
}

export interface IdentityItem {
  identityPoolId: string;
  identityId: string;
  providers: string[] | null;
}

export interface EventItem {
  quarantineId: string;
  reason: string;
  identityPoolId: string | null;
  streamName: string;
  shardId: string;
  sequenceNumber: string;
  arrivedAt: string;
  quarantinedAt: string;
  redrivenAt: string | null;
  /** Null if the event waits, or if the outcome is unknown. */
  isDismissed: boolean | null;
}

export interface SqlTable {
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
