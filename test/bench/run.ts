import { writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { benchProjection } from './projection.ts';
import { benchSyncService } from './sync-service.ts';

/** Runs every bench and prints its ratios side by side; absolute figures belong to this machine, ratios travel. */
const machine = {
  node: process.version,
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
};
const tables = [...(await benchProjection()), ...(await benchSyncService())];
for (const { title, rows } of tables) {
  console.log(`\n${title}`);
  console.table(rows);
}
await writeFile(
  'bench-results.json',
  `${JSON.stringify({ at: new Date().toISOString(), machine, tables }, null, 2)}\n`,
);
console.log('\nWritten to bench-results.json', machine);
