import { setTimeout as sleep } from 'node:timers/promises';
import { inject } from 'vitest';
import type { Database } from '../../lib/database/database.ts';
import { openPg } from '../../lib/database/drivers/pg/open-pg.ts';
import { createPostgresDatabase, DATABASES } from '../fixtures/database/databases.ts';
import type { EndSessions } from './faulty-database.ts';
import { REFUSED_VALUE } from './special-events.ts';

export interface FaultDatabase {
  database: Database;
  /** A second connection to the same rows. No fault affects this connection. */
  observer: Database;
  /** Ends the sessions of `database`. The embedded database has no sessions to end. */
  endSessions: EndSessions;
  close(): Promise<void>;
}

/**
 * The databases that fault plans run on. A serializable database also returns error 40001 after concurrent writes, even
 * without a planned fault.
 */
export const FAULT_DATABASES: { name: string; open: () => Promise<FaultDatabase> }[] = [
  { name: 'embedded', open: openEmbedded },
  { name: 'PostgreSQL', open: () => openServer('read committed') },
  { name: 'serializable PostgreSQL', open: () => openServer('serializable') },
];

const REFUSE = `
ALTER TABLE projection.records
ADD CHECK (1 / CASE WHEN record_value = '${REFUSED_VALUE}' THEN 0 ELSE 1 END = 1)`;

const END_SESSIONS = `
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = $1 AND application_name <> 'observer'`;

async function openEmbedded(): Promise<FaultDatabase> {
  const embedded = DATABASES.find(({ name }) => name === 'embedded');
  if (!embedded) throw new Error('no embedded database');
  const database = await embedded.openOwn();
  await database.query(REFUSE);
  return {
    database,
    observer: database,
    endSessions: (_table, _afterMs, run) => run(),
    close: () => database.close(),
  };
}

async function openServer(isolation: string): Promise<FaultDatabase> {
  const url = new URL(await createPostgresDatabase());
  const name = url.pathname.slice(1);
  const server = openPg({ connectionString: inject('postgresUrl') });
  await server.query(`ALTER DATABASE ${name} SET default_transaction_isolation = '${isolation}'`);
  await server.close();
  const database = openPg({ connectionString: url.href });
  url.searchParams.set('application_name', 'observer');
  const observer = openPg({ connectionString: url.href });
  await observer.query(REFUSE);
  return {
    database,
    observer,
    async endSessions(table, afterMs, run) {
      // The statement may wait for the lock. So this function awaits the statement only after the lock is released.
      const { running } = await observer.transaction(async (transaction) => {
        await transaction.query(`LOCK TABLE projection.${table}`);
        const running = run();
        running.catch(() => undefined);
        await sleep(afterMs);
        await transaction.query(END_SESSIONS, [name]);
        return { running };
      });
      return running;
    },
    async close() {
      for (const each of [database, observer]) await each.close();
    },
  };
}
