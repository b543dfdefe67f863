import type { Environment } from '../../lib/common/environment.ts';
import { SetupError } from '../../lib/common/errors.ts';

/**
 * Reads the address of a service from the variable `name`.
 *
 * @returns the address without a slash at its end, so that a path can be appended; undefined if the variable is not set
 * @throws {SetupError} the value is not an HTTP or HTTPS URL
 */
export function readEndpoint(env: Environment, name: string): string | undefined {
  const value = env[name];
  if (!value) return undefined;
  const url = URL.parse(value);
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new SetupError(`${name} is not an HTTP or HTTPS URL; use, for example, http://127.0.0.1:4580`);
  }
  return value.replace(/\/+$/, '');
}
