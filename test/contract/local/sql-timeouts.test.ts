import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type SqlPort, startSqlPort } from '../../../infra/local/sql-port/sql-port.ts';
import { type EmbeddedDatabase, openPglite } from '../../../lib/database/drivers/pglite/open-pglite.ts';
import { placeEmptyEmbeddedDatabase } from '../../fixtures/database/embedded-template.ts';

const HOST = '127.0.0.1';
/** Each timeout ends the database's thread and opens the database again. */
const TIMEOUTS = 8;
const ENDLESS = ['SELECT count(*) FROM generate_series(1, 1e12)', 'SELECT pg_sleep(3600)'];
const INSERT = 'INSERT INTO updates VALUES ($1)';

let directory: string;
let database: EmbeddedDatabase;
let sqlPort: SqlPort;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sql-timeouts-'));
  const dataDir = join(directory, 'database');
  await placeEmptyEmbeddedDatabase(dataDir);
  database = await openPglite({ dataDir, readTimeoutMs: 100, maxReadPauseMs: 0 });
  for (const sql of [
    'CREATE ROLE query_reader',
    'CREATE TABLE updates (id int PRIMARY KEY)',
    'GRANT SELECT ON updates TO query_reader',
  ])
    await database.query(sql);
  sqlPort = await startSqlPort({ host: HOST, port: 0, database });
});
afterAll(async () => {
  await sqlPort.close();
  await database.close();
  await rm(directory, { recursive: true, force: true });
});

it('the embedded database keeps every acknowledged write while statements of readers time out again and again', {
  timeout: 240_000,
}, async () => {
  let isReading = true;
  const acknowledged: number[] = [];
  const reading = Promise.all(ENDLESS.map((sql) => timeOut(sql, TIMEOUTS / ENDLESS.length)));
  const done = reading.finally(() => {
    isReading = false;
  });
  const writers = [0, 1, 2, 3].map(async (writer) => {
    for (let id = writer; isReading; id += 4) {
      await database.query(INSERT, [id]);
      acknowledged.push(id);
      // Statements of the service run before those of readers, so without a pause no reader would run.
      await sleep(5);
    }
  });
  await Promise.all([done, ...writers]);

  expect(await reading).toEqual(ENDLESS.map(() => Array(TIMEOUTS / ENDLESS.length).fill('57014')));
  expect(acknowledged.length).toBeGreaterThan(TIMEOUTS);
  const { rows } = await database.query<{ id: number }>('SELECT id FROM updates ORDER BY id');
  expect(rows.map(({ id }) => id)).toEqual(acknowledged.sort((one, other) => one - other));
  const reader = await connect();
  expect((await reader.query('SELECT count(*)::int AS updates FROM updates')).rows).toEqual([
    { updates: acknowledged.length },
  ]);
  await reader.end();
});

/** Runs a statement this many times, one after the other. @returns the SQLSTATE of each run, undefined if it succeeded */
async function timeOut(sql: string, times: number): Promise<(string | undefined)[]> {
  const client = await connect();
  const codes: (string | undefined)[] = [];
  while (codes.length < times) {
    const failure: unknown = await client.query(sql).then(
      () => undefined,
      (error: unknown) => error,
    );
    codes.push((failure as { code?: string } | undefined)?.code);
  }
  await client.end();
  return codes;
}

async function connect(): Promise<Client> {
  const client = new Client({ host: HOST, port: sqlPort.port, user: 'postgres', database: 'postgres' });
  await client.connect();
  return client;
}
