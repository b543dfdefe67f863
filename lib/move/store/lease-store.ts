import { randomUUID } from 'node:crypto';
import type { Database, SqlValue } from '../../database/database.ts';
import { forgetMarks, setBridges } from '../../sync/store/replica/marks.ts';
import { transact } from '../../sync/store/transact.ts';
import { type Lease, type MoveStore, noProgress } from '../ports/move-store.ts';
import {
  FINISH_COPY,
  FORGET_AGREED,
  FORGET_CONFLICTS,
  FORGET_IDENTITIES,
  FORGET_PENDING,
  FORGET_ROWS,
  type MovingPoolRow,
  READ_POOL,
  RELEASE_LEASE,
  SAVE,
  START_COPY,
  START_FIRST_COPY,
  TAKE_LEASE,
} from './move-statements.ts';

type LeaseStore = Pick<
  MoveStore,
  'takeLease' | 'save' | 'startCopy' | 'resumeCopy' | 'finishCopy' | 'releaseLease'
>;

/** Creates the part of the move store that lets only one process work on a pool, on any `Database`. */
export function createLeaseStore(database: Database): LeaseStore {
  const change = async (sql: string, { identityPoolId, leaseId }: Lease, values: SqlValue[]) =>
    (await database.query(sql, [identityPoolId, leaseId, ...values])).rowsChanged === 1;
  return {
    async takeLease(identityPoolId, { origin, holder, now, until }) {
      const leaseId = randomUUID();
      const progress = JSON.stringify(noProgress());
      const values = [identityPoolId, leaseId, holder, now, until, origin, progress];
      const { rowsChanged } = await database.query(TAKE_LEASE, values);
      if (rowsChanged === 1) return { identityPoolId, leaseId };
      const { rows } = await database.query<MovingPoolRow>(READ_POOL, [identityPoolId]);
      return { holder: rows[0]?.lease_holder ?? 'another process', until: rows[0]?.leased_until_ms ?? now };
    },

    save: (lease, progress, until) => change(SAVE, lease, [JSON.stringify(progress), until]),
    async startCopy(lease, { origin, startedAt, isPoolNew }) {
      const { identityPoolId, leaseId } = lease;
      if (isPoolNew) await forgetIdentities(database, identityPoolId);
      const values = [identityPoolId, leaseId, JSON.stringify(noProgress()), origin, startedAt];
      const isStarted = await transact(database, async (transaction) => {
        const sql = isPoolNew ? START_FIRST_COPY : START_COPY;
        if ((await transaction.query(sql, values)).rowsChanged === 0) return null;
        // From now on, changes are marked for the bridge. A change that is not marked would never be written to the
        // origin.
        await setBridges(transaction, identityPoolId, true);
        return true;
      });
      return isStarted ?? false;
    },
    resumeCopy: ({ identityPoolId }) => setBridges(database, identityPoolId, true),
    finishCopy: (lease, progress, at) =>
      change(FINISH_COPY, lease, [JSON.stringify(progress), at, progress.counts.unread > 0]),
    async releaseLease(lease) {
      await change(RELEASE_LEASE, lease, []);
    },
  };
}

async function forgetIdentities(database: Database, identityPoolId: string): Promise<void> {
  await forgetMarks(database, identityPoolId);
  for (const statement of [FORGET_CONFLICTS, FORGET_PENDING, FORGET_AGREED, FORGET_IDENTITIES])
    while ((await database.query(statement, [identityPoolId])).rowsChanged === FORGET_ROWS);
}
