import type { Transaction } from '../../database/database.ts';
import { identityRowId } from '../../database/row-ids.ts';
import {
  type PageLimits,
  pageStatement,
  type TableRow,
  type TableShape,
} from '../../database/table-shape.ts';
import { type ExportedIdentity, readExportedIdentities } from '../../identity/store/export-identities.ts';
import { type ExportedState, readExportedDatasets } from '../../sync/store/export-datasets.ts';
import { PENDING_MERGES } from '../../sync/store/exported-tables.ts';
import type { Key, Section } from '../ports/section.ts';
import type { ServiceItem } from '../service-file.ts';
import { SINGLE_ROWS } from './service-tables.ts';

/** Largest assumed difference between the clocks of this host and of the service's hosts. */
export const CLOCK_SKEW_MS = 5 * 60 * 1000;

const PAGE_ROWS = 1_000;

const PAGE_LIMITS: PageLimits = { page: 250, window: 5_000 };

/**
 * Returns the sections of an export of the service. The export does not read one snapshot of the whole service. During
 * the transaction of such a snapshot, the embedded database would execute nothing else. Aurora DSQL ends a transaction
 * after five minutes. An export that continues after a crash could not use the snapshot again. Instead, each page is
 * one statement, so that each dataset and each identity is read at one point in time.
 *
 * A merge of identities moves datasets and logins, so the export could miss them at both identities. The later sections
 * therefore contain everything that was changed since the start, and the merges since then. An import repeats these
 * merges.
 *
 * @param startedAt the start of the export; epoch milliseconds
 * @param limits the sizes of the pages of datasets and identities
 */
export function serviceSections(
  on: Transaction,
  startedAt: number,
  limits: PageLimits = PAGE_LIMITS,
): Section<ServiceItem>[] {
  const changedSince = startedAt - CLOCK_SKEW_MS;
  return [
    // Read first, so that the section includes the merges that end during the export. Importing a merge that has
    // already ended is harmless.
    tableSection(on, PENDING_MERGES),
    datasetSection(on, 'all', limits),
    identitySection(on, null, limits),
    // Deleted datasets first: if a merge deleted a dataset, its copy exists now, so the next section contains the copy.
    datasetSection(on, { changedSince, exists: false }, limits),
    datasetSection(on, { changedSince, exists: true }, limits),
    identitySection(on, changedSince, limits),
    ...SINGLE_ROWS.map((shape) =>
      // Newer merges are left out: the section of changed identities contains them, or lacks their identities.
      tableSection(on, shape, (row) => shape !== PENDING_MERGES || Number(row.merged_ms) < changedSince),
    ),
  ];
}

function tableSection(
  on: Transaction,
  shape: TableShape,
  isExported: (row: TableRow) => boolean = () => true,
): Section<ServiceItem> {
  const { name: table, key } = shape;
  return {
    name: table,
    async readPage(after) {
      const sql = pageStatement(shape, after === null);
      const { rows } = await on.query<TableRow>(sql, [...(after ?? []), PAGE_ROWS]);
      const items = rows.filter(isExported).map((row): ServiceItem => ({ type: 'row', table, row }));
      return { items, next: rows.length === PAGE_ROWS ? keyOf(rows.at(-1), key) : null };
    },
  };
}

function datasetSection(on: Transaction, state: ExportedState, limits: PageLimits): Section<ServiceItem> {
  return {
    name: state === 'all' ? 'datasets' : 'changed datasets',
    async readPage(after) {
      const { datasets, next } = await readExportedDatasets(on, textOf(after), state, limits);
      const again = state === 'all' ? {} : { again: true as const };
      const items = datasets.flatMap(({ row, copyOf, records }): ServiceItem[] => [
        { type: 'dataset', row, copyOf, ...again },
        ...records.map((record) => ({ type: 'record' as const, row: record })),
      ]);
      return { items, next: next === null ? null : [next] };
    },
  };
}

function identitySection(
  on: Transaction,
  changedSince: number | null,
  limits: PageLimits,
): Section<ServiceItem> {
  return {
    name: changedSince === null ? 'identities' : 'changed identities',
    async readPage(after) {
      const again = changedSince === null ? {} : { again: true as const };
      const read = await readExportedIdentities(on, textOf(after), changedSince, limits);
      const { identities, next } = read;
      const items = identities.flatMap((identity): ServiceItem[] => [
        { type: 'identity', ...identity, ...again },
        ...(changedSince === null ? [] : mergeOf(identity)),
      ]);
      return { items, next: next === null ? null : [next] };
    },
  };
}

/** Returns the request to move the datasets of an identity that was merged since the start of the export. */
function mergeOf({ row }: ExportedIdentity): ServiceItem[] {
  const { identity_pool_id, identity_id, merged_into, modified_ms = null } = row;
  if (typeof merged_into !== 'string') return [];
  const identity = { identityPoolId: String(identity_pool_id), identityId: String(identity_id) };
  const merge = {
    identity_row_id: identityRowId(identity),
    identity_pool_id: identity.identityPoolId,
    identity_id: identity.identityId,
    into_identity_id: merged_into,
    merged_ms: modified_ms,
  };
  return [{ type: 'row', table: PENDING_MERGES.name, row: merge }];
}

function keyOf(row: TableRow | undefined, columns: readonly string[]): Key | null {
  if (row === undefined) return null;
  return columns.map((column) => {
    const value = row[column];
    return typeof value === 'number' ? value : String(value);
  });
}

const textOf = (after: Key | null): string | null => (after === null ? null : String(after[0]));
