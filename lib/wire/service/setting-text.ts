import type { Environment } from '../../common/environment.ts';
import { SetupError } from '../../common/errors.ts';
import { parseSecretId } from '../../common/secret-id.ts';
import type { CreateSecretReader } from '../../database/open-from-environment.ts';

/**
 * Creates the reader of a setting with secrets: the variable `name` with JSON, or the secret that `<name>_SECRET`
 * names. The reader returns an empty text if neither is set.
 *
 * @throws {SetupError} a variable is invalid; the message names it and never quotes it
 */
export function createSettingText(
  env: Environment,
  name: 'SERVICE_KEYS' | 'LOGIN_PROVIDERS' | 'PUSH_PROVIDERS' | 'ORIGIN_KEYS',
  createSecretReader: CreateSecretReader,
): () => Promise<string> {
  const { [name]: value, [`${name}_SECRET`]: secret } = env;
  if (!secret) return async () => value ?? '';
  if (value) throw new SetupError(`${name} and ${name}_SECRET are both set; set only one of them`);
  const id = parseSecretId(secret);
  if (typeof id === 'string') throw new SetupError(`invalid ${name}_SECRET: ${id}`);
  const read = createSecretReader(id);
  return async () => {
    const text = await read();
    // `parseJsonSetting` would take any other text for a path.
    if (text.trimStart().startsWith('{')) return text;
    throw new SetupError(`the secret ${id.secretId} in ${name}_SECRET does not contain a JSON object`);
  };
}
