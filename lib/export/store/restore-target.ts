import { SetupError } from '../../common/errors.ts';
import type { Database } from '../../database/database.ts';
import { isRestore, listImports, moveImport, restoreHash } from '../../sync/store/import-progress.ts';
import type { ImportTarget } from '../ports/import-target.ts';
import type { ServiceItem } from '../service-file.ts';
import { createImportTarget, hasIdentities } from './import-target.ts';
import { describeInUse, RESTORE } from './writing-command.ts';

/**
 * Creates the access to a database that receives a restore. The target writes each dataset and record of the backup
 * with a higher sync count than the file has. The new count of a record depends on its dataset, which precedes the
 * record in the file. Therefore a restore always starts at the beginning of the file, and replaces the rows that an
 * interrupted restore of the same file has written.
 *
 * @param raise raises the sync counts of an item
 */
export function createRestoreTarget(
  database: Database,
  raise: (item: ServiceItem) => ServiceItem,
): ImportTarget {
  const target = createImportTarget(database, RESTORE);
  return {
    ...target,
    async begin(file, now) {
      await requireNoService(database);
      const position = await target.begin({ ...file, sha256: restoreHash(file.sha256) }, now);
      if (position === 0) return 0;
      if (!(await moveImport(database, file.exportId, { from: position, to: 0 })))
        throw new SetupError(describeInUse(RESTORE));
      return 0;
    },
    write: (file, items, position, now) =>
      target.write(
        file,
        items.map((item) => raise(item)),
        position,
        now,
      ),
  };
}

/** @throws {SetupError} the database has identities that no interrupted restore has written */
async function requireNoService(database: Database): Promise<void> {
  if ((await listImports(database)).some(isRestore) || !(await hasIdentities(database))) return;
  throw new SetupError(
    'the database at DATABASE_URL has identities of a service; restore into a new database',
  );
}
