import type { Database } from '../../database/database.ts';
import { countUnknownLogins } from '../../identity/store/copied-identities.ts';
import { parkMarks, setBridges } from '../../sync/store/replica/marks.ts';
import { transact } from '../../sync/store/transact.ts';
import type { FinishStore } from '../ports/finish-store.ts';
import { FINISH_MOVE } from './move-statements.ts';

/** Creates the store that finishes migrations, on any `Database`. */
export function createFinishStore(database: Database): FinishStore {
  return {
    async finish(identityPoolId, { startedAt, at }) {
      const isFinished = await transact(database, async (transaction) => {
        const { rowsChanged } = await transaction.query(FINISH_MOVE, [identityPoolId, startedAt, at]);
        if (rowsChanged === 0) return null;
        await setBridges(transaction, identityPoolId, false);
        return true;
      });
      if (isFinished) await parkMarks(database, identityPoolId);
      return isFinished ?? false;
    },

    countUnknownLogins: (identityPoolId) => countUnknownLogins(database, identityPoolId),
  };
}
