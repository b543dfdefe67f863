import { SetupError } from '../../common/errors.ts';
import type { Transaction } from '../../database/database.ts';
import { isRestore, listImports } from '../../sync/store/import-progress.ts';

export const INTERRUPTED_RESTORE =
  'a restore into this database has not succeeded, so data is missing; run `restore` with the same file again, or use another database';

/** @throws {SetupError} a restore into the database was interrupted or has failed */
export async function requireNoRestore(on: Transaction): Promise<void> {
  if ((await listImports(on)).some(isRestore)) throw new SetupError(INTERRUPTED_RESTORE);
}
