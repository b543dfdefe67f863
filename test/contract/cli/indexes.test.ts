import { afterAll, beforeAll, expect, it } from 'vitest';
import { prepareCommand } from '../../../infra/cli/run-command.ts';
import type { Database } from '../../../lib/database/database.ts';
import { openDatabase } from '../../fixtures/database/databases.ts';
import { commandDeps } from '../../fixtures/local/command-deps.ts';

let database: Database;
beforeAll(async () => {
  database = await openDatabase();
});
afterAll(() => database.close());

/** Returns the output of the command. */
async function indexes(...args: string[]): Promise<string[]> {
  const lines: string[] = [];
  const print = (line: string) => lines.push(line);
  await (await prepareCommand(['indexes', ...args]))(commandDeps({ database, print, now: () => 0 }));
  return lines;
}

it('the command indexes announces a build only if it builds', async () => {
  expect(await indexes('add', 'numeric')).toEqual([
    'numeric: building the index for queries of query.records_of(key) by numeric_value; it costs a quarter to a third of the write speed',
    'numeric: ready after 0.0 s, 8 kB',
  ]);
  expect(await indexes('add', 'numeric')).toEqual(['numeric: already exists, 8 kB']);
  expect(await indexes('drop', 'numeric')).toEqual(['numeric: dropped']);
  expect(await indexes('drop', 'numeric')).toEqual(['numeric: does not exist']);
});
