import type { Environment } from '../common/environment.ts';
import { SetupError } from '../common/errors.ts';
import { readServiceKeysJson } from '../common/service-keys.ts';
import { type OriginSettings, readOriginSettings } from './read-origin-settings.ts';

/**
 * Reads the settings of the origin of a deployed function: the ORIGIN_ variables, and the keys of the origin.
 *
 * @param keys the keys in the format of SERVICE_KEYS. If empty, the origin is called with the role of the function
 * @throws {SetupError} a variable or the keys are invalid; the message quotes no secret
 */
export function readDeployedOrigin(env: Environment, keys: string): OriginSettings {
  return readOriginSettings({ ...env, ...variablesOf(keys) }, '');
}

function variablesOf(keys: string): Environment {
  if (keys === '') return {};
  const { developers: [developer] = [], tokenKeys = [] } = parse(keys);
  if (developer === undefined) throw new SetupError('invalid ORIGIN_KEYS: developers is missing');
  return {
    ORIGIN_ACCESS_KEY_ID: developer.accessKeyId,
    ORIGIN_SECRET_ACCESS_KEY: developer.secretAccessKey,
    ORIGIN_TOKEN_KEYS: tokenKeys.join(','),
  };
}

function parse(keys: string) {
  try {
    return readServiceKeysJson({ SERVICE_KEYS: keys });
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    throw new SetupError(`invalid ORIGIN_KEYS, which has the format of SERVICE_KEYS: ${error.message}`);
  }
}
