import { AuroraDSQLPool } from '@aws/aurora-dsql-node-postgres-connector';
import type { Pool, PoolConfig } from 'pg';
import type { Database, Transaction } from '../../database.ts';
import { withoutCollation } from '../../dialect.ts';
import { openOnPool, type PoolOptions, poolSettings } from '../pg/open-pg.ts';

/**
 * Maximum attempts of a transaction. Aurora DSQL has no locks: if two transactions change the same row, one of them fails
 * when it commits, and must run again. With 20 attempts, the waits between them add up to about 8 seconds.
 */
const ATTEMPTS = 20;

export interface DsqlOptions extends PoolOptions {
  /** The endpoint of the cluster. */
  host: string;
  region: string;
  /** The database role; `admin` has all privileges. */
  user: string;
}

/**
 * Opens an Aurora DSQL cluster behind the connection pool of AWS's connector. The connector uses TLS and signs a token
 * for each connection with the credentials of the process. Connects on the first query.
 */
export function openDsql({ host, region, user, ...options }: DsqlOptions): Database {
  return openOnDsqlPool(createDsqlPool({ host, region, user, ...options }), options);
}

/** Creates a `Database` of the dialect `dsql` on a connection pool. */
export function openOnDsqlPool(pool: Pool, options: PoolOptions): Database {
  const database = openOnPool(pool, { attempts: ATTEMPTS, ...options });
  return {
    ...database,
    ...inDsql(database),
    dialect: 'dsql',
    transaction: (work) => database.transaction((transaction) => work(inDsql(transaction))),
  };
}

function inDsql(on: Transaction): Transaction {
  return { query: (sql, values) => on.query(withoutCollation(sql), values) };
}

/**
 * Creates the pool. The pool sets no statement_timeout, because the cluster rejects a session that sets
 * statement_timeout. Only pg's own timeout therefore ends a statement. The pool also sets no application name, because
 * the connector sets its own name.
 *
 * @param network how to reach the cluster, if not by its host name
 */
export function createDsqlPool(
  { host, region, user, ...options }: DsqlOptions,
  network: Pick<PoolConfig, 'stream'> = {},
): AuroraDSQLPool {
  // A cluster that was idle takes longer to answer than a cluster in use.
  const { connectTimeoutMs = 10_000 } = options;
  return new AuroraDSQLPool({
    ...poolSettings({ ...options, connectTimeoutMs }),
    ...network,
    host,
    region,
    user,
  });
}
