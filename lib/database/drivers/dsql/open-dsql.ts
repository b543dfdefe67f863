import { AuroraDSQLPool } from '@aws/aurora-dsql-node-postgres-connector';
import type { Pool, PoolConfig } from 'pg';
import { isConnectionError, isTimeout } from '../../connection-error.ts';
import type { Transaction } from '../../database.ts';
import { withoutCollation } from '../../dialect.ts';
import type { ReadDatabase } from '../../read-sql.ts';
import { openOnPool, type PoolOptions, poolSettings } from '../pg/open-pg.ts';

/**
 * Maximum attempts of a transaction. Aurora DSQL has no locks: if two transactions change the same row, one of them fails
 * when it commits, and must run again. With 20 attempts, the waits between them add up to about 8 seconds.
 */
const ATTEMPTS = 20;

/** Maximum attempts of a statement, or of a transaction, whose connection breaks. */
const CONNECTION_ATTEMPTS = 3;

/**
 * Maximum age of a connection that is used. Aurora DSQL ends a connection after an hour, and a statement or a transaction
 * takes at most a minute. The age is checked by the clock, because timers do not run while Lambda freezes a process.
 * Source: Aurora DSQL User Guide, "Cluster quotas and database limits".
 */
const MAX_CONNECTION_AGE_MS = 55 * 60 * 1000;

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
export function openDsql({ host, region, user, ...options }: DsqlOptions): ReadDatabase {
  return openOnDsqlPool(createDsqlPool({ host, region, user, ...options }), options);
}

/**
 * Creates a `Database` of the dialect `dsql` on a connection pool. If a connection breaks, for example because it was idle
 * too long, the statement or the transaction is repeated. A statement outside of a transaction may then run twice:
 * `changeOnce` (lib/sync/store/transact.ts) runs a statement for which this matters. A transaction whose COMMIT was sent
 * is not repeated here: `transact` in the same file finds out whether it was committed.
 */
export function openOnDsqlPool(pool: Pool, options: PoolOptions): ReadDatabase {
  const database = openOnPool(
    pool,
    { attempts: ATTEMPTS, maxConnectionAgeMs: MAX_CONNECTION_AGE_MS, ...options },
    'dsql',
  );
  return {
    ...database,
    dialect: 'dsql',
    query: (sql, values) => repeatBroken(() => inDsql(database).query(sql, values)),
    transaction(work) {
      let isCommitSent = false;
      return repeatBroken(
        () =>
          database.transaction(async (transaction) => {
            isCommitSent = false;
            const result = await work(inDsql(transaction));
            isCommitSent = true;
            return result;
          }),
        () => !isCommitSent,
      );
    },
  };
}

async function repeatBroken<Result>(run: () => Promise<Result>, mayRepeat = () => true): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await run();
    } catch (error) {
      const isBroken = isConnectionError(error) && !isTimeout(error);
      if (!isBroken || !mayRepeat() || attempt === CONNECTION_ATTEMPTS) throw error;
    }
  }
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
