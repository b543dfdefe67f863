import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SetupError } from '../../../lib/common/errors.ts';
import type { Database } from '../../../lib/database/database.ts';
import { createPoolDataStore } from '../../../lib/sync/store/pool-data-store.ts';
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
import { createPool } from '../../fixtures/identity/identity-pools.ts';
import { createPoolDataDeletion } from '../../fixtures/sync/deleting-service.ts';
import { POOL } from '../../fixtures/sync/stream-events.ts';

interface Item {
  row: object;
  logins: object[];
}

const ANY_ID = '00000000-0000-4000-8000-000000000000';

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
  /** Changes the first line with this text. */
  const edited = (part: string, change: (item: Item) => unknown) => {
    const index = lines.findIndex((line) => line.includes(part));
    return signExport(lines.with(index, JSON.stringify(change(JSON.parse(lines[index] ?? '')))));
  };
  const withRow = (item: Item, row: object) => ({ ...item, row: { ...item.row, ...row } });
  const withLogin = (item: Item, login: object) => ({ ...item, logins: [{ ...item.logins[0], ...login }] });
  const tables = ['sync.datasets', 'sync.imports', 'sync.identity_pools', 'identity.identities'];
  const foreignRows = async () =>
    (
      await target.query('SELECT * FROM identity.identities WHERE identity_pool_id = $1', [
        `us-east-1:${ANY_ID}`,
      ])
    ).rows;
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
    ['a file of a newer version', () => signExport(withHeader({ version: 2 })), 'the file has version 2'],
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
    [
      'a dataset with the row id of another dataset',
      () => edited('"type":"dataset"', (item) => withRow(item, { dataset_id: ANY_ID })),
      'is invalid',
    ],
    [
      'a record with the row id of another record',
      () => edited('"type":"record"', (item) => withRow(item, { record_id: ANY_ID })),
      'is invalid',
    ],
    [
      'a record of another dataset',
      () => edited('"type":"record"', (item) => withRow(item, { dataset_id: ANY_ID })),
      'does not belong to the dataset before it',
    ],
    [
      'a login with the row id of another login',
      () => edited('"login_id"', (item) => withLogin(item, { login_id: ANY_ID })),
      'is invalid',
    ],
    [
      'a login of another identity',
      () => edited('"login_id"', (item) => withLogin(item, { identity_id: 'us-east-1:another' })),
      'is invalid',
    ],
    [
      'a merge with the row id of another identity',
      () => edited('"sync.pending_merges"', (item) => withRow(item, { identity_row_id: ANY_ID })),
      'is invalid',
    ],
    [
      'the mark of a deleted identity with the row id of another identity',
      () =>
        edited('"sync.deleted_identities"', (item) => withRow(item, { identity_id: 'us-east-1:another' })),
      'is invalid',
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

  it('rejects a file if its pool already holds data in this database, and changes nothing', async () => {
    await fillService(target);
    const before = await exportedLines(target);
    await expect(importText({ database: target }, text)).rejects.toThrow(
      `${POOL} already exists here and holds data`,
    );
    expect(await exportedLines(target)).toEqual(before);
  });

  it('rejects a file if the query store has data of its pool, which would hide the imported data', async () => {
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
      `nothing was imported: the query store of this database has data of ${POOL}, which can be newer than the data of the file and would hide it; import into a new database`,
    );
    expect(await exportedLines(target)).toEqual(before);
  });

  it('rejects a file while its pool is being deleted in this database', async () => {
    await fillService(target);
    await target.query('UPDATE sync.identity_pools SET deleted_ms = 1 WHERE identity_pool_id = $1', [POOL]);
    await expect(importText({ database: target }, text)).rejects.toThrow(
      `the data of the deleted pool ${POOL} is still being removed`,
    );
  });

  it('replaces an empty pool, such as the pool that `npm start` creates', async () => {
    await createFilledService(target);
    await importText({ database: target }, text);
    expect(withoutMigrations(await exportedLines(target))).toEqual(withoutMigrations(lines.slice(1)));
  });

  it('rejects a file with an identity that belongs to another pool here, and does not change that identity', async () => {
    const other = await createPool(target, `us-east-1:${ANY_ID}`);
    const identity = JSON.parse(lines.find((line) => line.includes('"type":"identity"')) ?? '');
    await target.query(
      'INSERT INTO identity.identities (identity_id, identity_pool_id, created_ms, modified_ms) VALUES ($1, $2, 1, 1)',
      [identity.row.identity_id, other],
    );
    await expect(importText({ database: target }, text)).rejects.toThrow(
      `the identity ${identity.row.identity_id} belongs to another pool here; run \`import --discard\`, and import into a new database`,
    );
    expect(await foreignRows()).toMatchObject([{ identity_pool_id: other, modified_ms: 1 }]);
  });

  it('leaves out a device that belongs to another pool here, and does not change that device', async () => {
    const other = await createPool(target, `us-east-1:${ANY_ID}`);
    const device = JSON.parse(lines.find((line) => line.includes('"sync.devices"')) ?? '').row;
    await target.query(`INSERT INTO sync.devices VALUES ($1, $2, $3, 'us-east-1:1', 'GCM', 'endpoint', 1)`, [
      device.registration_id,
      device.device_id,
      other,
    ]);
    await importText({ database: target }, text);
    const { rows } = await target.query('SELECT identity_pool_id FROM sync.devices');
    expect(rows).toEqual([{ identity_pool_id: other }]);
  });

  it('leaves out subscriptions and used session tokens of datasets that do not exist', async () => {
    const orphans = lines.map((line) =>
      /"sync.subscriptions"|"sync.spent_tokens"/.test(line)
        ? JSON.stringify(withRow(JSON.parse(line), { dataset_id: ANY_ID }))
        : line,
    );
    await importText({ database: target }, signExport(orphans));
    const { rows } = await target.query(
      'SELECT 1 FROM sync.subscriptions UNION ALL SELECT 1 FROM sync.spent_tokens',
    );
    expect(rows).toEqual([]);
  });

  it('starts a bulk publish of each pool that streams, and names the pools that do not stream', async () => {
    const printed = await importText({ database: target }, text);
    expect(printed).toContain(`  ${POOL}: a bulk publish fills the query store while the service runs`);
    expect(printed.filter((line) => line.includes('does not stream'))).toHaveLength(1);
    const { rows } = await target.query('SELECT identity_pool_id, status FROM sync.bulk_publishes');
    expect(rows).toEqual([{ identity_pool_id: POOL, status: 'IN_PROGRESS' }]);
  });

  /** Imports a file with 1,500 datasets, and stops in the middle. Then calls `use` with the path of the file. */
  async function withInterrupted(use: (path: string, content: string) => Promise<void>): Promise<void> {
    await deleteAllRows(source);
    await createFilledService(source);
    await insertDatasets(source, 1_500);
    const content = await runExport({ database: source }, '--service');
    await inFolder(async (folder) => {
      const path = join(folder, 'large.jsonl');
      await writeFile(path, content);
      const stop = new AbortController();
      const stopping: Database = {
        ...target,
        async transaction(work) {
          const result = await target.transaction(work);
          const { rows } = await target.query<{ position: number }>(
            'SELECT next_position AS position FROM sync.imports',
          );
          if ((rows[0]?.position ?? 0) > content.length / 2) stop.abort();
          return result;
        },
      };
      const first = runImport({ database: stopping, signal: stop.signal }, path);
      await expect(first).rejects.toThrow('run the same command again to continue the import');
      await use(path, content);
    });
  }

  it('continues an interrupted import where it stopped, and shows no pool before the import is complete', async () => {
    await withInterrupted(async (path, content) => {
      expect(await createPoolStore(target).listPoolIds()).toEqual([]);
      await expect(importText({ database: target }, text)).rejects.toThrow(
        'an import of another file was interrupted; run `import` with that file again, or delete what it imported with `import --discard`',
      );
      await expect(runExport({ database: target }, '--service')).rejects.toThrow(
        'an import into this service has not ended, so data is missing',
      );
      const [printed = ''] = await runImport({ database: target }, path);
      expect(printed).toMatch(/^continued the import: 1 identity pool/);
      expect(Number(/(\d+) datasets/.exec(printed)?.[1])).toBeLessThan(1_000);
      expect(await exportedLines(target)).toEqual(content.split('\n').slice(1, -2));
    });
  });

  it('discards an interrupted import, for which it does not need the file', async () => {
    await withInterrupted(async (path) => {
      expect(await runImport({ database: target }, '--discard')).toEqual([
        'discarded: the service removes the data of 1 identity pool',
      ]);
      await expect(runImport({ database: target }, '--discard')).rejects.toThrow('no import was interrupted');
      await expect(runImport({ database: target }, path)).rejects.toThrow('is still being removed here');
      // The scheduled job for deleted pools calls these two functions.
      await createPoolDataDeletion(target)(POOL);
      expect(await createPoolDataStore(target).removePool(POOL, Date.now() + 60_000)).toBe(true);
      expect(await rowsOfTarget()).toBe(0);
      const [printed = ''] = await runImport({ database: target }, path);
      expect(printed).toContain('1500 datasets');
    });
  });
});
