import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SetupError } from '../../../lib/common/errors.ts';
import type { Database } from '../../../lib/database/database.ts';
import { createPoolStore } from '../../../lib/sync/store/pool-store.ts';
import { openDatabase } from '../../fixtures/database/databases.ts';
import { deleteAllRows } from '../../fixtures/database/delete-rows.ts';
import { insertDatasets } from '../../fixtures/database/many-datasets.ts';
import { createFilledService, fillService } from '../../fixtures/export/fill-service.ts';
import {
  exportedLines,
  importText,
  inFolder,
  runExport,
  runImport,
  withoutMigrations,
} from '../../fixtures/export/run-export.ts';
import { signExport } from '../../fixtures/export/sign-export.ts';
import { POOL } from '../../fixtures/sync/stream-events.ts';

describe('the command import', () => {
  let source: Database;
  let target: Database;
  let text: string;
  let lines: string[];
  beforeAll(async () => {
    source = await openDatabase();
    target = await openDatabase();
    await fillService(source);
    text = await runExport({ database: source }, '--service');
    lines = text.split('\n').slice(0, -2);
  });
  afterAll(async () => {
    await source.close();
    await target.close();
  });
  beforeEach(() => deleteAllRows(target));

  const withHeader = (members: object) => [
    JSON.stringify({ ...JSON.parse(lines[0] ?? ''), ...members }),
    ...lines.slice(1),
  ];
  const tables = ['sync.datasets', 'sync.imports', 'sync.identity_pools', 'identity.identities'];
  const rowsOfTarget = async () => {
    const counts = tables.map((table) => `(SELECT count(*) FROM ${table})`).join(' + ');
    return (await target.query<{ rows: number }>(`SELECT ${counts} AS rows`)).rows[0]?.rows;
  };

  it.each([
    ['an empty file', () => '', 'the file is empty'],
    ['a file of something else', () => '{"a":1}\n', 'is not an export of a service'],
    ['an export of records', () => '{"identity_pool_id":"a:0"}\n', 'create one with `export --service`'],
    ['a file without its end', () => `${lines.join('\n')}\n`, 'it is truncated'],
    [
      'a file that ends in a line',
      () => text.slice(0, text.length / 2),
      'the file ends in the middle of a line',
    ],
    ['a newer version', () => signExport(withHeader({ version: 2 })), 'the file has version 2'],
    [
      'a header without an id',
      () => signExport(withHeader({ exportId: 'x' })),
      'first line of the file is invalid',
    ],
    [
      'a line that occurs twice',
      () => text.replace(lines[2] ?? '', `${lines[2]}\n${lines[2]}`),
      'the checksum of the file is wrong',
    ],
    ['lines after the end', () => `${text}{}\n`, 'follows the end of the export'],
    [
      'a line that is too long',
      () => `${lines[0]}\n"${'x'.repeat(17 * 1024 * 1024)}"\n`,
      'is longer than 16777216',
    ],
    [
      'a column of a newer version',
      () => signExport([...lines, lines[1]?.replace('"row":{', '"row":{"newer":1,') ?? '']),
      'was written by a newer version',
    ],
    [
      'a value of another type',
      () =>
        signExport([
          ...lines,
          '{"type":"row","table":"projection.erased_identities","row":{"erased_ms":"1"}}',
        ]),
      'is invalid, or was written by a newer version',
    ],
    [
      'a table that is not a part of the service',
      () => signExport([...lines, '{"type":"row","table":"projection.migrations","row":{}}']),
      'is invalid, or was written by a newer version',
    ],
  ])('rejects %s, and writes nothing', async (_, content, error) => {
    await expect(importText({ database: target }, content())).rejects.toThrow(SetupError);
    await expect(importText({ database: target }, content())).rejects.toThrow(error);
    expect(await rowsOfTarget()).toBe(0);
  });

  it('rejects a file with any changed byte, and writes nothing', async () => {
    const bytes = Buffer.from(text);
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: bytes.length - 2 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, change) => {
          const changed = Buffer.from(bytes);
          changed[at] = (changed[at] ?? 0) ^ change;
          await expect(importText({ database: target }, changed)).rejects.toThrow(SetupError);
        },
      ),
      { numRuns: 100 },
    );
    expect(await rowsOfTarget()).toBe(0);
  });

  it('never quotes the content of a file', async () => {
    const secret = signExport([...lines, '{"type":"record","row":{"record_value":"hunter2"}}']);
    const error = await importText({ database: target }, secret).catch(String);
    expect(error).toContain('the line at byte');
    expect(error).not.toContain('hunter2');
  });

  it('rejects a file whose pool holds data here, and changes nothing', async () => {
    await fillService(target);
    const before = await exportedLines(target);
    await expect(importText({ database: target }, text)).rejects.toThrow(
      `${POOL} already exists here and holds data`,
    );
    expect(await exportedLines(target)).toEqual(before);
  });

  it('rejects a file whose pool is in the query store here, because that would hide the imported data', async () => {
    await createFilledService(target);
    await target.query(
      `INSERT INTO projection.datasets (
         dataset_id, identity_pool_id, identity_id, dataset_name, last_modified_ms, sync_count, removed_ms,
         removed_sync_count, projected_at)
       VALUES ($1, $2, 'us-east-1:1', 'game', 9, 9, 9, 9, now())`,
      [randomUUID(), POOL],
    );
    const before = await exportedLines(target);
    await expect(importText({ database: target }, text)).rejects.toThrow(
      `nothing was imported: the query store of this database has data of ${POOL}`,
    );
    expect(await exportedLines(target)).toEqual(before);
  });

  it('rejects a file whose pool is being deleted here', async () => {
    await fillService(target);
    await target.query('UPDATE sync.identity_pools SET deleted_ms = 1 WHERE identity_pool_id = $1', [POOL]);
    await expect(importText({ database: target }, text)).rejects.toThrow(
      `the data of the deleted pool ${POOL} is still being removed`,
    );
  });

  it('replaces a pool that holds nothing, which `npm start` created', async () => {
    await createFilledService(target);
    await importText({ database: target }, text);
    expect(withoutMigrations(await exportedLines(target))).toEqual(withoutMigrations(lines.slice(1)));
  });

  it('starts a bulk publish of each pool that streams, and names the others', async () => {
    const printed = await importText({ database: target }, text);
    expect(printed).toContain(`  ${POOL}: a bulk publish fills the query store while the service runs`);
    expect(printed.filter((line) => line.includes('does not stream'))).toHaveLength(1);
    const { rows } = await target.query('SELECT identity_pool_id, status FROM sync.bulk_publishes');
    expect(rows).toEqual([{ identity_pool_id: POOL, status: 'IN_PROGRESS' }]);
  });

  it('that was stopped continues where it ended, and shows no pool before its end', async () => {
    await deleteAllRows(source);
    await createFilledService(source);
    await insertDatasets(source, 1_500);
    const large = await runExport({ database: source }, '--service');
    await inFolder(async (folder) => {
      const path = join(folder, 'large.jsonl');
      await writeFile(path, large);
      const stop = new AbortController();
      const stopping: Database = {
        ...target,
        async transaction(work) {
          const result = await target.transaction(work);
          const { rows } = await target.query<{ position: number }>(
            'SELECT next_position AS position FROM sync.imports',
          );
          if ((rows[0]?.position ?? 0) > large.length / 2) stop.abort();
          return result;
        },
      };
      const first = runImport({ database: stopping, signal: stop.signal }, path);
      await expect(first).rejects.toThrow('run the same command again to continue the import');
      expect(await createPoolStore(target).listPoolIds()).toEqual([]);
      await expect(importText({ database: target }, text)).rejects.toThrow(
        'an import of another file was interrupted',
      );
      const [printed = ''] = await runImport({ database: target }, path);
      expect(printed).toMatch(/^continued the import: 1 identity pool/);
      expect(Number(/(\d+) datasets/.exec(printed)?.[1])).toBeLessThan(1_000);
      expect(await exportedLines(target)).toEqual(large.split('\n').slice(1, -2));
    });
  });
});
