import type { Dataset, RecordPatch, SyncRecord } from '../../lib/sync/model.ts';
import { checkCounts, noSuchCount } from './model-counts.ts';
import { changeToExist, copiesOf, datasetAt, datasetsOf, remove } from './model-datasets.ts';
import {
  bytesOf,
  checkCaller,
  checkPageSize,
  live,
  type ModelCall,
  type ModelDataset,
  type ModelOperations,
  type ModelSession,
  type ModelState,
  nameOf,
  newPage,
  noSuchToken,
  type RecordName,
  reject,
} from './model-state.ts';
import { putEvent, recordsEvent } from './model-stream.ts';
import { runTrigger } from './model-trigger.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** Creates a model of the operations on datasets, as Amazon and docs/behaviour.md document them. */
export function modelRecords(state: ModelState): ModelOperations<RecordName> {
  function newSession(of: string, now: number): string {
    const handle = `session ${state.sessions.size + 1}`;
    state.sessions.set(handle, { of, expiresAt: now + DAY_MS, spent: false });
    return handle;
  }

  function checkSession(handle: string, of: string, now: number): ModelSession {
    const session = state.sessions.get(handle);
    return session?.of === of && now < session.expiresAt ? session : noSuchToken('SyncSessionToken');
  }

  const operations: ModelOperations<RecordName> = {
    ListRecords(input, { caller, process: { now }, listed }) {
      checkCaller(caller, input.IdentityPoolId, input.IdentityId);
      const size = checkPageSize(input.MaxResults);
      const of = datasetName(input);
      if (input.SyncSessionToken !== undefined) checkSession(input.SyncSessionToken, of, now);
      const page = input.NextToken === undefined ? null : recordsPage(state, input.NextToken, of, now);
      const given = page?.session ?? input.SyncSessionToken;
      if (given !== undefined && state.sessions.get(given)?.spent) {
        noSuchToken(page ? 'NextToken' : 'SyncSessionToken');
      }
      const dataset = state.datasets.get(of);
      const last = page?.last ?? input.LastSyncCount ?? 0;
      if (!page && last > (dataset?.count ?? 0)) noSuchCount(last);
      const upTo = page?.upTo ?? dataset?.count ?? 0;
      const shown = page?.shown ?? new Set();
      const candidates = [...(dataset?.records.values() ?? [])].filter(
        ({ Key, SyncCount }) => SyncCount > last && SyncCount <= upTo && !shown.has(Key),
      );
      const records = inOrder(candidates, listed).slice(0, size);
      const session = given ?? newSession(of, now);
      const allShown = new Set([...shown, ...records.map(({ Key }) => Key)]);
      const next = { kind: 'records' as const, of, session, last, upTo, shown: allShown };
      return {
        Records: records,
        NextToken: newPage(state, candidates.length > records.length ? next : null),
        Count: records.length,
        DatasetSyncCount: upTo,
        LastModifiedBy: dataset?.exists ? dataset.by : null,
        MergedDatasetNames: copiesOf(state, placeOf(input)),
        DatasetExists: dataset?.exists ?? false,
        DatasetDeletedAfterRequestedSyncCount: last > 0 && (dataset?.deletedAt ?? 0) > last,
        SyncSessionToken: session,
      };
    },

    UpdateRecords(input, call) {
      const { process, caller } = call;
      checkCaller(caller, input.IdentityPoolId, input.IdentityId);
      const patches = input.RecordPatches ?? [];
      checkPatches(patches, process.limits.patchesPerCall);
      const of = datasetName(input);
      const session = checkSession(input.SyncSessionToken, of, process.now);
      if (session.spent) noSuchToken('SyncSessionToken');
      if (patches.length === 0) return { Records: [] };
      const dataset = datasetAt(state, placeOf(input));
      const pool = state.pools.get(dataset.pool);
      const function_ = caller.kind === 'identity' ? (pool?.syncTrigger ?? null) : null;
      if (function_ === null) {
        return { Records: write(state, dataset, patches, { call, session }) };
      }
      const toWrite = runTrigger(state, function_, { dataset, patches, call, write: writeConcurrently });
      const written = toWrite.length === 0 ? [] : write(state, dataset, toWrite, { call, session });
      return { Records: recordsToReturn(patches, written, dataset, process.now) };
    },

    DeleteDataset(input, { caller, process: { now } }) {
      const dataset = findDataset(state, input, caller);
      const output = { Dataset: describe(dataset) };
      remove(state, dataset, authorOf(caller), now);
      return output;
    },

    DescribeDataset(input, { caller }) {
      return { Dataset: describe(findDataset(state, input, caller)) };
    },

    ListDatasets({ IdentityPoolId, IdentityId, MaxResults, NextToken }, { caller }) {
      checkCaller(caller, IdentityPoolId, IdentityId);
      const size = checkPageSize(MaxResults);
      const of = nameOf(IdentityPoolId, IdentityId);
      const page = NextToken === undefined ? { kind: 'datasets', of, after: '' } : state.pages.get(NextToken);
      if (page?.kind !== 'datasets' || page.of !== of) return noSuchToken('NextToken');
      const found = datasetsOf(state, IdentityPoolId, IdentityId).filter(({ name }) => name > page.after);
      const shown = found.slice(0, size);
      const after = shown.at(-1)?.name ?? '';
      return {
        Datasets: shown.map(describe),
        Count: shown.length,
        NextToken: newPage(state, found.length > shown.length ? { kind: 'datasets', of, after } : null),
      };
    },
  };

  /** Writes a patch as a developer through another process, while a sync trigger runs. */
  function writeConcurrently(dataset: ModelDataset, patch: RecordPatch, { other, process }: ModelCall): void {
    const { pool: IdentityPoolId, identity: IdentityId, name: DatasetName } = dataset;
    const caller = { kind: 'developer', accountId: '000000000000' } as const;
    const call = { caller, process: other, other: process, listed: [] };
    const SyncSessionToken = newSession(nameOf(IdentityPoolId, IdentityId, DatasetName), other.now);
    const RecordPatches = [{ ...patch, SyncCount: dataset.count }];
    const input = { IdentityPoolId, IdentityId, DatasetName, SyncSessionToken, RecordPatches };
    operations.UpdateRecords(input, call);
  }

  return operations;
}

interface DatasetInput {
  IdentityPoolId: string;
  IdentityId: string;
  DatasetName: string;
}

function datasetName({ IdentityPoolId, IdentityId, DatasetName }: DatasetInput): string {
  return nameOf(IdentityPoolId, IdentityId, DatasetName);
}

function placeOf({ IdentityPoolId, IdentityId, DatasetName }: DatasetInput) {
  return { pool: IdentityPoolId, identity: IdentityId, name: DatasetName };
}

function findDataset(state: ModelState, input: DatasetInput, caller: ModelCall['caller']): ModelDataset {
  checkCaller(caller, input.IdentityPoolId, input.IdentityId);
  const dataset = state.datasets.get(datasetName(input));
  return dataset?.exists ? dataset : reject('ResourceNotFoundException');
}

function recordsPage(state: ModelState, handle: string, of: string, now: number) {
  const page = state.pages.get(handle);
  if (page?.kind !== 'records' || page.of !== of) return noSuchToken('NextToken');
  const session = state.sessions.get(page.session);
  return session && now < session.expiresAt ? page : noSuchToken('NextToken');
}

function inOrder(records: readonly SyncRecord[], listed: readonly string[]): SyncRecord[] {
  const place = ({ Key }: SyncRecord) => (listed.includes(Key) ? listed.indexOf(Key) : listed.length);
  return records.toSorted((a, b) => place(a) - place(b));
}

function describe(dataset: ModelDataset): Dataset {
  return {
    IdentityId: dataset.identity,
    DatasetName: dataset.name,
    CreationDate: dataset.created,
    LastModifiedDate: dataset.modified,
    LastModifiedBy: dataset.by,
    DataStorage: bytesOf(live(dataset)),
    NumRecords: live(dataset).length,
  };
}

function checkPatches(patches: readonly RecordPatch[], maxPatches: number): void {
  if (patches.length > maxPatches) reject('LimitExceededException');
  if (new Set(patches.map(({ Key }) => Key)).size < patches.length) reject('InvalidParameterException');
  for (const { Op, Value } of patches) {
    if (Op === 'replace' && Value === undefined) reject('InvalidParameterException');
  }
}

function write(
  state: ModelState,
  dataset: ModelDataset,
  patches: readonly RecordPatch[],
  { call: { caller, process }, session }: { call: ModelCall; session: ModelSession },
): SyncRecord[] {
  if (!state.pools.has(dataset.pool)) {
    reject('ResourceNotFoundException', `IdentityPool '${dataset.pool}' not found`);
  }
  checkCounts(dataset, patches);
  const stored = patches.filter(({ Op, Key }) => Op === 'replace' || dataset.records.has(Key));
  const after = new Map(dataset.records);
  for (const patch of stored) after.set(patch.Key, toRecord(patch));
  checkLimits(state, dataset, { ...dataset, records: after }, process.limits);

  changeToExist(dataset, authorOf(caller), process.now);
  const written = patches.map((patch) => ({
    ...toRecord(patch),
    SyncCount: dataset.count,
    LastModifiedDate: dataset.modified,
    LastModifiedBy: dataset.by,
  }));
  // The removal of a key that never existed changes the dataset's count, but no record is stored for the key.
  const kept = written.filter(({ Key }) => stored.some((patch) => patch.Key === Key));
  for (const record of kept) dataset.records.set(record.Key, record);
  session.spent = true;
  putEvent(state, dataset.pool, recordsEvent(dataset, kept));
  return written;
}

function toRecord({ Op, Key, Value, DeviceLastModifiedDate }: RecordPatch): SyncRecord {
  return {
    Key,
    Value: Op === 'remove' ? null : (Value ?? null),
    SyncCount: 0,
    LastModifiedDate: 0,
    LastModifiedBy: null,
    DeviceLastModifiedDate: DeviceLastModifiedDate ?? null,
  };
}

/** Rejects a write only if it increases a size that is then above its limit. */
function checkLimits(
  state: ModelState,
  before: ModelDataset,
  after: ModelDataset,
  limits: ModelCall['process']['limits'],
): void {
  const datasets = datasetsOf(state, before.pool, before.identity).length;
  if (!before.exists && datasets + 1 > limits.datasetsPerIdentity) reject('LimitExceededException');
  const records = live(after).length;
  if (records > limits.recordsPerDataset && records > live(before).length) reject('LimitExceededException');
  const bytes = bytesOf(live(after));
  if (bytes > limits.datasetBytes && bytes > bytesOf(live(before))) reject('LimitExceededException');
  const rows = [...after.records.keys()];
  if (rows.length === (before.exists ? before.records.size : 0)) return;
  if (rows.length > limits.rowsPerDataset) reject('LimitExceededException');
  if (Buffer.byteLength(rows.join('')) > limits.keyBytesPerDataset) reject('LimitExceededException');
}

function authorOf(caller: ModelCall['caller']): string {
  return caller.kind === 'developer' ? caller.accountId : caller.identityId;
}

/** Returns the record of each patch, even if it was not written, then the other records that the sync trigger wrote. */
function recordsToReturn(
  patches: readonly RecordPatch[],
  written: readonly SyncRecord[],
  { records }: ModelDataset,
  now: number,
): SyncRecord[] {
  const ofPatches = patches.map(({ Key }) => {
    const none = { Key, Value: null, SyncCount: 0, LastModifiedBy: null, DeviceLastModifiedDate: null };
    return (
      written.find((record) => record.Key === Key) ?? records.get(Key) ?? { ...none, LastModifiedDate: now }
    );
  });
  return [...ofPatches, ...written.filter(({ Key }) => !patches.some((patch) => patch.Key === Key))];
}
