import type { PoolStreaming } from '../../backfill/ports/sync-client.ts';
import type { DatasetKey, IdentityKey } from '../../common/dataset-key.ts';
import type { IdentityPoolDescription } from '../../identity/model.ts';
import type { ReplicaRecord } from '../../sync/replica.ts';

/** The settings of a pool at the origin. */
export interface OriginPool {
  settings: IdentityPoolDescription;
  streaming: PoolStreaming;
  /** ARN of the pool's sync trigger; null if the pool has none. */
  syncTrigger: string | null;
}

/** An identity as ListIdentities describes it. Dates are epoch milliseconds. */
export interface OriginIdentity {
  identityId: string;
  createdAt: number;
  modifiedAt: number;
  /** Names of the providers at which the identity has logins. */
  providers: readonly string[];
}

/** A page of a list. `next` is the token of the next page, or null on the last page. */
export interface Page<Item> {
  items: readonly Item[];
  next: string | null;
}

/** A dataset as ListDatasets describes it. */
export interface OriginDataset {
  datasetName: string;
  creationDate: number;
  lastModifiedDate: number;
  lastModifiedBy: string | null;
  /** Number of live records, and bytes of their keys and values. */
  numRecords: number;
  dataStorage: number;
}

/** All rows of a dataset at the origin: the pages of a listing with ListRecords that starts at count 0. */
export interface OriginListing {
  exists: boolean;
  /** The dataset's count. */
  syncCount: number;
  lastModifiedBy: string | null;
  records: readonly ReplicaRecord[];
  /** Names of the copies of the dataset that merges of identities made. */
  mergedNames: readonly string[];
  /** False if the dataset changed from one page to the next, so that rows may be missing. */
  isConsistent: boolean;
}

/** A record to write at the origin. A value of null removes the record. */
export interface OriginPatch {
  key: string;
  value: string | null;
  /** The count that the record has at the origin; 0 if it does not exist. */
  syncCount: number;
  /** Epoch milliseconds; null if no date is sent. */
  deviceMs: number | null;
}

/**
 * The calls to the service from which a pool is moved, with developer credentials. Every method throws
 * {SyncClientError}.
 */
export interface Origin {
  /** Name for messages: the address of the service, or Amazon's service name. */
  name: string;
  /** The stream from which changes are followed. */
  streamName: string;
  readPool(identityPoolId: string): Promise<OriginPool>;
  /**
   * Lists at most 60 identities.
   * @param hideDisabled leaves out the identities that no client can use
   * @param token the `next` of the previous page; null for the first page
   */
  listIdentities(
    identityPoolId: string,
    options: { hideDisabled: boolean; token: string | null },
  ): Promise<Page<OriginIdentity>>;
  /** Returns null if the identity does not exist. */
  describeIdentity(identityId: string): Promise<OriginIdentity | null>;
  /** Returns the identifiers of the identity's developer users. */
  listDeveloperUsers(identity: IdentityKey): Promise<string[]>;
  listDatasets(identity: IdentityKey): Promise<OriginDataset[]>;
  listRecords(dataset: DatasetKey): Promise<OriginListing>;
  /** Returns whether the dataset was deleted when its count was above `syncCount`, even if it was created again. */
  wasDeletedAfter(dataset: DatasetKey, syncCount: number): Promise<boolean>;
  /**
   * Writes records in one call.
   * @returns the dataset's new count; `conflict` if a record has another count than its patch says
   * @throws {SyncClientError} `limit` if the dataset would exceed a limit of the origin
   */
  update(dataset: DatasetKey, patches: readonly OriginPatch[]): Promise<number | 'conflict'>;
  /**
   * Deletes a dataset if it has this count. The API has no conditional deletion, so a device can write between the check
   * and the deletion.
   * @returns `changed` if the dataset has another count or was already deleted; then nothing is deleted. `raced` if a
   *   device wrote after the check; the deletion has erased this change
   */
  deleteDataset(dataset: DatasetKey, syncCount: number): Promise<'deleted' | 'raced' | 'changed'>;
  close(): void;
}
