import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/**
 * Returns a text that identifies the content of a file. If the file cannot be read, returns a text that identifies the
 * reason. File times are not used, because a file can be written twice within one tick of the file system's clock.
 */
export function fileStamp(path: string): string {
  try {
    return toStamp(readFileSync(path));
  } catch (error) {
    return toAbsence(error);
  }
}

/** Returns the same text as `fileStamp`, asynchronously. */
export async function readFileStamp(path: string): Promise<string> {
  return readFile(path).then(toStamp, toAbsence);
}

function toStamp(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('base64');
}

function toAbsence(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
}
