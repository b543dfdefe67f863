import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { SetupError } from '../../lib/common/errors.ts';

const KEY_BYTES = 32;

/**
 * The key that session tokens are signed with: made at the first start and kept, so that a sync that a restart
 * interrupts can go on. Who can read the file can make tokens.
 *
 * @throws {SetupError} the file cannot be read or does not hold a key
 */
export async function readTokenKey(path: string): Promise<Buffer> {
  if (!existsSync(path)) {
    // Written beside and renamed: a process that is killed meanwhile leaves no half of a key.
    await writeFile(`${path}.new`, randomBytes(KEY_BYTES), { mode: 0o600 });
    await rename(`${path}.new`, path);
  }
  const key = await readFile(path);
  if (key.length !== KEY_BYTES) {
    throw new SetupError(
      `${path} does not hold a key of ${KEY_BYTES} bytes; remove it to have a new one made (syncs under way begin again)`,
    );
  }
  return key;
}
