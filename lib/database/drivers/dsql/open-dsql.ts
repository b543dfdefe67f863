import { AuroraDSQLPool } from '@aws/aurora-dsql-node-postgres-connector';
import type { PoolConfig } from 'pg';
import type { Database } from '../../database.ts';
import { openOnPool, type PoolOptions, poolSettings } from '../pg/open-pg.ts';

export interface DsqlOptions extends PoolOptions {
  /** The cluster's endpoint. */
  host: string;
  region: string;
  /** The role of the database; `admin` may all. */
  user: string;
}

/**
 * An Aurora DSQL cluster behind a pool, by AWS's connector: over TLS, with the credentials of the process, from which it
 * signs a token for each connection. Connects when first asked something.
 */
export function openDsql({ host, region, user, ...options }: DsqlOptions): Database {
  const pool = createDsqlPool({ host, region, user, ...options });
  return { ...openOnPool(pool, options), dialect: 'dsql' };
}

/**
 * No statement_timeout: the cluster refuses a session that sets it, so that a statement ends by pg's own clock alone. No
 * name of ours either, as the connector says its own.
 *
 * @param network how to reach the cluster, where not by its host
 */
export function createDsqlPool(
  { host, region, user, ...options }: DsqlOptions,
  network: Pick<PoolConfig, 'stream'> = {},
): AuroraDSQLPool {
  // A cluster that was idle takes longer to answer.
  const { connectTimeoutMs = 10_000 } = options;
  return new AuroraDSQLPool({
    ...poolSettings({ ...options, connectTimeoutMs }),
    ...network,
    host,
    region,
    user,
  });
}
