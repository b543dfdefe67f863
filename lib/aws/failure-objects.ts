import { readdir, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { SetupError } from '../common/errors.ts';
import type { FailureObject } from '../projection/failure-object.ts';

/** Whether a failure destination is an S3 location (`s3://…`). Otherwise it is a directory. */
export function isInBucket(where: string): boolean {
  return where.startsWith('s3://');
}

/**
 * Lists the objects of a failure destination, to which the event source mapping writes the batches that it discards.
 *
 * @param where `s3://bucket/prefix`, or a directory
 * @throws {SetupError} the destination does not exist, or access is denied
 */
export async function* failureObjects(where: string): AsyncGenerator<FailureObject> {
  try {
    yield* isInBucket(where) ? inBucket(where) : inDirectory(resolve(where));
  } catch (error) {
    throw cannotBeRead(`${where} `, error);
  }
}

async function* inBucket(where: string): AsyncGenerator<FailureObject> {
  const [bucket = '', ...prefix] = where.slice('s3://'.length).split('/');
  // Import the S3 client only when it is needed: loading it takes longer than loading all other modules.
  const { openS3Objects } = await import('./s3-objects.ts');
  const objects = openS3Objects(bucket);
  for await (const key of objects.keys(prefix.join('/'))) {
    yield toObject(key, () => objects.get(key));
  }
}

async function* inDirectory(directory: string): AsyncGenerator<FailureObject> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const paths = entries
    // A `.tmp` file is still being written, or its writer was interrupted.
    .filter((entry) => (entry.isFile() || entry.isSymbolicLink()) && !entry.name.endsWith('.tmp'))
    .map((entry) => join(entry.parentPath, entry.name));
  for (const path of paths.sort()) {
    if (!(await isDirectory(path))) yield toObject(path, () => readFile(path));
  }
}

/**
 * Whether a path is a directory, or a link to a directory. Returns false for a broken link, so that the error is
 * reported when the link is read.
 */
async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}

function toObject(name: string, read: FailureObject['read']): FailureObject {
  return {
    name,
    read: () =>
      read().catch((error: unknown) => {
        throw cannotBeRead('', error);
      }),
  };
}

/**
 * Creates the error that says, on one line, why something cannot be read. Includes the cause's name if it is specific,
 * such as S3's `AccessDenied`.
 */
function cannotBeRead(what: string, error: unknown): SetupError {
  const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) };
  const reason = (name === 'Error' ? message : `${name}: ${message}`).replaceAll(/\s+/g, ' ');
  return new SetupError(`${what}cannot be read: ${reason}`);
}
