import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import type { BundledFile } from './bundle-functions.ts';

/** The same code gives the same archive, so that a deployment without changes uploads nothing. */
const ATTRIBUTES = { mtime: new Date(0), mode: 0o100644 };

/**
 * Writes a zip archive that Lambda can run.
 *
 * @param path of the archive, in an existing folder
 */
export async function writeArchive(path: string, files: readonly BundledFile[]): Promise<void> {
  const archive = new ZipFile();
  for (const file of files) archive.addBuffer(Buffer.from(file.contents), file.path, ATTRIBUTES);
  archive.end();
  await pipeline(archive.outputStream, createWriteStream(path));
}
