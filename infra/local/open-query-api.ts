import type { Database } from '../../lib/database/database.ts';
import type { ReadDatabase } from '../../lib/database/read-sql.ts';
import { redriveEvent } from '../../lib/projection/redrive.ts';
import { createQuarantineStore } from '../../lib/projection/store/quarantine-store.ts';
import { createQueryStore } from '../../lib/projection/store/query-store.ts';
import { createCursors } from '../../lib/query/cursors.ts';
import { createMigrationReader } from '../../lib/query/store/migrations.ts';
import { createQueryReader } from '../../lib/query/store/query-reader.ts';
import { createSqlRunner } from '../../lib/query/store/sql-runner.ts';
import type { FetchPayload } from '../../lib/stream/ports/fetch-payload.ts';
import { createQueryApi, type QueryApi } from '../../lib/wire/query/query-api.ts';
import { createFailureLogger } from '../../lib/wire/service/failure-logger.ts';
import type { LocalConfig } from './local-config.ts';

/** Opens the query API of the local cloud. Readers use `queries`; operators repair events in quarantine with `jobs`. */
export function openQueryApi({
  queries,
  jobs,
  tokenKeys,
  fetchPayload,
}: {
  queries: ReadDatabase;
  jobs: Database;
  /** The keys that sign the cursors of pages. */
  tokenKeys: NonNullable<LocalConfig['tokenKeys']>;
  fetchPayload: FetchPayload;
}): QueryApi {
  const quarantine = createQuarantineStore(jobs);
  const store = { ...createQueryStore(jobs), ...quarantine };
  return createQueryApi({
    reader: createQueryReader(queries),
    readMigrations: createMigrationReader(jobs, Date.now),
    sql: createSqlRunner(queries),
    quarantine: {
      ...quarantine,
      redrive: (id, options) => redriveEvent({ store, fetchPayload }, id, options),
    },
    cursors: createCursors(tokenKeys),
    logger: createFailureLogger('query-api'),
  });
}
