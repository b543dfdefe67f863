import { randomUUID } from 'node:crypto';
import type { DatasetKey, IdentityKey } from '../../common/dataset-key.ts';
import { plainArray, textArray } from '../../database/array-literal.ts';
import type { Database, Transaction } from '../../database/database.ts';
import { datasetId, identityRowId, recordId } from '../../database/row-ids.ts';
import {
  type IdentityState,
  lockIdentityState,
  mergeAgain,
  readIdentityState,
} from '../../identity/store/identity-state.ts';
import type { Offloading } from '../../sync/build-stream-event.ts';

import type { Mark } from '../../sync/ports/mark.ts';
import { eraseDeleted } from '../../sync/store/erase-deleted.ts';
import { listDue, postponeMark, putMarks, readBridging, removeMark } from '../../sync/store/replica/marks.ts';
import { type LockedDataset, lockBridged, writeBridged } from '../../sync/store/replica/write-bridged.ts';
import { transact } from '../../sync/store/transact.ts';
import { type Memory, remember } from '../bridge-memory.ts';
import type { BothSides, BridgedRow } from '../bridge-state.ts';
import { type Conflict, DELETION, decide, NO_CHANGE, type Plan } from '../decide.ts';
import type { BridgeStore, Decided, ReadThere } from '../ports/bridge-store.ts';
import type { IdentityLease } from '../ports/take-over-store.ts';
import { createBridgeReports } from './bridge-reports.ts';
import {
  CLAIM_OWNED,
  DELETE_CONFLICTS_OF,
  DELETE_PENDING_OF,
  type LeasedRow,
  LOCK_OWNED,
  PUT_AGREED_COUNTS,
  PUT_CONFLICTS,
  PUT_PENDING,
  READ_LEASED,
  REMOVE_PENDING,
  RENEW_OWNED,
} from './bridge-statements.ts';
import { type MovedRow, READ_MOVED, SAVE_OLD_WRITE } from './move-statements.ts';
import { readMemory } from './read-memory.ts';
import { RELEASE_IDENTITY } from './take-over-statements.ts';

/** Creates the store of the bridge, on any `Database`. */
export function createBridgeStore(
  database: Database,
  { offloading }: { offloading: Offloading },
): BridgeStore {
  const isOwned = async (identity: IdentityKey) => {
    const { rows } = await database.query<MovedRow>(READ_MOVED, [plainArray([identityRowId(identity)])]);
    if (typeof rows[0]?.taken_over_ms !== 'number') return false;
    return (await readIdentityState(database, identity)) !== 'missing';
  };
  return {
    ...createBridgeReports(database),
    listDue: (now, limit) => listDue(database, now, limit),
    removeMark: (mark) => removeMark(database, mark),
    postpone: (mark, about) => postponeMark(database, mark, about),
    mark: (identityPoolId, datasets) => putMarks(database, identityPoolId, datasets),
    async saveOldWrite(identityPoolId, at) {
      await database.query(SAVE_OLD_WRITE, [identityPoolId, at]);
    },
    isOwned,

    async claim(identity, { now, until }) {
      const leaseId = randomUUID();
      const rowId = identityRowId(identity);
      const { rowsChanged } = await database.query(CLAIM_OWNED, [rowId, leaseId, now, until]);
      if (rowsChanged === 1) return { identity, leaseId };
      const { rows } = await database.query<LeasedRow>(READ_LEASED, [rowId, now]);
      return rows[0]?.is_owned || rows[0]?.is_leased ? 'busy' : 'not owned';
    },

    async renew({ identity, leaseId }, until) {
      const values = [identityRowId(identity), leaseId, until];
      return (await database.query(RENEW_OWNED, values)).rowsChanged === 1;
    },

    async release({ identity, leaseId }) {
      await database.query(RELEASE_IDENTITY, [identityRowId(identity), leaseId]);
    },

    async forgetDeleted(identity, datasets) {
      if ((await readIdentityState(database, identity)) !== 'missing') return;
      await database.query(DELETE_CONFLICTS_OF, [identity.identityPoolId, identity.identityId]);
      await database.query(DELETE_PENDING_OF, [plainArray(datasets.map(datasetId))]);
    },

    async decide(lease, mark, about) {
      const decided = await transact(database, (transaction) =>
        decideAndWrite(transaction, lease, mark, { ...about, offloading }),
      );
      if (decided?.plan.deleteHere) await eraseDeleted(database, mark.dataset, decided.syncCount);
      return decided;
    },

    async settle(lease, mark, { isDone, conflict, at, ...memory }) {
      const isSaved = await transact(database, async (transaction) => {
        if (!(await lockLease(transaction, lease, at))) return null;
        await saveMemory(transaction, mark.dataset, memory);
        // A conflict names the identity, so no conflict is saved if the identity was deleted here.
        const isKept = conflict && (await lockIdentityState(transaction, mark.dataset)) !== 'missing';
        if (isKept) await putConflicts(transaction, mark.dataset, [DELETION], at);
        if (isDone) await removeMark(transaction, mark);
        return true;
      });
      return isSaved ?? false;
    },
  };
}

async function lockLease(
  on: Transaction,
  { identity, leaseId }: IdentityLease,
  at: number,
): Promise<boolean> {
  const { rows } = await on.query(LOCK_OWNED, [identityRowId(identity), leaseId, at]);
  return rows.length > 0;
}

async function decideAndWrite(
  on: Transaction,
  lease: IdentityLease,
  mark: Mark,
  {
    there,
    isDeletedThere,
    isMergedThere,
    unstorableKeys,
    at,
    offloading,
  }: ReadThere & { at: number; offloading: Offloading },
): Promise<Decided | null> {
  const { dataset } = mark;
  if (!(await lockLease(on, lease, at))) return null;
  const state = await lockIdentityState(on, dataset);
  // Nothing is written for a deleted identity, not even its id.
  const locked = state === 'missing' ? { key: dataset, row: null, rows: [] } : await lockBridged(on, dataset);
  // Read last: if the identity or the dataset is gone because its pool was deleted, the deletion of the pool is visible
  // here.
  const bridging = await readBridging(on, dataset.identityPoolId);
  const isStopped = bridging !== 'on';
  const memory = await readMemory(on, dataset);
  const here = toSide(locked, new Set(unstorableKeys));
  const isMerged = state === 'merged';
  const given: BothSides = { here, there, ...memory, isDeletedThere, isMerged, isMergedThere };
  const plan = isStopped ? NO_CHANGE : planFor(state, given);
  const change = { records: plan.writeHere, isDeletion: plan.deleteHere, jump: plan.jump };
  const written = await writeBridged(on, locked, change, { at, offloading });
  // No client reads a merged identity, so the new records must be moved to the identity into which it was merged.
  if (state === 'merged' && plan.writeHere.length > 0) await mergeAgain(on, dataset, at);
  const saved = remember(plan, given, written.syncCount);
  if (state !== 'missing' && !isStopped) {
    await saveMemory(on, dataset, saved);
    await putConflicts(on, dataset, plan.conflicts, at);
  }
  const isOver = plan.writeThere.length === 0 && !plan.deleteThere && plan.isComplete;
  if (isOver && bridging !== 'off') await removeMark(on, mark);
  return { plan, given, saved, ...written };
}

/** If the identity was deleted here, nothing is written here, and the dataset is deleted at the origin. */
function planFor(state: IdentityState, given: BothSides): Plan {
  return state === 'missing' ? { ...NO_CHANGE, deleteThere: given.there.exists } : decide(given);
}

function toSide({ row, rows }: LockedDataset, leftOut: ReadonlySet<string>): BothSides['here'] {
  const syncCount = row?.sync_count ?? 0;
  const deletedSyncCount = row?.deleted_sync_count ?? 0;
  const bridged = rows
    .filter(({ record_key: key }) => !leftOut.has(key))
    .map((record): [string, BridgedRow] => [
      record.record_key,
      {
        syncCount: record.sync_count,
        value: record.record_value,
        deviceMs: record.device_last_modified_ms,
        modifiedMs: record.last_modified_ms,
      },
    ]);
  return { exists: syncCount > deletedSyncCount, syncCount, deletedSyncCount, rows: new Map(bridged) };
}

async function saveMemory(on: Transaction, dataset: DatasetKey, { agreed, pending }: Memory): Promise<void> {
  const id = datasetId(dataset);
  await on.query(PUT_AGREED_COUNTS, [id, identityRowId(dataset), agreed.here, agreed.there]);
  const removed = [...pending].flatMap(([key, value]) => (value === null ? [key] : []));
  if (removed.length > 0) await on.query(REMOVE_PENDING, [id, plainArray(removed.map(recordId))]);
  const put = [...pending].flatMap(([key, value]) => (value === null ? [] : [{ key, ...value }]));
  if (put.length === 0) return;
  await on.query(PUT_PENDING, [
    id,
    plainArray(put.map(({ key }) => recordId(key))),
    textArray(put.map(({ key }) => key)),
    textArray(put.map(({ valueHash }) => valueHash)),
    plainArray(put.map(({ hereCount }) => hereCount)),
    plainArray(put.map(({ afterThere }) => afterThere)),
    plainArray(put.map(({ thereCount }) => thereCount)),
  ]);
}

/** Saves conflicts about keys of a dataset. */
export async function putConflicts(
  on: Transaction,
  { identityPoolId, identityId, datasetName }: DatasetKey,
  conflicts: readonly Conflict[],
  at: number,
): Promise<void> {
  if (conflicts.length === 0) return;
  await on.query(PUT_CONFLICTS, [
    plainArray(conflicts.map(() => randomUUID())),
    textArray(conflicts.map(({ key }) => key)),
    textArray(conflicts.map(({ kind }) => kind)),
    textArray(conflicts.map(({ winner }) => winner)),
    plainArray(conflicts.map(({ hereMs }) => hereMs)),
    plainArray(conflicts.map(({ thereMs }) => thereMs)),
    identityPoolId,
    identityId,
    datasetName,
    at,
  ]);
}
