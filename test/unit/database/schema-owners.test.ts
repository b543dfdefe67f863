import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { migrationStatements } from '../../fixtures/database/shipped-statements.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * The rooms whose SQL may name the tables of a schema. The tables of lib/backfill record how complete the query store
 * is, so they are in the query store's schema. Any room may read the views of the schema `query`.
 */
const OWNERS: Readonly<Record<string, readonly string[]>> = {
  sync: ['lib/sync/'],
  identity: ['lib/identity/'],
  move: ['lib/move/'],
  projection: ['lib/projection/', 'lib/backfill/', 'lib/query/'],
};

/** Statements that name a table of another room. Each must work on the tables of two rooms in one transaction. */
const EXCEPTIONS = [
  // A guest is removed with its devices and its row in Cognito Sync, and only while it has no dataset.
  'lib/identity/store/guest-sweep.ts: sync.datasets',
  'lib/identity/store/guest-sweep.ts: sync.devices',
  'lib/identity/store/guest-sweep.ts: sync.identities',
  // A merged identity is removed only if no merge is pending that may still move its datasets.
  'lib/identity/store/guest-sweep.ts: sync.pending_merges',
  // An identity is removed in the transaction that revokes its credentials, and not while a merge moves its datasets.
  'lib/identity/store/delete-identity-statements.ts: sync.deleted_identities',
  'lib/identity/store/delete-identity-statements.ts: sync.pending_merges',
  // Cognito Sync and Cognito Identity share the row of a pool. An identity must not be created in a deleted pool.
  'lib/identity/store/identity-statements.ts: sync.identity_pools',
  'lib/identity/store/copied-identities.ts: sync.identity_pools',
  // The merge of two identities and the request to move their datasets are committed together.
  'lib/identity/store/identity-statements.ts: sync.pending_merges',
  // An import replaces a pool that holds nothing, in the transaction that starts the import.
  'lib/export/store/import-target.ts: sync.identity_pools',
  'lib/export/store/import-target.ts: sync.identities',
  'lib/export/store/import-target.ts: identity.identities',
  // What an old app writes for a merged identity makes the merge pending again, in the transaction that stores the write.
  'lib/identity/store/identity-state.ts: sync.pending_merges',
  // The data of a deleted pool includes its identities.
  'lib/sync/store/pool-data-statements.ts: identity.identities',
  'lib/sync/store/pool-data-statements.ts: identity.logins',
  // For a removal without a date from an origin, the service and the projection must use the same date.
  'lib/database/schema/allow-roles.ts: projection.dated_removals',
];

const TABLES = migrationStatements().flatMap(({ sql }) => {
  const name = /^CREATE TABLE IF NOT EXISTS (\w+\.\w+)/.exec(sql)?.[1];
  return name === undefined ? [] : [name];
});
const TABLE = new RegExp(`\\b(?:${TABLES.join('|').replaceAll('.', '\\.')})\\b`, 'g');

/** Lists the tables of other rooms in a file, as `<file>: <table>`. */
function foreignTables(file: string): string[] {
  const code = readFileSync(ROOT + file, 'utf8').replaceAll(/^\s*(?:\/\/|\/?\*).*$/gm, '');
  return [...new Set(code.match(TABLE))]
    .filter((table) => !ownersOf(table).some((room) => file.startsWith(room)))
    .map((table) => `${file}: ${table}`);
}

function ownersOf(table: string): readonly string[] {
  return OWNERS[table.split('.')[0] ?? ''] ?? [];
}

describe('the SQL of a room', () => {
  const found = globSync(['functions/*.ts', 'lib/**/*.ts', 'infra/**/*.ts'], { cwd: ROOT }).flatMap(
    foreignTables,
  );

  it('names only tables of the room, except in the listed files', () => {
    const advice = found
      .filter((use) => !EXCEPTIONS.includes(use))
      .map(
        (use) =>
          `${use} is a table of another room: ask that room through a port, or add this line to EXCEPTIONS with the reason`,
      );
    expect(advice).toEqual([]);
  });

  it('needs every listed exception', () => {
    expect(EXCEPTIONS.filter((use) => !found.includes(use))).toEqual([]);
  });

  it('names tables whose schema has an owner', () => {
    expect(TABLES.length).toBeGreaterThan(20);
    expect(TABLES.filter((table) => ownersOf(table).length === 0)).toEqual([]);
  });
});
