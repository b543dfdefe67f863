import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { SetupError } from '../../lib/common/errors.ts';

const KEY_BYTES = 32;

/**
 * Reads the key that signs session tokens. The first start creates the key. Later starts use the same key, so a sync
 * can continue after a restart. Any user who can read the file can create valid tokens.
 *
 * @throws {SetupError} the file does not contain a key
 */
export async function readTokenKey(path: string): Promise<Buffer> {
  if (!existsSync(path)) {
    // The key is written to a temporary file, which is then renamed, so that a killed process leaves no partial key.
    await writeFile(`${path}.new`, randomBytes(KEY_BYTES), { mode: 0o600 });
    await rename(`${path}.new`, path);
  }
  const key = await readFile(path);
  if (key.length !== KEY_BYTES) {
    throw new SetupError(
      `${path} does not contain a key of ${KEY_BYTES} bytes; delete the file, and the next start creates a new key (syncs in progress start over)`,
    );
  }
  return key;
}
