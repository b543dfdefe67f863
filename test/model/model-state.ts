import type { Caller } from '../../lib/common/caller.ts';
import { ServiceError, type ServiceErrorCode } from '../../lib/common/errors.ts';
import type { Limits } from '../../lib/sync/limits.ts';
import type { SyncOperations, SyncRecord } from '../../lib/sync/model.ts';
import type { IdentityPoolConfiguration } from '../../lib/sync/pool-model.ts';
import type { Merge } from '../../lib/sync/ports/merge-store.ts';

/** The state of the service that its callers can observe: as simple as possible, and without code of `lib`. */
export interface ModelState {
  pools: Map<string, ModelPool>;
  /** Datasets by `nameOf`, including deleted ones. */
  datasets: Map<string, ModelDataset>;
  /** Sessions by handle. The model's tokens are handles; `createTokens` maps them to the service's tokens. */
  sessions: Map<string, ModelSession>;
  pages: Map<string, ModelPage>;
  /** Merges that are not complete, by the `nameOf` of the merged identity. */
  merges: Map<string, Merge>;
  /** Events that wait to be published, and parked events, which are kept after a permanent failure. */
  outbox: ModelEvent[];
  published: { stream: string; event: object }[];
  /** The events with which the sync trigger was invoked. */
  invocations: object[];
}

export interface ModelPool extends Pick<IdentityPoolConfiguration, 'PushSync' | 'CognitoStreams'> {
  syncTrigger: string | null;
  bulkPublish: ModelBulkPublish | null;
  /** Whether every change of the pool so far has an event that is published or waits to be published. */
  streamIsComplete: boolean;
}

export interface ModelBulkPublish {
  status: 'IN_PROGRESS' | 'SUCCEEDED' | 'FAILED';
  startedAt: number;
  endedAt: number;
  /** Name of the last dataset whose event was added to the outbox. */
  cursor: string;
  /** Whether the events of all datasets were added to the outbox. */
  allInOutbox: boolean;
}

export interface ModelDataset {
  pool: string;
  identity: string;
  name: string;
  exists: boolean;
  count: number;
  /** The sync count at the dataset's last deletion; 0 if it was never deleted. */
  deletedAt: number;
  created: number;
  modified: number;
  by: string;
  /** For a copy made by a merge, the name of the dataset that lists it. */
  copyOf: string | null;
  /** Includes tombstones. */
  records: Map<string, SyncRecord>;
}

export interface ModelSession {
  /** Name of the dataset. */
  of: string;
  expiresAt: number;
  spent: boolean;
}

/** The position at which a listing continues. */
export type ModelPage =
  | { kind: 'records'; of: string; session: string; last: number; upTo: number; shown: ReadonlySet<string> }
  | { kind: 'datasets'; of: string; after: string }
  | { kind: 'pools'; after: string };

export interface ModelEvent {
  stream: string;
  event: object;
  attempts: number;
  parked: boolean;
  pool: string;
  /** The bulk publish that added the event. */
  bulkPublish: ModelBulkPublish | null;
}

/** One process of the service, with its own clock and limits. */
export interface ModelProcess {
  readonly now: number;
  readonly limits: Limits;
}

export interface ModelCall {
  caller: Caller;
  process: ModelProcess;
  /** A second process of the service, on the same database. */
  other: ModelProcess;
  /** Keys as the service listed them. The model uses this order, because records with the same count have no order. */
  listed: readonly string[];
}

export type RecordName =
  | 'ListRecords'
  | 'UpdateRecords'
  | 'DeleteDataset'
  | 'DescribeDataset'
  | 'ListDatasets';

export type PoolName =
  | 'DescribeIdentityPoolUsage'
  | 'DescribeIdentityUsage'
  | 'ListIdentityPoolUsage'
  | 'GetCognitoEvents'
  | 'SetCognitoEvents'
  | 'GetIdentityPoolConfiguration'
  | 'SetIdentityPoolConfiguration'
  | 'BulkPublish'
  | 'GetBulkPublishDetails';

export type ModelName = RecordName | PoolName;

/** Operations of the API, as the model implements them. */
export type ModelOperations<Names extends ModelName> = {
  [Name in Names]: (
    input: Parameters<SyncOperations[Name]>[0],
    call: ModelCall,
  ) => Awaited<ReturnType<SyncOperations[Name]>>;
};

export function createModelState(pools: Readonly<Record<string, Partial<ModelPool>>>): ModelState {
  const unset = { PushSync: null, CognitoStreams: null, syncTrigger: null, bulkPublish: null };
  return {
    pools: new Map(
      Object.entries(pools).map(([id, set]) => [
        id,
        { ...unset, streamIsComplete: set.CognitoStreams?.StreamingStatus === 'ENABLED', ...set },
      ]),
    ),
    datasets: new Map(),
    sessions: new Map(),
    pages: new Map(),
    merges: new Map(),
    outbox: [],
    published: [],
    invocations: [],
  };
}

/** @param message the expected text; if it is empty, the texts are not compared */
export function reject(code: ServiceErrorCode, message = ''): never {
  throw new ServiceError(code, message);
}

export function nameOf(pool: string, identity: string, dataset = ''): string {
  return `${pool} ${identity} ${dataset}`;
}

export function findPool({ pools }: ModelState, id: string): ModelPool {
  return pools.get(id) ?? reject('ResourceNotFoundException', `IdentityPool '${id}' not found`);
}

/** A developer may call all operations. An identity may only call operations on its own data. */
export function checkCaller(caller: Caller, pool: string, identity: string | null): void {
  if (caller.kind === 'developer') return;
  if (caller.identityPoolId === pool && caller.identityId === identity) return;
  reject('NotAuthorizedException', 'These credentials are not valid for accessing this resource');
}

export function checkPageSize(size: number | undefined): number {
  if (size === undefined) return Number.POSITIVE_INFINITY;
  return size >= 1 && size <= 1_024 ? size : reject('InvalidParameterException');
}

/** @returns a handle; null if there is no further page */
export function newPage({ pages }: ModelState, page: ModelPage | null): string | null {
  if (page === null) return null;
  const handle = `page ${pages.size + 1}`;
  pages.set(handle, page);
  return handle;
}

export function noSuchToken(member: 'SyncSessionToken' | 'NextToken'): never {
  return reject('InvalidParameterException', `${member} not valid for these inputs`);
}

export function live(dataset: ModelDataset): SyncRecord[] {
  return [...dataset.records.values()].filter((record) => record.Value !== null);
}

/** UTF-8 bytes of the keys and values of live records. */
export function bytesOf(records: readonly SyncRecord[]): number {
  return records.reduce(
    (sum, record) => sum + Buffer.byteLength(record.Key) + Buffer.byteLength(record.Value ?? ''),
    0,
  );
}
