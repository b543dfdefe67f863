import { type Environment, includesDefault } from '../../common/environment.ts';
import { SetupError } from '../../common/errors.ts';
import type { LoginProviders } from '../../common/login-providers.ts';
import { readLoginProviders } from '../../common/read-login-settings.ts';
import { type Developers, readServiceKeys, readServiceKeysJson } from '../../common/service-keys.ts';
import type { SigningKeys } from '../../common/signed-text.ts';
import type { CreateSecretReader } from '../../database/open-from-environment.ts';
import { createSettingText } from './setting-text.ts';

/** The settings of the service in AWS that contain secrets and can be rotated. */
export interface ServiceSettings {
  developers: Developers;
  tokenKeys: SigningKeys;
  loginProviders: LoginProviders;
}

/** Reads the texts of the settings. Two equal texts mean that nothing was rotated. */
export type ReadSettingsText = () => Promise<{ keys: string; loginProviders: string; originKeys: string }>;

/**
 * Creates the reader of SERVICE_KEYS, LOGIN_PROVIDERS and ORIGIN_KEYS, or of the secrets that SERVICE_KEYS_SECRET,
 * LOGIN_PROVIDERS_SECRET and ORIGIN_KEYS_SECRET name.
 *
 * @throws {SetupError} a variable is missing or invalid; the message names it and never quotes it
 */
export function createSettingsReader(
  env: Environment,
  createSecretReader: CreateSecretReader,
): ReadSettingsText {
  if (!env.SERVICE_KEYS && !env.SERVICE_KEYS_SECRET) {
    throw new SetupError(
      'neither SERVICE_KEYS nor SERVICE_KEYS_SECRET is set; set SERVICE_KEYS_SECRET to the name or ARN of a secret with the keys of the service',
    );
  }
  const readKeys = createSettingText(env, 'SERVICE_KEYS', createSecretReader);
  const readProviders = createSettingText(env, 'LOGIN_PROVIDERS', createSecretReader);
  const readOriginKeys = createSettingText(env, 'ORIGIN_KEYS', createSecretReader);
  return async () => {
    const texts = [readKeys(), readProviders(), readOriginKeys()] as const;
    const [keys, loginProviders, originKeys] = await Promise.all(texts);
    return { keys, loginProviders, originKeys };
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
}: Pick<Awaited<ReturnType<ReadSettingsText>>, 'keys' | 'loginProviders'>): ServiceSettings {
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
