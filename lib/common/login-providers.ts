/** What LOGIN_PROVIDERS says about a provider: settings that an identity pool cannot store. */
export interface LoginProviderSettings {
  /** Client ids of an OpenID Connect provider. In AWS, IAM has these ids. */
  clientIds?: readonly string[];
  /** The value of `iss`, if it is not the provider's key with `https://`. */
  issuer?: string;
  /** The address of the keys that verify tokens (JWKS), if the issuer has no discovery document. */
  jwksUri?: string;
  /** Facebook: the app that `appSecret` belongs to. */
  appId?: string;
  appSecret?: string;
  /** Facebook and Login with Amazon: the address of the API, if it is not the provider's own. */
  endpoint?: string;
}

/** The settings of LOGIN_PROVIDERS, by the provider's key in `Logins`. */
export type LoginProviders = ReadonlyMap<string, LoginProviderSettings>;

export const FACEBOOK = 'graph.facebook.com';
export const AMAZON = 'www.amazon.com';
export const GOOGLE = 'accounts.google.com';
export const APPLE = 'appleid.apple.com';
export const FACEBOOK_ENDPOINT = 'https://graph.facebook.com';

/** Providers that a pool can name, but whose tokens this service does not verify, with the reason. */
export const UNSUPPORTED: ReadonlyMap<string, string> = new Map([
  ['api.twitter.com', 'they are signed with OAuth 1.0a, which this service does not implement'],
  ['www.digits.com', 'the provider no longer exists'],
]);
