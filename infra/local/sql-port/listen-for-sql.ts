import { bracketed, loopbackFor } from '../../../lib/common/loopback.ts';
import type { LocalDatabase } from '../../../lib/database/open-local.ts';
import { portTaken } from '../http/port-taken.ts';
import type { LocalConfig } from '../local-config.ts';
import type { Resources } from '../resources.ts';
import { startSqlPort } from './sql-port.ts';

/**
 * Opens the SQL port for the embedded database.
 * @returns the URL for `psql`; for a database server, this is the URL of that server
 */
export async function listenForSql(
  { host, sqlPort, databaseUrl }: Pick<LocalConfig, 'host' | 'sqlPort'> & Partial<LocalConfig>,
  { kind, database }: LocalDatabase,
  started: Resources,
): Promise<string> {
  if (kind === 'server') return databaseUrl ?? '';
  const address = loopbackFor(host);
  const listening = await startSqlPort({ host: address, port: sqlPort, database }).catch(
    portTaken('PG_PORT', sqlPort),
  );
  started.defer(() => listening.close());
  return `postgres://postgres@${bracketed(address)}:${listening.port}/postgres`;
}
