import { type Environment, includesDefault } from '../../common/environment.ts';
import { SetupError } from '../../common/errors.ts';
import type { LoginProviders } from '../../common/login-providers.ts';
import type { PushProviders } from '../../common/push-providers.ts';
import { readLoginProviders } from '../../common/read-login-settings.ts';
import { readPushProviders } from '../../common/read-push-providers.ts';
import { type Developers, readServiceKeys, readServiceKeysJson } from '../../common/service-keys.ts';
import type { SigningKeys } from '../../common/signed-text.ts';
import type { CreateSecretReader } from '../../database/open-from-environment.ts';
import { createSettingText } from './setting-text.ts';

/** The settings of the service in AWS that contain secrets and can be rotated. */
export interface ServiceSettings {
  developers: Developers;
  tokenKeys: SigningKeys;
  loginProviders: LoginProviders;
  pushProviders: PushProviders;
}

/** Reads the texts of the settings. Two equal texts mean that nothing was rotated. */
export type ReadSettingsText = () => Promise<{
  keys: string;
  loginProviders: string;
  pushProviders: string;
  originKeys: string;
}>;

/**
 * Creates the reader of SERVICE_KEYS, LOGIN_PROVIDERS, PUSH_PROVIDERS and ORIGIN_KEYS, or of the secrets that the
 * variables with the suffix `_SECRET` name.
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
  const readLogins = createSettingText(env, 'LOGIN_PROVIDERS', createSecretReader);
  const readPush = createSettingText(env, 'PUSH_PROVIDERS', createSecretReader);
  const readOriginKeys = createSettingText(env, 'ORIGIN_KEYS', createSecretReader);
  return async () => {
    const texts = [readKeys(), readLogins(), readPush(), readOriginKeys()] as const;
    const [keys, loginProviders, pushProviders, originKeys] = await Promise.all(texts);
    return { keys, loginProviders, pushProviders, originKeys };
  };
}

/**
 * Parses the settings. Both kinds of keys are required. Without `developers`, the credentials of the function's own
 * role would be accepted. Without `tokenKeys`, the instances would have no common token key, because they share no data
 * directory.
 *
 * @throws {SetupError} a setting is invalid; the message quotes no value
 */
export function parseServiceSettings({
  keys,
  loginProviders,
  pushProviders,
}: Omit<Awaited<ReturnType<ReadSettingsText>>, 'originKeys'>): ServiceSettings {
  const env = { SERVICE_KEYS: keys, LOGIN_PROVIDERS: loginProviders, PUSH_PROVIDERS: pushProviders };
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
  return {
    developers,
    tokenKeys,
    loginProviders: readLoginProviders(env),
    pushProviders: readPushProviders(env),
  };
}
