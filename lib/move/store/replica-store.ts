import type { IdentityKey } from '../../common/dataset-key.ts';
import { plainArray } from '../../database/array-literal.ts';
import type { Database, Transaction } from '../../database/database.ts';
import { identityRowId } from '../../database/row-ids.ts';
import {
  type CopiedIdentity,
  changeCopied,
  createCopied,
  endGuest,
  findCopied,
  lockLivingCopy,
} from '../../identity/store/copied-identities.ts';
import { linkDeveloperUsers } from '../../identity/store/copied-users.ts';
import { createIdentityStore } from '../../identity/store/identity-store.ts';
import type { Offloading } from '../../sync/build-stream-event.ts';
import { exists } from '../../sync/ports/sync-store.ts';
import type { ReplicaChange } from '../../sync/replica.ts';
import { putMarks } from '../../sync/store/replica/marks.ts';
import { listReplicas, readReplicaVersions } from '../../sync/store/replica/replica-datasets.ts';
import { markCopies, type WrittenReplica, writeReplica } from '../../sync/store/replica/write-replica.ts';
import { createSyncStore } from '../../sync/store/sync-store.ts';
import { transact } from '../../sync/store/transact.ts';
import type { Applied, MoveStore } from '../ports/move-store.ts';
import {
  LOCK_MOVED,
  LOCK_POOL,
  MARK_COPIED,
  MARK_LISTED,
  type MovedRow,
  READ_MOVED,
} from './move-statements.ts';

type ReplicaStore = Pick<
  MoveStore,
  | 'putIdentities'
  | 'listedOf'
  | 'unknownOf'
  | 'withNewLogins'
  | 'listIdentities'
  | 'putDeveloperUsers'
  | 'markCopied'
  | 'readDatasets'
  | 'versionsOf'
  | 'readDataset'
  | 'applyChange'
  | 'markMergedCopies'
  | 'markChanged'
>;

/** Creates the part of the move store that writes replicas of the origin's identities, on any `Database`. */
export function createReplicaStore(
  database: Database,
  { offloading, now }: { offloading: Offloading | null; now: () => number },
): ReplicaStore {
  const identityStore = createIdentityStore(database);
  const syncStore = createSyncStore(database);
  return {
    async putIdentities(identityPoolId, given, { startedAt, state, developerProvider }) {
      if (given.length === 0) return { created: 0, kept: 0 };
      const identities = given.map((identity) => ({ ...identity, isDisabled: state === 'disabled' }));
      const put = await transact(database, (transaction) =>
        putIdentities(transaction, identityPoolId, { identities, startedAt, developerProvider, at: now() }),
      );
      for (const identity of startedAt === null ? [] : put.outdated) {
        await whileReplica(database, { identityPoolId, identityId: identity.identityId }, (transaction) =>
          changeCopied(transaction, identity, { developerProvider, at: now() }),
        );
      }
      for (const { identityId, providers } of startedAt === null ? [] : put.endedGuests) {
        await transact(database, async (transaction) => {
          await endGuest(transaction, { identityPoolId, identityId }, { providers, at: now() });
          return true;
        });
      }
      return put;
    },

    async listedOf(identityPoolId, identityIds, startedAt) {
      const rows = await readMoved(database, identityPoolId, identityIds);
      return new Set(identityIds.filter((id) => rows.get(id)?.listed_run_ms === startedAt));
    },

    async unknownOf(identityPoolId, identityIds) {
      const rows = await readMoved(database, identityPoolId, identityIds);
      return identityIds.filter((identityId) => !rows.has(identityId));
    },

    async withNewLogins(identities) {
      const given = identities.map((identity) => ({ ...identity, isDisabled: false }));
      const stored = await findCopied(database, given, undefined);
      return [...stored].flatMap(([identityId, { hasNewLogin }]) => (hasNewLogin ? [identityId] : []));
    },

    async listIdentities(identityPoolId, { after, limit, startedAt }) {
      const found = await identityStore.listIdentities({ identityPoolId, after, limit, hideDisabled: false });
      const ids = found.map(({ identityId }) => identityId);
      const rows = await readMoved(database, identityPoolId, ids);
      return found.map(({ identityId, providers, createdAt, mergedInto }) => {
        const row = rows.get(identityId);
        const state = row?.taken_over_ms === null && mergedInto === null ? 'replica' : 'kept';
        const isListed = row?.listed_run_ms === startedAt;
        const isCopied = row?.copied_run_ms === startedAt;
        const isMoved = row !== undefined;
        const isMerged = mergedInto !== null;
        return { identityId, providers, createdAt, state, isMoved, isMerged, isListed, isCopied };
      });
    },

    async putDeveloperUsers(identity, provider, userIds) {
      const users = { ...identity, provider, userIds, at: now() };
      const link = (transaction: Transaction) => linkDeveloperUsers(transaction, users);
      return (await whileReplica(database, identity, link)) ?? 0;
    },

    async markCopied(identity, startedAt) {
      await database.query(MARK_COPIED, [identityRowId(identity), startedAt]);
    },

    async readDataset(dataset) {
      const all = { session: null, after: 0, upTo: null, limit: null };
      const { dataset: stored, records } = await syncStore.readRecords(dataset, all);
      const rows = records.map(({ Key, Value, SyncCount }) => ({
        key: Key,
        value: Value,
        syncCount: SyncCount,
      }));
      return { exists: exists(stored), syncCount: stored?.syncCount ?? 0, rows };
    },

    versionsOf: (datasets) => readReplicaVersions(database, datasets),
    readDatasets: (identity) => listReplicas(database, identity),
    applyChange: (change) => applyChange(database, change, offloading),

    async markChanged(identity, names) {
      const datasets = names.map((datasetName) => ({ ...identity, datasetName }));
      await putMarks(database, identity.identityPoolId, datasets);
    },

    async markMergedCopies(root, names) {
      await whileReplica(database, root, (transaction) => markCopies(transaction, root, names));
    },
  };
}

/** Locks a pool, so that its migration does not end before the transaction. */
export async function lockPool(on: Transaction, identityPoolId: string): Promise<'moving' | 'finished'> {
  const { rows } = await on.query<{ finished_ms: number | null }>(LOCK_POOL, [identityPoolId]);
  return typeof rows[0]?.finished_ms === 'number' ? 'finished' : 'moving';
}

async function readMoved(
  on: Transaction,
  identityPoolId: string,
  identityIds: readonly string[],
): Promise<Map<string, MovedRow>> {
  const ids = new Map(
    identityIds.map((identityId) => [identityRowId({ identityPoolId, identityId }), identityId]),
  );
  const { rows } = await on.query<MovedRow>(READ_MOVED, [plainArray([...ids.keys()])]);
  return new Map(rows.map((row) => [ids.get(row.identity_row_id) ?? '', row]));
}

interface Given {
  identities: readonly CopiedIdentity[];
  startedAt: number | null;
  developerProvider: string | undefined;
  at: number;
}

/**
 * An identity that exists here, but did not come from the origin, belongs to this service. An identity that came from the
 * origin, but does not exist any more, was deleted here and must not come back. No client reads an identity that was merged
 * here, so nothing is written to it.
 */
async function putIdentities(
  on: Transaction,
  identityPoolId: string,
  { identities, startedAt, developerProvider, at }: Given,
): Promise<{ created: number; kept: number; outdated: CopiedIdentity[]; endedGuests: CopiedIdentity[] }> {
  const ids = identities.map(({ identityId }) => identityId);
  const moved = await readMoved(on, identityPoolId, ids);
  const stored = await findCopied(on, identities, developerProvider);
  const unknown = identities.filter(({ identityId }) => !moved.has(identityId) && !stored.has(identityId));
  const isReplica = (id: string) =>
    moved.get(id)?.taken_over_ms === null && stored.get(id)?.isMerged === false;
  const outdated = identities.filter(({ identityId: id }) => isReplica(id) && stored.get(id)?.isOutdated);
  const isKept = (id: string) => !isReplica(id) && (moved.has(id) || stored.has(id));
  const isMoving = unknown.length > 0 && (await lockPool(on, identityPoolId)) !== 'finished';
  const created = isMoving ? await createCopied(on, identityPoolId, unknown, at) : 0;
  // The pool may not exist (any more), or its migration has ended since the caller read the pool. Identities that do
  // not exist here for this reason are not marked as listed: a mark without an identity would mean that the identity
  // was deleted here.
  const isMissing = created < unknown.length;
  const existing = isMissing ? await findCopied(on, unknown, developerProvider) : null;
  const marked = ids.filter((id) => moved.has(id) || stored.has(id) || existing === null || existing.has(id));
  await on.query(MARK_LISTED, [
    identityPoolId,
    startedAt,
    plainArray(marked.map((identityId) => identityRowId({ identityPoolId, identityId }))),
    plainArray(marked.map((id) => (!moved.has(id) && stored.has(id) ? at : null))),
  ]);
  // An identity that this service owns is not changed, with one exception: if its id no longer suffices to use it at
  // the origin, the id must not suffice here either.
  const endedGuests = identities.filter(
    ({ identityId: id, providers, isDisabled }) =>
      isKept(id) && moved.has(id) && stored.get(id)?.isGuest && (providers.length > 0 || isDisabled),
  );
  return { created, kept: ids.filter(isKept).length, outdated, endedGuests };
}

/**
 * Runs `work` in a transaction in which no takeover of the identity can happen.
 * @returns null if this service owns the identity, the identity does not exist here, or it was merged here
 */
function whileReplica<Result>(
  database: Database,
  identity: IdentityKey,
  work: (transaction: Transaction) => Promise<Result>,
): Promise<Result | null> {
  return transact(database, async (transaction) => {
    const { rows } = await transaction.query<MovedRow>(LOCK_MOVED, [identityRowId(identity)]);
    if (rows[0]?.taken_over_ms !== null) return null;
    return (await lockLivingCopy(transaction, identity)) ? work(transaction) : null;
  });
}

/** Applies a change in as many transactions as its rows need. */
async function applyChange(
  database: Database,
  change: ReplicaChange,
  offloading: Offloading | null,
): Promise<Applied> {
  const total = { records: 0, leftOut: 0 };
  for (let isFirst = true; ; isFirst = false) {
    const written: WrittenReplica | null = await whileReplica(database, change.dataset, (transaction) =>
      writeReplica(transaction, change, offloading),
    );
    if (written === null || written.outcome === 'deleted') return { outcome: 'kept' };
    total.records += written.records;
    total.leftOut += written.leftOut;
    if (written.outcome === 'partial') continue;
    return { outcome: isFirst ? written.outcome : 'written', ...total };
  }
}
