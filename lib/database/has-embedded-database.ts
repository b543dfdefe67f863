import { existsSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Path of the file that exists only while the embedded database is created in `directory`. If no process creates the
 * database, an earlier creation was interrupted. The directory then contains no stored data and can be deleted.
 */
export const creatingFile = (directory: string): string => `${directory}.creating`;

/** Returns whether `directory` contains a complete embedded database, so that opening it does not create one. */
export function hasEmbeddedDatabase(directory: string): boolean {
  return existsSync(join(directory, 'PG_VERSION')) && !existsSync(creatingFile(directory));
}
