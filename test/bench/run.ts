import { writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { benchBulkPublish } from './bulk-publish.ts';
import { benchFairness } from './fairness.ts';
import { benchGrowth } from './growth.ts';
import { benchHandlerBundle } from './handler-bundle.ts';
import { benchLag } from './lag.ts';
import { markdownTable } from './markdown-table.ts';
import type { Table } from './measure.ts';
import { benchMemory } from './memory.ts';
import { benchMoveCopy } from './move-copy.ts';
import { benchPeers } from './peers.ts';
import { benchProjection } from './projection.ts';
import { benchQuery } from './query.ts';
import { benchRemovals } from './removals.ts';
import { benchSyncService } from './sync-service.ts';
import { benchTrigger } from './trigger.ts';

// Runs all benchmarks, or those named as arguments, and prints their tables. Absolute figures depend on the machine;
// ratios depend on it far less.
const PARTS = new Map<string, () => Promise<Table[]>>([
  ['projection', benchProjection],
  ['removals', benchRemovals],
  ['sync', benchSyncService],
  ['peers', benchPeers],
  ['handler', benchHandlerBundle],
  ['trigger', benchTrigger],
  ['memory', benchMemory],
  ['lag', benchLag],
  ['bulk-publish', benchBulkPublish],
  ['growth', benchGrowth],
  ['fairness', benchFairness],
  ['move-copy', benchMoveCopy],
  ['query', benchQuery],
]);

const named = process.argv.slice(2);
const unknown = named.filter((name) => !PARTS.has(name));
if (unknown.length > 0) {
  console.error(`unknown benchmark: ${unknown.join(', ')}; use ${[...PARTS.keys()].join(', ')}`);
  process.exit(2);
}

const machine = {
  node: process.version,
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
};
const startedAt = performance.now();
const tables: Table[] = [];
for (const [name, bench] of PARTS) {
  if (named.length > 0 && !named.includes(name)) continue;
  const partStartedAt = performance.now();
  for (const table of await bench()) {
    tables.push(table);
    console.log(`${markdownTable(table)}\n`);
  }
  console.log(`(${name}: ${secondsSince(partStartedAt)} s)\n`);
}
await writeFile(
  'bench-results.json',
  `${JSON.stringify({ at: new Date().toISOString(), machine, tables }, null, 2)}\n`,
);
const overLimit = tables.flatMap((table) => table.overLimit ?? []);
for (const value of overLimit) console.error(`limit exceeded: ${value}`);
if (overLimit.length > 0) process.exitCode = 1;
console.log(`Wrote bench-results.json after ${secondsSince(startedAt)} s.`, machine);

function secondsSince(start: number): string {
  return ((performance.now() - start) / 1000).toFixed(0);
}
