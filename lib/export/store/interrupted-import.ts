import { SetupError } from '../../common/errors.ts';
import type { Transaction } from '../../database/database.ts';
import { isRestore, listImports } from '../../sync/store/import-progress.ts';

export const INTERRUPTED_RESTORE =
  'a restore into this database has not succeeded, so data is missing; run `restore` with the same file again, or use another database';

/** @throws {SetupError} a restore into the database was interrupted or has failed */
export async function requireNoRestore(on: Transaction): Promise<void> {
  if ((await listImports(on)).some(isRestore)) throw new SetupError(INTERRUPTED_RESTORE);
}

/** @throws {SetupError} a restore or an import into the database has not ended */
export async function requireNoImport(on: Transaction): Promise<void> {
  await requireNoRestore(on);
  if ((await listImports(on)).length === 0) return;
  throw new SetupError(
    'an import into this service has not ended, so data is missing; run `import` with the same file again, or `import --discard`',
  );
}
