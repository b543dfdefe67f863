import { ServiceError, type ServiceErrorCode } from '../../lib/common/errors.ts';
import type { Limits } from '../../lib/sync/limits.ts';
import type { Caller, SyncOperations, SyncRecord } from '../../lib/sync/model.ts';
import type { IdentityPoolConfiguration } from '../../lib/sync/pool-model.ts';
import type { Merge } from '../../lib/sync/ports/merge-store.ts';

/** What the service is as far as its callers can tell: kept as plainly as can be, and never shared with `lib`. */
export interface ModelState {
  pools: Map<string, ModelPool>;
  /** By `nameOf`, also those that are deleted. */
  datasets: Map<string, ModelDataset>;
  /** By handle. The model's tokens are handles; see `createRun` for how they come to the service's own. */
  sessions: Map<string, ModelSession>;
  pages: Map<string, ModelPage>;
  /** Merges that are not over yet, by the `nameOf` of the identity that disappears. */
  merges: Map<string, Merge>;
  /** What is still to be published, and what was set aside. */
  outbox: ModelEvent[];
  published: { stream: string; event: object }[];
  /** The events that the sync trigger was invoked with. */
  invocations: object[];
}

export interface ModelPool extends Pick<IdentityPoolConfiguration, 'PushSync' | 'CognitoStreams'> {
  syncTrigger: string | null;
  bulkPublish: ModelBulkPublish | null;
  /** Nothing happened yet that its stream does not tell of. */
  wholeOnStream: boolean;
}

export interface ModelBulkPublish {
  status: 'IN_PROGRESS' | 'SUCCEEDED' | 'FAILED';
  startedAt: number;
  endedAt: number;
  /** Name of the last dataset that was put into the outbox; and whether there was another. */
  cursor: string;
  allInOutbox: boolean;
}

export interface ModelDataset {
  pool: string;
  identity: string;
  name: string;
  exists: boolean;
  count: number;
  /** The count of its last deletion; 0 where there was none. */
  deletedAt: number;
  created: number;
  modified: number;
  by: string;
  /** Of a copy that a merge made: the name of the dataset that lists it. */
  copyOf: string | null;
  /** Tombstones included. */
  records: Map<string, SyncRecord>;
}

export interface ModelSession {
  /** Name of the dataset. */
  of: string;
  expiresAt: number;
  spent: boolean;
}

/** Where a listing goes on. */
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
  /** Put there by this bulk publish. */
  bulkPublish: ModelBulkPublish | null;
}

/** One process of the service: its clock and its limits are its own. */
export interface ModelProcess {
  readonly now: number;
  readonly limits: Limits;
}

export interface ModelCall {
  caller: Caller;
  process: ModelProcess;
  /** Another process over the same database. */
  other: ModelProcess;
  /** Keys in the order in which the service chose to list them; which of one count come first is its own affair. */
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

/** Operations of the API, answered by the model. */
export type ModelOperations<Names extends ModelName> = {
  [Name in Names]: (
    input: Parameters<SyncOperations[Name]>[0],
    call: ModelCall,
  ) => Awaited<ReturnType<SyncOperations[Name]>>;
};

export function createModelState(pools: Readonly<Record<string, Partial<ModelPool>>>): ModelState {
  const nothingSet = { PushSync: null, CognitoStreams: null, syncTrigger: null, bulkPublish: null };
  return {
    pools: new Map(
      Object.entries(pools).map(([id, set]) => [
        id,
        { ...nothingSet, wholeOnStream: set.CognitoStreams?.StreamingStatus === 'ENABLED', ...set },
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

/** @param message only where there is a known text; an empty one is not compared */
export function refuse(code: ServiceErrorCode, message = ''): never {
  throw new ServiceError(code, message);
}

export function nameOf(pool: string, identity: string, dataset = ''): string {
  return `${pool} ${identity} ${dataset}`;
}

export function findPool({ pools }: ModelState, id: string): ModelPool {
  return pools.get(id) ?? refuse('ResourceNotFoundException', `IdentityPool '${id}' not found`);
}

/** A developer may do everything, an identity what concerns itself. */
export function checkCaller(caller: Caller, pool: string, identity: string | null): void {
  if (caller.kind === 'developer') return;
  if (caller.identityPoolId === pool && caller.identityId === identity) return;
  refuse('NotAuthorizedException', 'These credentials are not valid for accessing this resource');
}

export function checkPageSize(size: number | undefined): number {
  if (size === undefined) return Number.POSITIVE_INFINITY;
  return size >= 1 && size <= 1_024 ? size : refuse('InvalidParameterException');
}

/** @returns a handle: null where there is no further page */
export function newPage({ pages }: ModelState, page: ModelPage | null): string | null {
  if (page === null) return null;
  const handle = `page ${pages.size + 1}`;
  pages.set(handle, page);
  return handle;
}

export function noSuchToken(member: 'SyncSessionToken' | 'NextToken'): never {
  return refuse('InvalidParameterException', `${member} not valid for these inputs`);
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
