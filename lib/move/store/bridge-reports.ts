import type { Database } from '../../database/database.ts';
import {
  countMarks,
  countOlderMarks,
  listMarkedSince,
  listWaiting,
  readMarkClock,
} from '../../sync/store/replica/marks.ts';
import type { BridgeStore } from '../ports/bridge-store.ts';
import {
  COUNT_CONFLICTS,
  COUNT_SOME_CONFLICTS,
  type ConflictRow,
  LIST_CONFLICTS,
} from './bridge-statements.ts';
import { COUNT_AGREED, COUNT_OWED, COUNT_SOME_AGREED, COUNT_SOME_OWED } from './move-statements.ts';
import { readMemory } from './read-memory.ts';

const FIRST_ID = '00000000-0000-0000-0000-000000000000';

/** The part of the bridge's store that only reads. */
type BridgeReports = Pick<
  BridgeStore,
  | 'count'
  | 'countOlder'
  | 'listConflicts'
  | 'listMarkedSince'
  | 'listWaiting'
  | 'readMarkClock'
  | 'readMemory'
>;

/** Creates the part of the bridge's store that only reads. */
export function createBridgeReports(database: Database): BridgeReports {
  return {
    async count(identityPoolId, maxRows) {
      const count = async <Row>(all: string, some: string): Promise<Row | undefined> => {
        const [sql, values] =
          maxRows === undefined ? [all, [identityPoolId]] : [some, [identityPoolId, maxRows]];
        return (await database.query<Row>(sql, values)).rows[0];
      };
      const conflicts = await count<{ conflicts: number }>(COUNT_CONFLICTS, COUNT_SOME_CONFLICTS);
      const agreed = await count<{ datasets: number }>(COUNT_AGREED, COUNT_SOME_AGREED);
      const owed = await count<{ keys: number }>(COUNT_OWED, COUNT_SOME_OWED);
      return {
        ...(await countMarks(database, identityPoolId, maxRows)),
        conflicts: conflicts?.conflicts ?? 0,
        datasets: agreed?.datasets ?? 0,
        owedKeys: owed?.keys ?? 0,
      };
    },

    readMarkClock: () => readMarkClock(database),
    countOlder: (identityPoolId, since) => countOlderMarks(database, identityPoolId, since),
    listMarkedSince: (identityPoolId, about) => listMarkedSince(database, identityPoolId, about),
    readMemory: (dataset) => readMemory(database, dataset),
    listWaiting: (identityPoolId, limit) => listWaiting(database, identityPoolId, limit),

    async listConflicts(identityPoolId, { after, limit }) {
      const [decidedMs = '-1', id = FIRST_ID] = after?.split(' ') ?? [];
      const values = [identityPoolId, Number(decidedMs), id, limit];
      const { rows } = await database.query<ConflictRow>(LIST_CONFLICTS, values);
      const last = rows.length === limit ? rows.at(-1) : undefined;
      return {
        conflicts: rows.map((row) => ({
          identityId: row.identity_id,
          datasetName: row.dataset_name,
          key: row.record_key,
          kind: row.kind,
          winner: row.winner,
          hereMs: row.here_ms,
          thereMs: row.there_ms,
          decidedAt: row.decided_ms,
        })),
        next: last ? `${last.decided_ms} ${last.conflict_id}` : null,
      };
    },
  };
}
