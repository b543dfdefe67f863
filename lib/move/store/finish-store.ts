import type { Database } from '../../database/database.ts';
import { countUnknownLogins, listUnknownLogins } from '../../identity/store/copied-identities.ts';
import { parkMarks, setBridges } from '../../sync/store/replica/marks.ts';
import { transact } from '../../sync/store/transact.ts';
import type { FinishStore } from '../ports/finish-store.ts';
import { COUNT_MOVED, FINISH_MOVE } from './move-statements.ts';
import { lockPool } from './replica-store.ts';

/** Creates the store that finishes migrations, on any `Database`. */
export function createFinishStore(database: Database): FinishStore {
  return {
    async finish(identityPoolId, { startedAt, at, identities }) {
      const isFinished = await transact(database, async (transaction) => {
        // Locked before the identities are counted, so that none is created in between.
        await lockPool(transaction, identityPoolId);
        const counted = await transaction.query<{ identities: number }>(COUNT_MOVED, [identityPoolId, 0]);
        if (counted.rows[0]?.identities !== identities) return null;
        const { rowsChanged } = await transaction.query(FINISH_MOVE, [identityPoolId, startedAt, at]);
        if (rowsChanged === 0) return null;
        await setBridges(transaction, identityPoolId, false);
        return true;
      });
      if (isFinished) await parkMarks(database, identityPoolId);
      return isFinished ?? false;
    },

    countUnknownLogins: (identityPoolId) => countUnknownLogins(database, identityPoolId),
    listUnknownLogins: (identityPoolId, limit) => listUnknownLogins(database, identityPoolId, limit),
  };
}
