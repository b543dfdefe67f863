import type { Transaction } from '../../database/database.ts';

/** An import of a service's export that has not ended. */
export interface StoredImport {
  import_id: string;
  file_sha256: string;
  next_position: number;
}

const LIST = 'SELECT import_id, file_sha256, next_position FROM sync.imports';

const BEGIN = `
INSERT INTO sync.imports (import_id, file_sha256, started_ms, next_position)
VALUES ($1, $2, $3, 0)
ON CONFLICT (import_id) DO NOTHING`;

const MOVE = `
UPDATE sync.imports SET next_position = $3 WHERE import_id = $1 AND next_position = $2`;

const END = 'DELETE FROM sync.imports WHERE import_id = $1';

export async function listImports(on: Transaction): Promise<StoredImport[]> {
  return (await on.query<StoredImport>(LIST)).rows;
}

/** @returns false if the import has begun already */
export async function beginImport(
  on: Transaction,
  { importId, sha256, at }: { importId: string; sha256: string; at: number },
): Promise<boolean> {
  return (await on.query(BEGIN, [importId, sha256, at])).rowsChanged === 1;
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
