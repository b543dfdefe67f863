import { hashedUuid } from '../../database/row-ids.ts';
import type { Login } from '../ports/identity-store.ts';

/**
 * Returns the key of a login's row, which is derived from the pool, the provider and the user. No provider name
 * contains NUL, so different logins have different keys.
 */
export function loginId(identityPoolId: string, { provider, userId }: Login): string {
  return hashedUuid(`${identityPoolId}\0${provider}\0${userId}`);
}
