import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { openPg } from '../../lib/database/drivers/pg/open-pg.ts';
import { migrate } from '../../lib/database/schema/migrate.ts';
import { startPostgresServer } from '../fixtures/database/postgres-server.ts';
import { createCopyTable } from './copy-rows.ts';
import type { BenchDatabase, ShardWriters } from './shard-writers.ts';

/** Starts a PostgreSQL server. Each shard has its own connection pool, like each instance of the deployed function. */
export async function openBenchPostgres(shardCount: number): Promise<BenchDatabase> {
  const server = await startPostgresServer();
  const opened = await Promise.all(Array.from({ length: shardCount }, () => openWriters(server.url)));
  const shards = opened.map(({ writers }) => writers);
  for (const { database } of shards.slice(0, 1)) {
    await migrate(database);
    await createCopyTable(database);
  }
  return {
    name: 'PostgreSQL 18',
    shards,
    hasOneSession: false,
    async close() {
      for (const { close } of opened) await close();
      await server.close();
    },
  };
}

async function openWriters(url: string): Promise<{ writers: ShardWriters; close(): Promise<void> }> {
  const database = openPg({ connectionString: url });
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return {
    writers: {
      database,
      async transaction(work) {
        await client.query('BEGIN');
        await work((name, text, values) => client.query({ name, text, values: [...values] }));
        await client.query('COMMIT');
      },
      copy: (text) => () =>
        pipeline(Readable.from([text]), client.query(copyFrom('COPY bench.records FROM STDIN'))),
    },
    async close() {
      await client.end();
      await database.close();
    },
  };
}
