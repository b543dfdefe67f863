import type { RuleDecision } from '../rules/verdict.ts';

/** What a request of a device did. */
export interface SyncActivity {
  kind: 'sync';
  /** The operation's name, for example `UpdateRecords`. */
  operation: string;
  requestId: string;
  identityPoolId: string | null;
  identityId: string | null;
  datasetName: string | null;
  /** The dataset's new sync count; null if the request wrote nothing. */
  syncCount: number | null;
  /** Number of record patches in the request. */
  records: number;
  /** Time from the verified request to its result. */
  durationMs: number;
  /** The id of the device, if the request names one. */
  deviceId: string | null;
  /** Null if the request succeeded. Otherwise the error that the device received. */
  error: { code: string; message: string } | null;
}

/** What the sync trigger did with one record. */
export interface RecordDecision {
  /** Null if the decision is about the whole update. */
  key: string | null;
  /** `accepted`, or the action of the rule, as in the log. If no rule decided, the action that has the same effect. */
  decision: 'accepted' | RuleDecision['action'];
  /** The path of the rule in `sync-rules.ts`; null if no rule decided, or if the function has no rules. */
  rule: string | null;
  reason: string | null;
}

/** What the sync trigger of a pool did with an update. */
export interface TriggerActivity {
  kind: 'trigger';
  /** The request that ran the trigger; null if it is unknown. */
  requestId: string | null;
  identityPoolId: string;
  identityId: string;
  datasetName: string;
  functionName: string;
  durationMs: number;
  /**
   * `rejected` if the update failed, so that nothing was written; `accepted` if the trigger changed nothing; otherwise
   * `changed`.
   */
  outcome: 'accepted' | 'changed' | 'rejected';
  /** Why the update was rejected, or why the function failed. */
  reason: string | null;
  /**
   * The records that the device changed and those that the function derived. If the update was rejected, the decisions
   * of the rules that rejected it or failed. At most MAX_DECISIONS.
   */
  records: RecordDecision[];
  /** Number of records, including those that `records` leaves out. */
  recordCount: number;
}

/** A batch of events that was written to the query store. */
export interface ProjectedActivity {
  kind: 'projected';
  streamName: string;
  shardId: string;
  events: number;
  records: number;
  recordsChanged: number;
  quarantined: number;
  batchMs: number;
  /** Time from the arrival of the last event on the stream until its rows were written. */
  lagMs: number;
  /** The datasets of the events, at most MAX_DATASETS. */
  datasets: ProjectedDataset[];
}

/** The dataset of an event that was projected. */
export interface ProjectedDataset {
  identityPoolId: string;
  identityId: string;
  datasetName: string;
  /** The sync count of the event. Null if the event removes the dataset and names no count. */
  syncCount: number | null;
  /** Whether the event removes the dataset. */
  isRemoval: boolean;
}

/** A push message to a device. */
export interface PushActivity {
  kind: 'push';
  deviceId: string;
  platform: string;
  identityPoolId: string | null;
  identityId: string | null;
  datasetName: string | null;
  syncCount: number | null;
}

/** Something that happened in the local cloud. It contains no value of a record. */
export type Activity = SyncActivity | TriggerActivity | ProjectedActivity | PushActivity;

/** An activity with the time at which it was reported, as ISO 8601 text. */
export type TimedActivity = Activity & { at: string };

export const MAX_DECISIONS = 100;
export const MAX_DATASETS = 500;
