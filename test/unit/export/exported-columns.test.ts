import { describe, expect, it } from 'vitest';
import { columnsOf, pageStatement, upsertStatement } from '../../../lib/database/table-shape.ts';
import { SINGLE_ROWS } from '../../../lib/export/store/service-tables.ts';
import { IDENTITIES, LOGINS } from '../../../lib/identity/store/exported-tables.ts';
import { DATASETS, MERGED_DATASETS, RECORDS } from '../../../lib/sync/store/exported-tables.ts';
import { DSQL_RULES } from '../../fixtures/database/dsql-rules.ts';
import { migrationStatements } from '../../fixtures/database/shipped-statements.ts';

const SHAPES = [DATASETS, RECORDS, MERGED_DATASETS, IDENTITIES, LOGINS, ...SINGLE_ROWS];

/** Tables and columns of the service that an export does not contain, and why. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  'sync.identities': 'derived from the datasets',
  'sync.pool_usage': 'sums over the datasets, which the import computes',
  'sync.outbox': 'events; a bulk publish publishes the data again',
  'sync.outbox_leases': 'claims of processes',
  'sync.payloads': 'parts of events',
  'sync.payload_parts': 'parts of events',
  'sync.bulk_publishes': 'a job, which the import starts again',
  'sync.receipts': 'last for the time of a transaction',
  'sync.imports': 'the progress of imports into this database',
  'sync.unbridged_datasets': 'what a bridge has to read; a copy after the import marks everything',
  'move.followed_shards': 'positions in the stream of an origin',
  'move.pools.lease_id': 'a claim of a process',
  'move.pools.lease_holder': 'a claim of a process',
  'move.pools.leased_until_ms': 'a claim of a process',
  'move.identities.lease_id': 'a claim of a process',
  'move.identities.leased_until_ms': 'a claim of a process',
};

/** The columns of the service's tables, as `<table>.<column>`. */
function storedColumns(): string[] {
  return migrationStatements().flatMap(({ sql }) => {
    const added = /^ALTER TABLE (\S+) ADD COLUMN IF NOT EXISTS (\w+)/.exec(sql);
    if (added) return [`${added[1]}.${added[2]}`];
    const [, table, body = ''] = /^CREATE TABLE IF NOT EXISTS (\S+) \((.*)\)$/s.exec(sql) ?? [];
    const names = body.split(/,(?![^(]*\))/).map((column) => column.trim().split(/\s+/)[0] ?? '');
    return names.filter((name) => /^[a-z]/.test(name)).map((name) => `${table}.${name}`);
  });
}

describe('an export of the service', () => {
  const columns = storedColumns().filter((column) => /^(sync|identity|move)\./.test(column));
  const exported = SHAPES.flatMap((shape) => columnsOf(shape).map((column) => `${shape.name}.${column}`));
  const isLeftOut = (column: string) =>
    column in LEFT_OUT || column.slice(0, column.lastIndexOf('.')) in LEFT_OUT;

  it('contains each column of the service, or leaves it out for a reason', () => {
    expect(columns.length).toBeGreaterThan(100);
    const missing = columns.filter((column) => !exported.includes(column) && !isLeftOut(column));
    expect(missing, 'add these columns to the exported-tables.ts of their room, or to LEFT_OUT').toEqual([]);
  });

  it('contains only columns that exist', () => {
    const known = storedColumns();
    expect(exported.filter((column) => !known.includes(column))).toEqual([]);
    expect(exported.filter(isLeftOut)).toEqual([]);
  });

  it.each(SHAPES)("uses statements on $name that Aurora DSQL's rules allow", (shape) => {
    const statements = [pageStatement(shape, true), pageStatement(shape, false), upsertStatement(shape)];
    for (const sql of statements) {
      expect(DSQL_RULES.filter(({ breaks }) => breaks(sql)).map(({ name }) => name)).toEqual([]);
    }
  });
});
