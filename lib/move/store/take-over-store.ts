import { randomUUID } from 'node:crypto';
import type { IdentityKey } from '../../common/dataset-key.ts';
import { plainArray } from '../../database/array-literal.ts';
import type { Database } from '../../database/database.ts';
import { identityRowId } from '../../database/row-ids.ts';
import {
  changeCopied,
  endGuest,
  findCopied,
  lockLivingCopy,
} from '../../identity/store/copied-identities.ts';
import { createIdentityStore } from '../../identity/store/identity-store.ts';
import { putMarks } from '../../sync/store/replica/marks.ts';
import { keepDeletion, listReplicas, raiseCounts } from '../../sync/store/replica/replica-datasets.ts';
import { transact } from '../../sync/store/transact.ts';
import type { KnownReplica } from '../ports/move-store.ts';
import { type IdentityOwner, type TakeOverStore, TooManyDatasetsError } from '../ports/take-over-store.ts';
import { LOCK_MOVED, type MovedRow, READ_MOVED } from './move-statements.ts';
import {
  CLAIM_IDENTITY,
  LIST_MOVING,
  LOCK_CLAIMED,
  PUT_AGREED,
  RELEASE_IDENTITY,
  RENEW_IDENTITY,
  TAKE_OVER,
} from './take-over-statements.ts';

/**
 * Maximum number of datasets that one transaction marks. Aurora DSQL changes at most 3,000 rows in a transaction, and a
 * takeover changes two rows per dataset in addition to the mark.
 */
const MARKS_PER_STEP = 900;
/**
 * Maximum number of datasets of an identity that is taken over on Aurora DSQL, because of the same limit on rows. It
 * leaves room for datasets that are created at the same moment.
 */
const MAX_DATASETS_ON_DSQL = 1_400;

/** Creates the store of takeovers, on any `Database`. */
export function createTakeOverStore(database: Database): TakeOverStore {
  const identities = createIdentityStore(database);

  const readReplica: TakeOverStore['readReplica'] = async ({ identityPoolId, identityId }) => {
    const stored = await identities.readIdentity(identityId);
    if (stored?.identityPoolId !== identityPoolId || stored.mergedInto !== null) return null;
    return { providers: stored.providers, isDisabled: stored.unlinkedAt !== null };
  };

  async function ownersOf(given: readonly IdentityKey[]): Promise<IdentityOwner[]> {
    if (given.length === 0) return [];
    const { rows } = await database.query<MovedRow>(READ_MOVED, [plainArray(given.map(identityRowId))]);
    const moved = new Map(rows.map((row) => [row.identity_row_id, row]));
    const owners: IdentityOwner[] = [];
    for (const identity of given) {
      const row = moved.get(identityRowId(identity));
      const isOwned = row !== undefined && row.taken_over_ms !== null;
      if (isOwned || (await readReplica(identity)) !== null) owners.push(row && !isOwned ? 'origin' : 'us');
      else owners.push('unknown');
    }
    return owners;
  }

  /**
   * Marks the datasets of an identity before its takeover if there are too many for one transaction. The bridge keeps the
   * marks while the identity is leased.
   */
  async function markMany(
    identity: IdentityKey,
    existing: readonly KnownReplica[],
  ): Promise<ReadonlySet<string>> {
    const names = existing.length > MARKS_PER_STEP ? existing.map(({ datasetName }) => datasetName) : [];
    for (let from = 0; from < names.length; from += MARKS_PER_STEP) {
      const step = names.slice(from, from + MARKS_PER_STEP);
      const datasets = step.map((datasetName) => ({ ...identity, datasetName }));
      await putMarks(database, identity.identityPoolId, datasets);
    }
    return new Set(names);
  }

  return {
    async listMoving() {
      const { rows } = await database.query<MovingRow>(LIST_MOVING);
      return rows.map((row) => ({
        identityPoolId: row.identity_pool_id,
        origin: row.origin,
        startedAt: row.run_ms,
      }));
    },

    ownersOf,
    readReplica,

    async changeReplica({ identity, leaseId }, { described, isDisabled, developerProvider, now }) {
      const given = { ...described, isDisabled };
      const isFound = await transact(database, async (transaction) => {
        const { rows } = await transaction.query(LOCK_CLAIMED, [identityRowId(identity), leaseId, now]);
        if (rows.length === 0 || !(await lockLivingCopy(transaction, identity))) return null;
        const stored = await findCopied(transaction, [given], developerProvider);
        if (stored.get(identity.identityId)?.isOutdated)
          await changeCopied(transaction, given, { developerProvider, at: now });
        return true;
      });
      return isFound ?? false;
    },

    async developerProviderOf(identityPoolId) {
      return (await identities.readPool(identityPoolId))?.DeveloperProviderName;
    },

    async claim(identity, { now, until }) {
      const leaseId = randomUUID();
      const values = [identityRowId(identity), leaseId, now, until];
      const { rowsChanged } = await database.query(CLAIM_IDENTITY, values);
      const [owner] = await ownersOf([identity]);
      if (owner !== 'origin') return 'ours';
      return rowsChanged === 1 ? { identity, leaseId } : 'busy';
    },

    async renew({ identity, leaseId }, until) {
      const values = [identityRowId(identity), leaseId, until];
      return (await database.query(RENEW_IDENTITY, values)).rowsChanged === 1;
    },

    async finish({ identity, leaseId }, { at, countJump }) {
      const rowId = identityRowId(identity);
      const existing = (await listReplicas(database, identity)).filter(({ exists }) => exists);
      if (database.dialect === 'dsql' && existing.length > MAX_DATASETS_ON_DSQL)
        throw new TooManyDatasetsError(existing.length, MAX_DATASETS_ON_DSQL);
      const marked = await markMany(identity, existing);
      const isOwner = await transact(database, async (transaction) => {
        const { rows } = await transaction.query(LOCK_CLAIMED, [rowId, leaseId, at]);
        if (rows.length === 0 || !(await lockLivingCopy(transaction, identity))) return null;
        const raised = await raiseCounts(transaction, identity, countJump);
        await transaction.query(PUT_AGREED, [
          rowId,
          plainArray(raised.map(({ datasetId }) => datasetId)),
          plainArray(raised.map(({ syncCount }) => syncCount)),
        ]);
        // The datasets are marked, so that the bridge compares them again: events can arrive in any order, so a change
        // may be missing here although a later change is applied.
        const names = raised.map(({ datasetName }) => datasetName).filter((name) => !marked.has(name));
        const datasets = names.slice(0, MARKS_PER_STEP).map((datasetName) => ({ ...identity, datasetName }));
        await putMarks(transaction, identity.identityPoolId, datasets);
        await transaction.query(TAKE_OVER, [rowId, at]);
        return true;
      });
      return isOwner ?? false;
    },

    async release({ identity, leaseId }) {
      await database.query(RELEASE_IDENTITY, [identityRowId(identity), leaseId]);
    },

    async endGuest(identity, about) {
      await transact(database, async (transaction) => {
        await transaction.query(LOCK_MOVED, [identityRowId(identity)]);
        await endGuest(transaction, identity, about);
        return true;
      });
    },

    async keepDeletion(dataset, { syncCount, at }) {
      const isKept = await transact(database, async (transaction) => {
        const { rows } = await transaction.query<MovedRow>(LOCK_MOVED, [identityRowId(dataset)]);
        const isOwned = rows[0] !== undefined && rows[0].taken_over_ms !== null;
        if (!isOwned || !(await lockLivingCopy(transaction, dataset))) return null;
        const version = { lastModifiedDate: at, syncCount };
        return (await keepDeletion(transaction, dataset, version)) || null;
      });
      return isKept ?? false;
    },
  };
}

interface MovingRow {
  identity_pool_id: string;
  origin: string;
  run_ms: number;
}
