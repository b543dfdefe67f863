import {
  AMAZON,
  APPLE,
  FACEBOOK,
  FACEBOOK_ENDPOINT,
  GOOGLE,
  type LoginProviderSettings,
  type LoginProviders,
  UNSUPPORTED,
} from '../../common/login-providers.ts';
import type { IdentityPoolDescription } from '../model.ts';
import type { AmazonProvider } from './amazon.ts';
import type { FacebookProvider } from './facebook.ts';
import type { JwtProvider } from './verify-jwt.ts';

/** A provider that a pool accepts, with everything that is needed to verify its tokens. */
export type Provider =
  | JwtProvider
  | FacebookProvider
  | AmazonProvider
  | { kind: 'unsupported'; reason: string }
  | { kind: 'not configured'; missing: string };

/** Issuers whose keys are at a documented address, so that no discovery document is needed. */
const KNOWN_ISSUERS: ReadonlyMap<string, Pick<JwtProvider, 'issuers' | 'keys'>> = new Map([
  [
    // Source: Google, "Verify the Google ID token on your server side".
    GOOGLE,
    {
      issuers: ['https://accounts.google.com', 'accounts.google.com'],
      keys: { jwksUri: 'https://www.googleapis.com/oauth2/v3/certs' },
    },
  ],
  [
    // Source: Apple, "Verifying a user".
    APPLE,
    { issuers: ['https://appleid.apple.com'], keys: { jwksUri: 'https://appleid.apple.com/auth/keys' } },
  ],
  [
    // Limited Login. Source: Facebook, "OIDC Token for Limited Login". The SDK for iOS accepts every host of
    // facebook.com as the issuer.
    FACEBOOK,
    {
      issuers: ['https://www.facebook.com', 'https://limited.facebook.com', 'https://facebook.com'],
      keys: { jwksUri: 'https://limited.facebook.com/.well-known/oauth/openid/jwks/' },
    },
  ],
]);

/** The part of the ARN of an IAM provider that precedes the name of the provider. */
const OIDC_ARN = /^arn:[\w-]+:iam::\d*:oidc-provider\/(.+)$/;

/** Returns the keys in `Logins` of all providers that the pool accepts, sorted. */
export function providersOf(pool: IdentityPoolDescription): string[] {
  return [
    ...new Set([
      ...Object.keys(pool.SupportedLoginProviders ?? {}),
      ...(pool.CognitoIdentityProviders ?? []).flatMap(({ ProviderName }) => ProviderName ?? []),
      ...(pool.OpenIdConnectProviderARNs ?? []).flatMap((arn) => OIDC_ARN.exec(arn)?.[1] ?? []),
      ...(pool.SamlProviderARNs ?? []),
    ]),
  ].sort();
}

/**
 * Finds a provider by its key in `Logins`. The pool's settings decide whether the pool accepts the provider.
 * @returns null if the pool does not accept the provider
 */
export function findProvider(
  pool: IdentityPoolDescription,
  key: string,
  settings: LoginProviders,
): Provider | null {
  if (!providersOf(pool).includes(key)) return null;
  if (pool.SamlProviderARNs?.includes(key)) {
    return { kind: 'unsupported', reason: 'SAML assertions are not verified' };
  }
  const reason = UNSUPPORTED.get(key);
  if (reason !== undefined) return { kind: 'unsupported', reason };
  const own = settings.get(key) ?? {};
  const clientIds = clientIdsOf(pool, key, own);
  if (clientIds.length === 0) return { kind: 'not configured', missing: 'clientIds' };
  switch (key) {
    case FACEBOOK:
      return toFacebook(clientIds, own);
    case AMAZON:
      return { kind: 'amazon', appIds: clientIds, endpoint: own.endpoint ?? 'https://api.amazon.com' };
    default:
      return toJwtProvider(key, clientIds, own, isUserPool(pool, key));
  }
}

/** Client ids are in the pool's settings, except those of an IAM provider, which are in LOGIN_PROVIDERS. */
function clientIdsOf(
  {
    SupportedLoginProviders = {},
    CognitoIdentityProviders = [],
    OpenIdConnectProviderARNs = [],
  }: IdentityPoolDescription,
  key: string,
  { clientIds = [] }: LoginProviderSettings,
): string[] {
  const isOfIam = OpenIdConnectProviderARNs.some((arn) => OIDC_ARN.exec(arn)?.[1] === key);
  return [
    ...Object.entries(SupportedLoginProviders).flatMap(([name, id]) => (name === key ? id : [])),
    ...CognitoIdentityProviders.flatMap(({ ProviderName, ClientId }) =>
      ProviderName === key && ClientId ? ClientId : [],
    ),
    ...(isOfIam ? clientIds : []),
  ];
}

function isUserPool({ CognitoIdentityProviders = [] }: IdentityPoolDescription, key: string): boolean {
  return CognitoIdentityProviders.some(({ ProviderName }) => ProviderName === key);
}

function toFacebook(
  clientIds: readonly string[],
  { appId, appSecret, endpoint = FACEBOOK_ENDPOINT, ...own }: LoginProviderSettings,
): FacebookProvider {
  const [ofPool = ''] = clientIds;
  return {
    kind: 'facebook',
    appId: ofPool,
    appSecret: appId === ofPool ? appSecret : undefined,
    endpoint,
    limited: toJwtProvider(FACEBOOK, clientIds, own, false),
  };
}

function toJwtProvider(
  key: string,
  audiences: readonly string[],
  { issuer, jwksUri }: LoginProviderSettings,
  isOfUserPool: boolean,
): JwtProvider {
  const known = issuer === undefined ? KNOWN_ISSUERS.get(key) : undefined;
  const base = issuer?.replace(/\/$/, '') ?? `https://${key}`;
  const issuers = known?.issuers ?? [base];
  // Source: developer guide of Cognito, "Verifying JSON web tokens".
  const ofUserPool = isOfUserPool ? { jwksUri: `${base}/.well-known/jwks.json` } : undefined;
  // Source: OpenID Connect Discovery 1.0, section 4.
  const discovered = { discoveryUri: `${base}/.well-known/openid-configuration`, issuers };
  const configured = jwksUri === undefined ? undefined : { jwksUri };
  return { kind: 'jwt', issuers, audiences, keys: configured ?? known?.keys ?? ofUserPool ?? discovered };
}
