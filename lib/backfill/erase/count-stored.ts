import type { IdentityKey } from '../../common/dataset-key.ts';
import type { EraseStore } from '../ports/erase-store.ts';
import type { ServiceRows, ServiceTables } from '../ports/service-tables.ts';
import type { QueryRows, StoredOfIdentity } from './erasure-receipt.ts';
import { findQuarantined } from './find-quarantined.ts';

/**
 * Counts what the query store contains of identities of one pool, and what the service's tables contain of them if they
 * are in this database. Does not call a service.
 * @param isHere whether the service's tables are in this database
 */
export async function countStored(
  { queryStore, tables }: { queryStore: EraseStore; tables: ServiceTables },
  identities: readonly IdentityKey[],
  isHere: boolean,
): Promise<StoredOfIdentity> {
  const quarantined = (await findQuarantined(queryStore, identities)).length;
  let inStore: QueryRows = { datasets: 0, records: 0, quarantined };
  let inTables: ServiceRows | null = null;
  for (const identity of identities) {
    inStore = add(inStore, { ...(await queryStore.countDatasets(identity)), quarantined: 0 });
    if (!isHere) continue;
    const rows = await tables.count(identity);
    inTables = inTables === null ? rows : add(inTables, rows);
  }
  return { queryStore: inStore, tables: inTables, datasetsAtService: null };
}

/** Adds what is stored of further identities. */
export function addStored(a: StoredOfIdentity, b: StoredOfIdentity): StoredOfIdentity {
  return {
    ...a,
    queryStore: add(a.queryStore, b.queryStore),
    tables: a.tables && b.tables && add(a.tables, b.tables),
  };
}

/** Adds the numbers of two objects, member by member. */
function add<Rows extends QueryRows | ServiceRows>(a: Rows, b: Rows): Rows {
  const sums = new Map(Object.entries(b));
  return Object.assign(
    {},
    a,
    Object.fromEntries(Object.entries(a).map(([name, n]) => [name, n + (sums.get(name) ?? 0)])),
  );
}
