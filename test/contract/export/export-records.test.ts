import { createHash } from 'node:crypto';
import { appendFile, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database, Transaction } from '../../../lib/database/database.ts';
import { createOptionalIndexes } from '../../../lib/projection/store/optional-indexes.ts';
import { LOCKED_WRITE_TIME } from '../../../lib/projection/store/write-time.ts';
import { DATABASES, POSTGRESQL } from '../../fixtures/database/databases.ts';
import { inFolder, runExport } from '../../fixtures/export/run-export.ts';
import { POOL } from '../../fixtures/sync/stream-events.ts';

const OTHER_POOL = 'us-east-1:00000000-0000-4000-8000-000000000002';
const RECORDS = 2_500;

/**
 * Inserts 50 datasets in two pools with 2,500 live records, tombstones, and records that are older than the removal of
 * their dataset.
 */
async function insertRecords(database: Database): Promise<void> {
  await database.query(
    `INSERT INTO projection.datasets
     SELECT md5('d' || number)::uuid, CASE WHEN number % 5 = 0 THEN $2 ELSE $1 END, 'us-east-1:' || number,
       CASE WHEN number % 2 = 0 THEN 'game' ELSE 'settings' END, 10, 9,
       CASE WHEN number = 1 THEN 4 END, CASE WHEN number = 1 THEN 4 END, to_timestamp(1700000000 + number)
     FROM generate_series(1, 50) AS number`,
    [POOL, OTHER_POOL],
  );
  await database.query(
    `INSERT INTO projection.records
     SELECT md5('d' || (number % 50 + 1))::uuid, md5('k' || number)::uuid, 'key é "' || number, CASE WHEN number <= ${RECORDS} THEN E'v\\n' || number END,
       CASE WHEN number % 3 = 0 THEN number + 0.5 END, CASE WHEN number > 0 THEN 10 ELSE 3 END, 5,
       CASE WHEN number % 2 = 0 THEN 1600000000123 END, to_timestamp(1700000000 + number)
     FROM generate_series(-50, ${RECORDS + 50}) AS number WHERE number > 0 OR number % 50 = 0`,
  );
}

/** An export ends at a whole millisecond, so it contains a record only if a millisecond has ended since. */
const nextMillisecond = () => sleep(2);

/** Inserts a live record that is projected now. */
const insertRecord = (on: Transaction, key: string) =>
  on.query(
    `INSERT INTO projection.records
     SELECT dataset_id, md5($1)::uuid, $1, 'v', NULL, 10, 5, NULL, ${LOCKED_WRITE_TIME}
     FROM projection.datasets WHERE removed_ms IS NULL LIMIT 1`,
    [key],
  );

describe.each(DATABASES)('an export of the query store, $name', ({ open }) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
    await insertRecords(database);
  });
  afterAll(() => database.close());

  const exported = async (...args: string[]) =>
    (await runExport({ database }, ...args))
      .split('\n')
      .slice(0, -1)
      .map((line): Record<string, unknown> => JSON.parse(line));
  /** Returns the rows of `query.records` in the form of an export. */
  const viewed = async (condition = 'true', values: string[] = []) => {
    const { rows } = await database.query(`SELECT * FROM query.records WHERE ${condition}`, values);
    return rows.map(({ record_id: _, ...row }) => ({
      ...row,
      numeric_value: row.numeric_value === null ? null : Number(row.numeric_value),
      last_modified_date: isoOf(row.last_modified_date),
      device_last_modified_date: isoOf(row.device_last_modified_date),
      projected_at: isoOf(row.projected_at),
    }));
  };
  const byKey = (rows: Record<string, unknown>[]) =>
    rows.toSorted((a, b) => (String(a.record_key) < String(b.record_key) ? -1 : 1));

  it('contains each live record once, with the columns of query.records', async () => {
    const rows = await exported();
    expect(rows).toHaveLength(RECORDS);
    expect(byKey(rows)).toEqual(byKey(await viewed()));
  });

  it('contains only the records that the options select', async () => {
    const game = await exported('--pool', OTHER_POOL, '--dataset', 'game');
    expect(game.length).toBeGreaterThan(0);
    expect(byKey(game)).toEqual(
      byKey(await viewed('identity_pool_id = $1 AND dataset_name = $2', [OTHER_POOL, 'game'])),
    );
    const since = new Date((1_700_000_000 + 1_000) * 1000).toISOString();
    const recent = await exported('--since', since);
    expect(recent).toHaveLength(RECORDS - 999);
    expect(byKey(recent)).toEqual(byKey(await viewed('projected_at >= $1', [since])));
    expect(await exported('--since', '2030-01-01')).toEqual([]);
  });

  it('requires the optional index `changes` for --since', async () => {
    const indexes = createOptionalIndexes(database);
    await indexes.drop('changes');
    await expect(exported('--since', '2030-01-01')).rejects.toThrow('indexes add changes');
    expect(await exported()).toHaveLength(RECORDS);
    await indexes.add('changes');
    expect(await exported('--since', '2030-01-01')).toEqual([]);
  });

  it('names the time of the next export by the clock of the database, not of this host', async () => {
    let last = '';
    const progress = ({ text }: { text: string }) => {
      last = text;
    };
    const ahead = () => Date.now() + 10 * 60 * 1000;
    await runExport({ database, progress, now: ahead });
    const since = /export --since (\S+)$/.exec(last)?.[1] ?? '';
    await insertRecord(database, 'later');
    await nextMillisecond();
    const later = await runExport({ database, progress, now: ahead }, '--since', since);
    expect(later.match(/"record_key":"(.*?)"/g)).toEqual(['"record_key":"later"']);
    await database.query("DELETE FROM projection.records WHERE record_key = 'later'");
  });

  /** Interrupts an export after its second page. */
  const interrupt = async (...args: string[]) => {
    const stop = new AbortController();
    let pages = 0;
    const stopping: Database = {
      ...database,
      query(sql, values) {
        if (sql.includes('FROM projection.records')) pages += 1;
        if (pages === 2) stop.abort();
        return database.query(sql, values);
      },
    };
    const running = runExport({ database: stopping, signal: stop.signal }, ...args);
    await expect(running).rejects.toThrow('run the same command again to continue');
  };

  it('to a file continues after an interruption, and ends with a checksum', async () => {
    const expected = await runExport({ database });
    await inFolder(async (folder) => {
      const out = join(folder, 'records.jsonl');
      await interrupt('--out', out);
      // The file gets half a line after the saved progress. The continued export overwrites it.
      await appendFile(`${out}.partial`, '{"half');
      await expect(runExport({ database }, '--out', out, '--pool', POOL)).rejects.toThrow(
        'belongs to an export with other options; delete',
      );
      let first = 0;
      const progress = ({ text }: { text: string }) => {
        first ||= Number.parseInt(text, 10);
      };
      await runExport({ database, progress }, '--out', out);
      expect(first).toBe(RECORDS);
      expect(await readFile(out, 'utf8')).toBe(expected);
      expect((await stat(out)).mode & 0o777).toBe(0o600);
      const sum = createHash('sha256').update(expected).digest('hex');
      expect(await readFile(`${out}.sha256`, 'utf8')).toBe(`${sum}  records.jsonl\n`);
      expect((await readdir(folder)).sort()).toEqual(['records.jsonl', 'records.jsonl.sha256']);
      await expect(runExport({ database }, '--out', out)).rejects.toThrow('exists; delete it');
    });
  });

  it.each(['jsonl', 'parquet'])(
    'is rejected while another export writes to the same path: %s',
    async (format) => {
      await inFolder(async (folder) => {
        const out = join(folder, 'records');
        // A killed process leaves its lock file behind.
        await writeFile(`${out}.lock`, '');
        const run = () => runExport({ database }, '--format', format, '--out', out);
        const results = await Promise.allSettled([run(), run(), run()]);
        expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
        for (const result of results) {
          if (result.status === 'fulfilled') continue;
          expect(result.reason).toMatchObject({
            message: `another backup or export to ${out} is running; wait until it has ended, or choose another path with --out`,
          });
        }
        const written = format === 'jsonl' ? ['records', 'records.sha256'] : ['records'];
        expect((await readdir(folder)).sort()).toEqual(written);
      });
    },
  );

  it('to a file that was changed in the meantime does not continue', async () => {
    await inFolder(async (folder) => {
      const out = join(folder, 'records.jsonl');
      await interrupt('--out', out);
      const partial = await readFile(`${out}.partial`);
      partial[10] = 1;
      await writeFile(`${out}.partial`, partial);
      await expect(runExport({ database }, '--out', out)).rejects.toThrow('was changed; delete');
    });
  });

  it('continues even if it started more than 24 hours ago', async () => {
    const expected = await runExport({ database });
    await inFolder(async (folder) => {
      const out = join(folder, 'records.jsonl');
      await interrupt('--out', out);
      await runExport({ database, now: () => Date.now() + 25 * 60 * 60 * 1000 }, '--out', out);
      expect(await readFile(out, 'utf8')).toBe(expected);
    });
  });

  it('of the service fails after 24 hours, because the service forgets which identities were deleted', async () => {
    // Each statement takes two hours.
    let hours = 0;
    const now = () => Date.now() + hours * 60 * 60 * 1000;
    const slow: Database = {
      ...database,
      query(sql, values) {
        hours += 2;
        return database.query(sql, values);
      },
    };
    await expect(runExport({ database: slow, now }, '--service')).rejects.toThrow('more than 24 hours');
    await inFolder(async (folder) => {
      const out = join(folder, 'service.jsonl');
      const run = () => runExport({ database: slow, now }, '--service', '--out', out);
      await expect(run()).rejects.toThrow(`delete ${out}.partial and ${out}.progress`);
      expect((await readdir(folder)).sort()).toEqual(['service.jsonl.partial', 'service.jsonl.progress']);
      await expect(run()).rejects.toThrow('more than 24 hours');
    });
  });

  it('fails and names the file if the directory of --out does not exist', async () => {
    await expect(runExport({ database }, '--out', '/missing/records.jsonl')).rejects.toThrow(
      '/missing/records.jsonl.partial cannot be written (ENOENT)',
    );
  });

  it('to Parquet files has the same rows', async () => {
    await inFolder(async (folder) => {
      const out = join(folder, 'records');
      await runExport({ database }, '--format', 'parquet', '--out', out);
      const files = (await readdir(out)).sort();
      expect(files).toEqual(['_SHA256SUMS', 'records-00000.parquet']);
      const path = join(out, 'records-00000.parquet');
      const rows = await parquetReadObjects({ file: await asyncBufferFromFile(path) });
      const read = rows.map((row) => ({
        ...row,
        sync_count: Number(row.sync_count),
        last_modified_date: isoOf(row.last_modified_date),
        device_last_modified_date: isoOf(row.device_last_modified_date),
        projected_at: isoOf(row.projected_at),
      }));
      expect(byKey(read)).toEqual(byKey(await viewed()));
      const sum = createHash('sha256')
        .update(await readFile(path))
        .digest('hex');
      expect(await readFile(join(out, '_SHA256SUMS'), 'utf8')).toBe(`${sum}  records-00000.parquet\n`);
      await expect(runExport({ database }, '--format', 'parquet', '--out', out)).rejects.toThrow(
        'is not empty',
      );
    });
  });

  it('to Parquet files has the columns even without rows', async () => {
    await inFolder(async (folder) => {
      const out = join(folder, 'records');
      await runExport({ database }, '--format', 'parquet', '--out', out, '--since', '2030-01-01');
      const file = await asyncBufferFromFile(join(out, 'records-00000.parquet'));
      expect(await parquetReadObjects({ file })).toEqual([]);
    });
  });
});

it('an export of changes leaves a transaction that still writes to the next export, on PostgreSQL', async () => {
  const database = await POSTGRESQL.openOwn();
  await insertRecords(database);
  let last = '';
  const progress = ({ text }: { text: string }) => {
    last = text;
  };
  const exportSince = (since: string) => runExport({ database, progress }, '--since', since);
  await database.transaction(async (transaction) => {
    await insertRecord(transaction, 'slow');
    await insertRecord(database, 'quick');
    expect(await exportSince(new Date(Date.now() - 60_000).toISOString())).toBe('');
  });
  await nextMillisecond();
  const next = await exportSince(/export --since (\S+)$/.exec(last)?.[1] ?? '');
  expect(next.match(/"record_key":"(.*?)"/g)).toEqual(['"record_key":"slow"', '"record_key":"quick"']);
  await database.close();
});

function isoOf(time: unknown): string | null {
  return time instanceof Date ? time.toISOString() : null;
}
