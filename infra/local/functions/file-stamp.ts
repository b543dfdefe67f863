import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/**
 * What is in a file, or why it cannot be read, as a text to compare. Not its times: within a tick of the clock that
 * they are taken from, a file can be written twice.
 */
export function fileStamp(path: string): string {
  try {
    return toStamp(readFileSync(path));
  } catch (error) {
    return toAbsence(error);
  }
}

/** The same for one who need not know at once. */
export async function readFileStamp(path: string): Promise<string> {
  return readFile(path).then(toStamp, toAbsence);
}

function toStamp(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('base64');
}

function toAbsence(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
}
