import { hash } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SetupError } from '../../../../lib/common/errors.ts';
import type { ExportedRecord } from '../../../../lib/projection/store/export-records.ts';
import type { ExportState } from './output.ts';
import { COLUMNS } from './record-columns.ts';
import { type ExportIdentity, readProgress, saveProgress, writeSafely, writing } from './saved-progress.ts';

/** Where an export writes Parquet files. */
export interface ParquetOutput {
  /** The state at which an interrupted export continues; null for a new export. */
  resumed: ExportState | null;
  write(records: readonly ExportedRecord[], state: ExportState): Promise<void>;
  finish(state: ExportState): Promise<void>;
}

interface Part {
  name: string;
  sha256: string;
}

/** Limits of a part, which becomes one file. The rows of a part are in memory until its file is written. */
const PART_ROWS = 100_000;
const PART_BYTES = 32 * 1024 * 1024;
/** Names that start with an underscore are ignored by programs that read a directory of Parquet files. */
const PROGRESS = '_progress.json';
const CHECKSUMS = '_SHA256SUMS';

/**
 * Opens a directory for Parquet files. Each file is complete, so an interrupted export continues with the next file.
 * Once the export is complete, `_SHA256SUMS` contains the checksums of the files.
 *
 * @throws {SetupError} the directory holds something else, or the interrupted export cannot continue
 */
export async function openParquetFiles(directory: string, identity: ExportIdentity): Promise<ParquetOutput> {
  await writing(directory, () => mkdir(directory, { recursive: true, mode: 0o700 }));
  const progress = join(directory, PROGRESS);
  const saved = await readProgress<Part[]>(progress, { ...identity, remove: directory });
  // A file that ends in `.new` was not complete when an earlier export was killed.
  const others = (await readdir(directory)).filter((name) => !name.endsWith('.new'));
  if (saved === null && others.length > 0) {
    throw new SetupError(`${directory} is not empty; delete it, or choose another directory with --out`);
  }
  const parts = saved?.written ?? [];
  let rows: ExportedRecord[] = [];
  let bytes = 0;

  async function writePart(state: ExportState): Promise<void> {
    const name = `records-${String(parts.length).padStart(5, '0')}.parquet`;
    const content = await toParquet(rows);
    await writeSafely(join(directory, name), content);
    parts.push({ name, sha256: hash('sha256', content, 'hex') });
    rows = [];
    bytes = 0;
    await saveProgress<Part[]>(progress, { ...identity, state, written: parts });
  }

  return {
    resumed: saved?.state ?? null,
    async write(records, state) {
      for (const record of records) {
        rows.push(record);
        bytes += record.record_key.length + record.record_value.length;
      }
      if (rows.length >= PART_ROWS || bytes >= PART_BYTES) await writing(directory, () => writePart(state));
    },
    finish: (state) =>
      writing(directory, async () => {
        // An empty export has one file too, so that its readers find the columns.
        if (rows.length > 0 || parts.length === 0) await writePart(state);
        const sums = parts.map(({ name, sha256 }) => `${sha256}  ${name}\n`);
        await writeSafely(join(directory, CHECKSUMS), sums.join(''));
        await rm(progress);
      }),
  };
}

async function toParquet(records: readonly ExportedRecord[]): Promise<Uint8Array> {
  // Imported on demand, because only this export needs it.
  const { parquetWriteBuffer } = await import('hyparquet-writer');
  const columnData = COLUMNS.map(({ name, type, nullable, read }) => ({
    name,
    type,
    nullable,
    data: records.map(read),
  }));
  return new Uint8Array(parquetWriteBuffer({ columnData, createdBy: 'cognito-sync-backend' }));
}
