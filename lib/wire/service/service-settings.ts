import { type Environment, includesDefault } from '../../common/environment.ts';
import { SetupError } from '../../common/errors.ts';
import type { LoginProviders } from '../../common/login-providers.ts';
import { readLoginProviders } from '../../common/read-login-settings.ts';
import { parseSecretId, type SecretId } from '../../common/secret-id.ts';
import { type Developers, readServiceKeys, readServiceKeysJson } from '../../common/service-keys.ts';
import type { SigningKeys } from '../../common/signed-text.ts';

/** The settings of the service in AWS that contain secrets and can be rotated. */
export interface ServiceSettings {
  developers: Developers;
  tokenKeys: SigningKeys;
  loginProviders: LoginProviders;
}

/** Reads the texts of the settings. Two equal texts mean that nothing was rotated. */
export type ReadSettingsText = () => Promise<{ keys: string; loginProviders: string }>;

/**
 * Creates the reader of SERVICE_KEYS and LOGIN_PROVIDERS, or of the secrets that SERVICE_KEYS_SECRET and
 * LOGIN_PROVIDERS_SECRET name.
 *
 * @throws {SetupError} a variable is missing or invalid; the message names it and never quotes it
 */
export function createSettingsReader(
  env: Environment,
  createSecretReader: (id: SecretId) => () => Promise<string>,
): ReadSettingsText {
  const reader = (name: 'SERVICE_KEYS' | 'LOGIN_PROVIDERS'): (() => Promise<string>) => {
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
  };
  if (!env.SERVICE_KEYS && !env.SERVICE_KEYS_SECRET) {
    throw new SetupError(
      'neither SERVICE_KEYS nor SERVICE_KEYS_SECRET is set; set SERVICE_KEYS_SECRET to the name or ARN of a secret with the keys of the service',
    );
  }
  const readKeys = reader('SERVICE_KEYS');
  const readProviders = reader('LOGIN_PROVIDERS');
  return async () => {
    const [keys, loginProviders] = await Promise.all([readKeys(), readProviders()]);
    return { keys, loginProviders };
  };
}

/**
 * Parses the settings. Both kinds of keys are required: without developers, the credentials of the function's own role
 * would be accepted, and each instance would need the same token key.
 *
 * @throws {SetupError} a setting is invalid; the message quotes no value
 */
export function parseServiceSettings({
  keys,
  loginProviders,
}: Awaited<ReturnType<ReadSettingsText>>): ServiceSettings {
  const env = { SERVICE_KEYS: keys, LOGIN_PROVIDERS: loginProviders };
  const { developers: given } = readServiceKeysJson(env);
  const { developers, tokenKeys } = readServiceKeys(env);
  if (given === undefined || tokenKeys === null) {
    throw new SetupError('invalid SERVICE_KEYS: in AWS, both developers and tokenKeys are required');
  }
  if (includesDefault(developers)) {
    throw new SetupError(
      'invalid SERVICE_KEYS: the secret access key "local" is public knowledge; use a random one',
    );
  }
  return { developers, tokenKeys, loginProviders: readLoginProviders(env) };
}
