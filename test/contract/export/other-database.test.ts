import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { prepareCommand } from '../../../infra/cli/run-command.ts';
import { dataPaths } from '../../../lib/database/data-directory.ts';
import type { Database } from '../../../lib/database/database.ts';
import { openPglite } from '../../../lib/database/drivers/pglite/open-pglite.ts';
import { POSTGRESQL } from '../../fixtures/database/databases.ts';
import { placeEmbeddedDatabase } from '../../fixtures/database/embedded-template.ts';
import { createFilledService } from '../../fixtures/export/fill-service.ts';
import { inFolder } from '../../fixtures/export/run-export.ts';
import { commandDeps } from '../../fixtures/local/command-deps.ts';
import { operate } from '../../fixtures/local/operator.ts';

const ON_ANOTHER = 'belongs to an export of another database; delete ';
const KEY = Buffer.alloc(32, 7);

async function run(args: string[], deps: { database: Database; dataDir: string; signal?: AbortSignal }) {
  await (await prepareCommand(args))(commandDeps(deps));
}

it.each([['export'], ['export', '--service'], ['backup']])(
  'an interrupted %s of a database does not continue on a copy of the database',
  (...command) =>
    inFolder(async (folder) => {
      await writeFile(dataPaths(folder).tokenKey, KEY);
      const args = [...command, '--out', join(folder, 'out.jsonl')];
      const [database, copy] = [await POSTGRESQL.openOwn(), await POSTGRESQL.openOwn()];
      await createFilledService(database);
      const stopped = run(args, { database, dataDir: folder, signal: AbortSignal.abort() });
      await expect(stopped).rejects.toThrow('run the same command again');
      await expect(run(args, { database: copy, dataDir: folder })).rejects.toThrow(ON_ANOTHER);
      await run(args, { database, dataDir: folder });
      await Promise.all([database.close(), copy.close()]);
    }),
);

it('an interrupted backup does not continue with another token key', () =>
  inFolder(async (folder) => {
    await writeFile(dataPaths(folder).tokenKey, KEY);
    const args = ['backup', '--out', join(folder, 'out.jsonl')];
    const database = await POSTGRESQL.open();
    const stopped = run(args, { database, dataDir: folder, signal: AbortSignal.abort() });
    await expect(stopped).rejects.toThrow('run the same command again');
    await writeFile(dataPaths(folder).tokenKey, Buffer.alloc(32, 8));
    await expect(run(args, { database, dataDir: folder })).rejects.toThrow(ON_ANOTHER);
    await database.close();
  }));

it('an interrupted backup of an embedded database does not continue on another embedded database', () =>
  inFolder(async (folder) => {
    const args = ['backup', '--out', join(folder, 'out.jsonl')];
    const [first, second] = [join(folder, 'first'), join(folder, 'second')];
    for (const dataDir of [first, second]) {
      await mkdir(dataDir);
      await writeFile(dataPaths(dataDir).tokenKey, KEY);
      await placeEmbeddedDatabase(dataPaths(dataDir).database);
    }
    const database = await openPglite({ dataDir: dataPaths(first).database });
    const stopped = run(args, { database, dataDir: first, signal: AbortSignal.abort() });
    await expect(stopped).rejects.toThrow('run the same command again');
    await database.close();
    expect(await operate(args, { DATA_DIR: second })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(ON_ANOTHER),
    });
    expect(await operate(args, { DATA_DIR: first })).toMatchObject({ code: 0 });
  }));
