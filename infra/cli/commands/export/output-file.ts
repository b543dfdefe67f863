import { createHash, type Hash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { SetupError } from '../../../../lib/common/errors.ts';
import type { ExportState, TextOutput } from './output.ts';
import { type ExportIdentity, readProgress, saveProgress, writeSafely, writing } from './saved-progress.ts';

interface Written {
  bytes: number;
  /** The hash of these bytes, in hexadecimal. */
  sha256: string;
}

/** The progress is saved when this many bytes were written, or this much time has passed, since it was last saved. */
const SAVE_BYTES = 16 * 1024 * 1024;
const SAVE_MS = 500;

/**
 * Opens the file of an export. Until the export is complete, the data is in `<path>.partial`, and `<path>.progress`
 * contains the state from which an interrupted export continues. When the export is complete, `<path>.partial` is
 * renamed to `path`, and `<path>.sha256` contains the checksum.
 *
 * @throws {SetupError} the file exists, or the interrupted export cannot continue
 */
export async function openOutputFile(
  path: string,
  { now, ...identity }: ExportIdentity & { now: () => number },
): Promise<TextOutput> {
  if (existsSync(path)) throw new SetupError(`${path} exists; delete it, or choose another name with --out`);
  const partial = `${path}.partial`;
  const progress = `${path}.progress`;
  const remove = `${partial} and ${progress}`;
  const saved = await readProgress<Written>(progress, { ...identity, remove });
  const hash = createHash('sha256');
  const file = await writing(partial, () => openPartial(partial, saved?.written ?? null, hash, remove));
  let bytes = saved?.written.bytes ?? 0;
  let unsaved = 0;
  let savedAt = now();
  let last: ExportState | null = null;

  async function append(text: string): Promise<void> {
    const chunk = Buffer.from(text);
    await file.writeFile(chunk);
    hash.update(chunk);
    bytes += chunk.length;
    unsaved += chunk.length;
  }

  async function sync(): Promise<void> {
    await file.sync();
    // On a file system without locks, two processes can write the same file. They must not leave a file that looks
    // complete.
    if ((await file.stat()).size === bytes) return;
    throw new SetupError(
      `another process writes ${partial}; wait until it has ended, or choose another path with --out`,
    );
  }

  async function save(state: ExportState): Promise<void> {
    await sync();
    const written = { bytes, sha256: hash.copy().digest('hex') };
    await saveProgress<Written>(progress, { ...identity, state, written });
    last = null;
    unsaved = 0;
    savedAt = now();
  }

  return {
    resumed: saved?.state ?? null,
    write: (text, state) =>
      writing(partial, async () => {
        await append(text);
        last = state;
        // A clock that was set back must not stop the saving.
        if (unsaved >= SAVE_BYTES || Math.abs(now() - savedAt) >= SAVE_MS) await save(state);
      }),
    sha256: () => hash.copy().digest('hex'),
    finish: (text) =>
      writing(path, async () => {
        last = null;
        await append(text);
        await sync();
        await file.close();
        await writeSafely(`${path}.sha256`, `${hash.copy().digest('hex')}  ${basename(path)}\n`);
        await rename(partial, path);
        await rm(progress, { force: true });
      }),
    async close() {
      // An export that failed continues at the last saved state.
      if (last !== null) await save(last).catch(() => undefined);
      await file.close();
    },
  };
}

/** Opens the partial file for writing after the part that an interrupted export wrote. Adds that part to the hash. */
async function openPartial(
  path: string,
  written: Written | null,
  hash: Hash,
  remove: string,
): Promise<FileHandle> {
  const { bytes, sha256 } = written ?? { bytes: 0, sha256: hash.copy().digest('hex') };
  if (bytes > 0) {
    if (!existsSync(path)) throw new SetupError(`${path} is missing; delete ${remove} to start again`);
    for await (const chunk of createReadStream(path, { end: bytes - 1 })) hash.update(chunk);
  }
  if (hash.copy().digest('hex') !== sha256) {
    throw new SetupError(`${path} was changed; delete ${remove} to start again`);
  }
  const file = await open(path, 'a', 0o600);
  // The export appends to the end of the file. So the part that was written after the progress was last saved is
  // removed; the export writes it again.
  await file.truncate(bytes);
  return file;
}
