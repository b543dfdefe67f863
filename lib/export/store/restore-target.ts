import { SetupError } from '../../common/errors.ts';
import type { Database } from '../../database/database.ts';
import { SERVICE_SESSION } from '../../database/session-name.ts';
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

const FIND_SERVICE = `
SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1 LIMIT 1`;

/**
 * Checks that no service runs on the database of a PostgreSQL server. The service would keep its own token key, and the
 * restore would write below it. A service is not found if it has another role, or connects through a pooler that
 * changes the names of sessions.
 *
 * @throws {SetupError} a service runs on the database
 */
export async function requireStopped(database: Database): Promise<void> {
  if ((await database.query(FIND_SERVICE, [SERVICE_SESSION])).rows.length === 0) return;
  throw new SetupError(
    'a service runs on the database at DATABASE_URL; stop every service on this database, or restore into a new database',
  );
}

/** @throws {SetupError} the database has identities that no interrupted restore has written */
export async function requireNoService(database: Database): Promise<void> {
  if ((await listImports(database)).some(isRestore) || !(await hasIdentities(database))) return;
  throw new SetupError(
    'the database at DATABASE_URL has identities of a service; restore into a new database',
  );
}
