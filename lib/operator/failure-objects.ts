import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { SetupError } from '../errors.ts';

export interface FailureObject {
  name: string;
  read(): Promise<Uint8Array>;
}

/**
 * The objects of a failure destination.
 *
 * @param where `s3://bucket/prefix`, or a directory
 * @throws {SetupError} there is no such place, or it may not be read
 */
export async function* failureObjects(where: string): AsyncGenerator<FailureObject> {
  try {
    yield* where.startsWith('s3://') ? inBucket(where) : inDirectory(resolve(where));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SetupError(`${where} cannot be read: ${reason}`);
  }
}

async function* inBucket(where: string): AsyncGenerator<FailureObject> {
  const [bucket = '', ...prefix] = where.slice('s3://'.length).split('/');
  // Loaded for those who need it: it takes longer than everything else together.
  const { openS3Objects } = await import('../aws/s3-objects.ts');
  const objects = openS3Objects(bucket);
  for await (const key of objects.keys(prefix.join('/'))) yield { name: key, read: () => objects.get(key) };
}

async function* inDirectory(directory: string): AsyncGenerator<FailureObject> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const paths = entries
    // One that ends thus is still being written, or was when its writer ended.
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.tmp'))
    .map((entry) => join(entry.parentPath, entry.name));
  for (const path of paths.sort()) yield { name: path, read: () => readFile(path) };
}
