import { AMAZON, APPLE, FACEBOOK, GOOGLE, UNSUPPORTED } from '../../../../lib/common/login-providers.ts';
import type { IdentityPoolSettings } from '../../../../lib/identity/model.ts';
import { UsageError } from '../../command.ts';

type ProviderMembers = Pick<
  IdentityPoolSettings,
  'SupportedLoginProviders' | 'OpenIdConnectProviderARNs' | 'CognitoIdentityProviders'
>;

/** Providers whose client id is in SupportedLoginProviders. Source: developer guide, "External identity providers". */
const SOCIAL = new Set([GOOGLE, APPLE, FACEBOOK, AMAZON]);
const USER_POOL = /^cognito-idp\.[\w-]+\.amazonaws\.com(\.cn)?\/[\w-]+$/;
const KEY = /^[\w.:/-]{1,128}$/;
/** The account in the ARNs of IAM providers. The service reads only the provider's name from an ARN. */
const ARN_PREFIX = 'arn:aws:iam::000000000000:oidc-provider/';

/**
 * Converts the values of `--provider` to the members of an identity pool that enable these login providers.
 *
 * @param values `<key>=<client id>`, or `<key>` for an OpenID Connect provider, whose client ids a pool cannot store
 * @throws {UsageError} a value is invalid
 */
export function readProviders(values: readonly string[]): ProviderMembers {
  const social: Record<string, string> = {};
  const userPools: { ProviderName: string; ClientId: string }[] = [];
  const arns: string[] = [];
  for (const value of values) {
    const [key = '', ...rest] = value.split('=');
    const clientId = rest.join('=');
    const reason = UNSUPPORTED.get(key);
    if (reason !== undefined) throw new UsageError(`logins of ${key} are not supported: ${reason}`);
    if (!KEY.test(key))
      throw new UsageError(
        `--provider ${value} does not start with the name of a login provider; use, for example, accounts.google.com=<client id>`,
      );
    const isOidc = !SOCIAL.has(key) && !USER_POOL.test(key);
    if (!isOidc && clientId === '') throw new UsageError(`--provider takes ${key}=<client id>`);
    if (isOidc && clientId !== '') {
      throw new UsageError(
        `a pool cannot store client ids of ${key}; use --provider ${key}, and set the client ids in LOGIN_PROVIDERS`,
      );
    }
    if (SOCIAL.has(key) && Object.hasOwn(social, key))
      throw new UsageError(`--provider ${key} is given twice`);
    if (isOidc) arns.push(`${ARN_PREFIX}${key}`);
    else if (SOCIAL.has(key)) social[key] = clientId;
    else userPools.push({ ProviderName: key, ClientId: clientId });
  }
  return {
    ...(Object.keys(social).length > 0 && { SupportedLoginProviders: social }),
    ...(arns.length > 0 && { OpenIdConnectProviderARNs: arns }),
    ...(userPools.length > 0 && { CognitoIdentityProviders: userPools }),
  };
}
