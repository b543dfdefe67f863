import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPglite } from '../../lib/database/drivers/pglite/open-pglite.ts';
import { migrate } from '../../lib/database/schema/migrate.ts';
import { createCopyTable } from './copy-rows.ts';
import type { BenchDatabase, ShardWriters } from './shard-writers.ts';

/** Path of the database directory inside PGlite. */
const INSIDE = '/pglite/data';

/**
 * Opens the embedded database, which the shards share. COPY reads its rows from a file, because our driver can pass
 * only statements.
 */
export async function openBenchEmbedded(shardCount: number): Promise<BenchDatabase> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-'));
  const dataDir = join(directory, 'database');
  const database = await openPglite({ dataDir });
  await migrate(database);
  await createCopyTable(database);
  const toWriters = (shard: number): ShardWriters => ({
    database,
    transaction: (work) =>
      database.transaction((transaction) => work((_name, sql, values) => transaction.query(sql, values))),
    copy(text) {
      const file = `bench-${shard}.txt`;
      writeFileSync(join(dataDir, file), text);
      return async () => {
        await database.query(`COPY bench.records FROM '${INSIDE}/${file}'`);
      };
    },
  });
  return {
    name: 'the embedded database',
    shards: Array.from({ length: shardCount }, (_, shard) => toWriters(shard)),
    hasOneSession: true,
    async close() {
      await database.close();
      await rm(directory, { recursive: true });
    },
  };
}
