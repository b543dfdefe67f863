import type { IdentityPoolDescription } from '../model.ts';

/**
 * Returns the user to whom a provider issued a token: the user's id at the provider. Tokens of this service, and users
 * of the developer provider, are not verified by this function.
 *
 * @param provider the token's key in `Logins`, as the client sent it
 * @throws {ServiceError} NotAuthorizedException if the token is invalid, or the pool does not accept the provider;
 *   ExternalServiceException if the provider could not be asked; InvalidIdentityPoolConfigurationException if a setting
 *   is missing that the provider's tokens need
 */
export type VerifyLogin = (pool: IdentityPoolDescription, provider: string, token: string) => Promise<string>;
