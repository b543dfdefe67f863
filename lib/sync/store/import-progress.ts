import { textArray } from '../../database/array-literal.ts';
import type { Transaction } from '../../database/database.ts';

/** An import of a service's export that has not ended. */
export interface StoredImport {
  import_id: string;
  /** The hash of the file, in hexadecimal; for a restore, the result of `restoreHash`. */
  file_sha256: string;
  next_position: number;
  /** The pools of the import, as a JSON array; null if an older version started the import. */
  identity_pool_ids: string | null;
}

const LIST = 'SELECT import_id, file_sha256, next_position, identity_pool_ids FROM sync.imports';

const BEGIN = `
INSERT INTO sync.imports (import_id, file_sha256, started_ms, identity_pool_ids, next_position)
VALUES ($1, $2, $3, $4, 0)
ON CONFLICT (import_id) DO NOTHING`;

const MOVE = `
UPDATE sync.imports SET next_position = $3 WHERE import_id = $1 AND next_position = $2`;

/**
 * Marks pools as deleted at $2, so that the job for deleted pools removes their data. If the import has not written a
 * pool yet, creates the pool's row with this mark.
 */
const MARK_POOLS = `
INSERT INTO sync.identity_pools AS stored (identity_pool_id, created_ms, revision, deleted_ms)
SELECT given.identity_pool_id, $2::bigint, 1, $2::bigint
FROM unnest($1::text[]) AS given (identity_pool_id)
ON CONFLICT (identity_pool_id) DO UPDATE SET
  deleted_ms = coalesce(stored.deleted_ms, excluded.deleted_ms),
  bridges = NULL`;

const END = 'DELETE FROM sync.imports WHERE import_id = $1';

/** Precedes the hash of a file that is restored, so that an import of the same file does not continue the restore. */
const RESTORE = 'restore of ';

export const restoreHash = (sha256: string): string => `${RESTORE}${sha256}`;

/** Returns whether `restore` started the import. */
export const isRestore = ({ file_sha256 }: StoredImport): boolean => file_sha256.startsWith(RESTORE);

export async function listImports(on: Transaction): Promise<StoredImport[]> {
  return (await on.query<StoredImport>(LIST)).rows;
}

/** @returns false if the import has begun already */
export async function beginImport(
  on: Transaction,
  about: { importId: string; sha256: string; at: number; identityPoolIds: readonly string[] },
): Promise<boolean> {
  const { importId, sha256, at, identityPoolIds } = about;
  const values = [importId, sha256, at, JSON.stringify(identityPoolIds)];
  return (await on.query(BEGIN, values)).rowsChanged === 1;
}

/** @returns false if the import is not at the position `from` any more */
export async function moveImport(
  on: Transaction,
  importId: string,
  { from, to }: { from: number; to: number },
): Promise<boolean> {
  return (await on.query(MOVE, [importId, from, to])).rowsChanged === 1;
}

export async function endImport(on: Transaction, importId: string): Promise<void> {
  await on.query(END, [importId]);
}

/** Ends an import, and marks its pools as deleted. */
export async function discardImport(
  on: Transaction,
  { import_id, identity_pool_ids }: StoredImport,
  at: number,
): Promise<string[]> {
  const identityPoolIds: string[] = JSON.parse(identity_pool_ids ?? '[]');
  await on.query(MARK_POOLS, [textArray(identityPoolIds), at]);
  await endImport(on, import_id);
  return identityPoolIds;
}
