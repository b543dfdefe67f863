import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** The first line of an archive, as JSON. The bytes of the files follow it. */
interface Contents {
  /** Paths of all directories, including empty ones. A parent precedes its children. */
  directories: string[];
  files: {
    path: string;
    bytes: number;
    /** The number of bytes in the archive. All further bytes of the file are zero. */
    stored: number;
  }[];
}

/**
 * Packs the files and directories in `directory`. The archive omits the zeros at the end of each file, because most of
 * a new write-ahead log is zeros. npm packages cannot contain empty directories, so they need such an archive.
 */
export function packDirectory(directory: string): Buffer {
  const contents: Contents = { directories: [], files: [] };
  const parts: Buffer[] = [];
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true })
    .map((entry) => ({ entry, path: relative(directory, join(entry.parentPath, entry.name)) }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  for (const { entry, path } of entries) {
    if (entry.isDirectory()) contents.directories.push(path);
    if (!entry.isFile()) continue;
    const content = readFileSync(join(directory, path));
    const stored = content.subarray(0, lengthWithoutZeros(content));
    contents.files.push({ path, bytes: content.length, stored: stored.length });
    parts.push(stored);
  }
  return Buffer.concat([Buffer.from(`${JSON.stringify(contents)}\n`), ...parts]);
}

/**
 * Writes the files of an archive to `directory`, which only the owner can read. Zeros are written, too, because a file
 * with a hole would need space on the disk later, when the disk may be full. The function is synchronous, because
 * awaiting each of a thousand small files takes six times as much CPU time.
 */
export function unpackDirectory(archive: Buffer, directory: string): void {
  let at = archive.indexOf('\n') + 1;
  const { directories, files }: Contents = JSON.parse(archive.toString('utf8', 0, at));
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const path of directories) mkdirSync(join(directory, path), { mode: 0o700 });
  for (const { path, bytes, stored } of files) {
    const content = archive.subarray(at, at + stored);
    at += stored;
    writeFileSync(join(directory, path), bytes === stored ? content : padded(content, bytes), {
      mode: 0o600,
    });
  }
}

function padded(content: Buffer, bytes: number): Buffer {
  const whole = Buffer.alloc(bytes);
  content.copy(whole);
  return whole;
}

function lengthWithoutZeros(content: Buffer): number {
  let length = content.length;
  while (length > 0 && content[length - 1] === 0) length -= 1;
  return length;
}
