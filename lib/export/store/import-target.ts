import { SetupError } from '../../common/errors.ts';
import { textArray } from '../../database/array-literal.ts';
import type { Database, Transaction } from '../../database/database.ts';
import { MOVING_POOLS, withGap } from '../../move/store/exported-tables.ts';
import { findProjectedPools } from '../../projection/store/projected-pools.ts';
import { SLOTS } from '../../sync/jobs/sweep-datasets.ts';
import { beginAfter } from '../../sync/operations/bulk-publish.ts';
import { createBulkPublishJobStore } from '../../sync/store/bulk-publish-job-store.ts';
import { createDatasetSweep } from '../../sync/store/dataset-sweep.ts';
import { eraseDeleted } from '../../sync/store/erase-deleted.ts';
import {
  beginImport,
  discardImport,
  endImport,
  isRestore,
  listImports,
  moveImport,
} from '../../sync/store/import-progress.ts';
import { createPoolStore } from '../../sync/store/pool-store.ts';
import { transact } from '../../sync/store/transact.ts';
import type { ImportedPools, ImportFile, ImportTarget } from '../ports/import-target.ts';
import type { ServiceItem } from '../service-file.ts';
import { checkItem } from './check-item.ts';
import { INTERRUPTED_RESTORE } from './interrupted-import.ts';
import { CLOCK_SKEW_MS } from './service-sections.ts';
import { writeItems } from './write-items.ts';
import { describeInUse, IMPORT, type WritingCommand } from './writing-command.ts';

/** Removes those of the pools that have no data, so that they can be imported. `npm start` creates such a pool. */
const REMOVE_EMPTY_POOLS = `
DELETE FROM sync.identity_pools
WHERE identity_pool_id = ANY ($1::text[]) AND deleted_ms IS NULL
  AND NOT EXISTS (
    SELECT 1 FROM sync.identities WHERE identities.identity_pool_id = identity_pools.identity_pool_id)
  AND NOT EXISTS (
    SELECT 1 FROM identity.identities WHERE identities.identity_pool_id = identity_pools.identity_pool_id)`;

const HAS_IDENTITIES = `
SELECT 1 FROM (
  (SELECT 1 FROM sync.identities LIMIT 1) UNION ALL (SELECT 1 FROM identity.identities LIMIT 1)) AS found`;

const FIND_POOLS = `
SELECT identity_pool_id, deleted_ms IS NOT NULL AS is_deleted
FROM sync.identity_pools WHERE identity_pool_id = ANY ($1::text[])`;

/**
 * Creates the access to a service that receives an import, on any `Database`.
 * @param by the command whose words the messages use
 */
export function createImportTarget(database: Database, by: WritingCommand = IMPORT): ImportTarget {
  return {
    check: checkItem,
    begin: (file, now) => transact(database, (transaction) => begin(transaction, file, now, by)),

    async write({ exportId, startedAt }, items, position, now) {
      const since = startedAt - CLOCK_SKEW_MS;
      const written = items.map((item) =>
        item.type === 'row' && item.table === MOVING_POOLS.name
          ? { ...item, row: withGap(item.row, { since, now }) }
          : item,
      );
      await transact(database, async (transaction) => {
        // The stored position is changed first. A second process then waits here, and finds that the position has
        // changed.
        if (!(await moveImport(transaction, exportId, position))) throw new SetupError(describeInUse(by));
        await writeItems(transaction, written, by);
        return true;
      });
      await eraseReplaced(database, items);
    },

    async finish({ exportId, identityPoolIds }, now) {
      const sweep = createDatasetSweep(database);
      // Corrects the stored usage of the pools, which is a sum over their datasets.
      for (let slot = 0; slot < SLOTS; slot += 1) await sweep.sweepSlot(slot, 0);
      const pools = await publishPools(database, identityPoolIds, now);
      await endImport(database, exportId);
      return pools;
    },

    discard: (now) =>
      transact(database, async (transaction) => {
        const [running] = await listImports(transaction);
        if (!running) throw new SetupError('no import was interrupted, so there is nothing to discard');
        if (isRestore(running)) throw new SetupError(INTERRUPTED_RESTORE);
        if (running.identity_pool_ids === null) {
          throw new SetupError(
            'an older version started the import and did not store its pools; run `import` with the same file again',
          );
        }
        return discardImport(transaction, running, now);
      }),
  };
}

/** Returns whether a service has stored identities in the database. Pools without identities do not count. */
export async function hasIdentities(database: Database): Promise<boolean> {
  return (await database.query(HAS_IDENTITIES)).rows.length > 0;
}

async function begin(
  on: Transaction,
  { exportId, sha256, identityPoolIds }: ImportFile,
  at: number,
  by: WritingCommand,
): Promise<number> {
  const [running] = await listImports(on);
  if (running?.import_id === exportId && running.file_sha256 === sha256) return running.next_position;
  if (running && isRestore(running)) throw new SetupError(INTERRUPTED_RESTORE);
  if (running) throw new SetupError(by.otherImport);
  await on.query(REMOVE_EMPTY_POOLS, [textArray(identityPoolIds)]);
  const problem = await findProblem(on, identityPoolIds);
  if (problem !== null) {
    throw new SetupError(`nothing was ${by.written}: ${problem}; ${by.name} into a new database`);
  }
  if (!(await beginImport(on, { importId: exportId, sha256, at, identityPoolIds })))
    throw new SetupError(describeInUse(by));
  return 0;
}

/** @returns why the pools cannot be imported; null if they can */
async function findProblem(on: Transaction, identityPoolIds: readonly string[]): Promise<string | null> {
  const { rows } = await on.query<{ identity_pool_id: string; is_deleted: boolean }>(FIND_POOLS, [
    textArray(identityPoolIds),
  ]);
  const idsOf = (isDeleted: boolean) =>
    rows.flatMap((row) => (row.is_deleted === isDeleted ? [row.identity_pool_id] : [])).join(', ');
  if (idsOf(true) !== '') return `the data of the deleted pool ${idsOf(true)} is still being removed here`;
  if (idsOf(false) !== '') return `${idsOf(false)} already exists here and holds data`;
  const projected = await findProjectedPools(on, identityPoolIds);
  return projected.length === 0
    ? null
    : `the query store of this database has data of ${projected.join(', ')}, which can be newer than the data of the file and would hide it`;
}

/** Erases the records of a dataset that was deleted between its two occurrences in the file. */
async function eraseReplaced(database: Database, items: readonly ServiceItem[]): Promise<void> {
  for (const item of items) {
    if (item.type !== 'dataset' || item.again !== true) continue;
    const { identity_pool_id, identity_id, dataset_name, deleted_sync_count } = item.row;
    const dataset = {
      identityPoolId: String(identity_pool_id),
      identityId: String(identity_id),
      datasetName: String(dataset_name),
    };
    if (Number(deleted_sync_count) > 0) await eraseDeleted(database, dataset, Number(deleted_sync_count));
  }
}

/** Starts a bulk publish of each pool whose streaming is enabled. The bulk publishes fill the query store. */
async function publishPools(
  database: Database,
  identityPoolIds: readonly string[],
  now: number,
): Promise<ImportedPools> {
  const pools = createPoolStore(database);
  const bulkPublishes = createBulkPublishJobStore(database);
  const outcome: ImportedPools = { publishing: [], silent: [] };
  for (const identityPoolId of identityPoolIds) {
    const pool = await pools.readPool(identityPoolId);
    const isStreaming = pool?.streams?.status === 'ENABLED';
    if (pool !== null) outcome[isStreaming ? 'publishing' : 'silent'].push(identityPoolId);
    const last = isStreaming ? await bulkPublishes.read(identityPoolId) : null;
    if (isStreaming && last?.status !== 'IN_PROGRESS') {
      await beginAfter(bulkPublishes, identityPoolId, last, now);
    }
  }
  return outcome;
}
