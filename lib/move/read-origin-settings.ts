import { type Credentials, type Environment, isRegion } from '../common/environment.ts';
import { SetupError } from '../common/errors.ts';
import { isLoopback } from '../common/loopback.ts';
import { readOriginEndpoint, readOriginRate } from '../common/origin-address.ts';
import { readServiceKeys } from '../common/service-keys.ts';
import { MIN_KEY_BYTES } from '../common/signed-text.ts';
import { STREAM_NAME } from '../common/stream-name.ts';
import type { OriginTokenKeys } from '../identity/logins/origin-tokens.ts';

/** Where the origin of a migration is, and how to call it. */
export interface OriginSettings {
  region: string;
  streamName: string;
  /** Maximum number of calls to the origin per second; absent for the default. */
  maxCallsPerSecond?: number;
  /** Base URL of the origin; absent for Amazon's service. */
  endpoint?: string;
  /** Absent if the SDK finds the credentials: in the standard AWS variables, a profile or a role. */
  credentials?: Credentials & { sessionToken?: string };
  /** Absent if OpenID tokens of the origin are not accepted here. */
  tokenKeys?: OriginTokenKeys;
}

/** Returns the name of an origin, which identifies it: the address of the service, or Amazon's service and the region. */
export function originName({ endpoint, region }: Pick<OriginSettings, 'endpoint' | 'region'>): string {
  return endpoint ?? `Amazon Cognito in ${region}`;
}

/** Says that a pool was copied from another origin than the one that is configured. */
export function describeOtherOrigin(copiedFrom: string, configured: string): string {
  return `the pool was copied from ${copiedFrom}, but ORIGIN_ENDPOINT_URL or ORIGIN_REGION names ${configured}; set both to the origin from which the pool was copied`;
}

/**
 * Reads ORIGIN_ENDPOINT_URL, ORIGIN_REGION, ORIGIN_ACCESS_KEY_ID, ORIGIN_SECRET_ACCESS_KEY, ORIGIN_SESSION_TOKEN,
 * ORIGIN_STREAM and ORIGIN_RATE. For each that is unset, the standard AWS variable or the default applies. Also reads how
 * OpenID tokens of the origin are verified: ORIGIN_TOKEN_KEYS, ORIGIN_ISSUER and ORIGIN_JWKS_URI.
 *
 * @param identityPoolId its region is the default of ORIGIN_REGION and AWS_REGION
 * @throws {SetupError} a variable is invalid; the message quotes no secret
 */
export function readOriginSettings(env: Environment, identityPoolId: string): OriginSettings {
  const endpoint = readOriginEndpoint(env);
  const region =
    env.ORIGIN_REGION || env.AWS_REGION || env.AWS_DEFAULT_REGION || (identityPoolId.split(':')[0] ?? '');
  if (!isRegion(region)) {
    throw new SetupError(`invalid ORIGIN_REGION "${region}": use a region name such as us-east-1`);
  }
  const streamName = env.ORIGIN_STREAM || STREAM_NAME;
  if (!/^[a-zA-Z0-9_.-]{1,128}$/.test(streamName)) {
    throw new SetupError('invalid ORIGIN_STREAM: use the name of a Kinesis stream, not its ARN');
  }
  const credentials = readCredentials(env, endpoint);
  const tokenKeys = readTokenKeys(env, endpoint);
  const maxCallsPerSecond = readOriginRate(env);
  return {
    region,
    streamName,
    ...(maxCallsPerSecond && { maxCallsPerSecond }),
    ...(endpoint && { endpoint }),
    ...(credentials && { credentials }),
    ...(tokenKeys && { tokenKeys }),
  };
}

/** The issuer of Amazon's tokens, and the address of its keys. Source: both were seen in several public projects. */
const AMAZON_ISSUER = 'https://cognito-identity.amazonaws.com';
const AMAZON_JWKS_URI = `${AMAZON_ISSUER}/.well-known/jwks_uri`;
const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/;

function readTokenKeys(env: Environment, endpoint: string | undefined): OriginTokenKeys | undefined {
  const { ORIGIN_TOKEN_KEYS: secrets, ORIGIN_ISSUER: issuer, ORIGIN_JWKS_URI: jwksUri } = env;
  if (secrets && (issuer || jwksUri))
    throw new SetupError(
      'set either ORIGIN_TOKEN_KEYS or ORIGIN_ISSUER and ORIGIN_JWKS_URI, not all: OpenID tokens of the origin are verified with its secret keys or with published keys',
    );
  if (secrets) {
    const [first, ...others] = secrets.split(',').map((key) => readKey(key.trim()));
    if (first) return { secrets: [first, ...others] };
  }
  if (endpoint !== undefined && !jwksUri) return undefined;
  return {
    issuer: (issuer || AMAZON_ISSUER).replace(/\/$/, ''),
    jwksUri: jwksUri ? readJwksUri(jwksUri) : AMAZON_JWKS_URI,
  };
}

function readKey(text: string): Buffer {
  const key = Buffer.from(text, 'base64');
  if (BASE64.test(text) && key.length >= MIN_KEY_BYTES) return key;
  throw new SetupError(
    `invalid ORIGIN_TOKEN_KEYS: use the tokenKeys of the origin, in base64 with at least ${MIN_KEY_BYTES} bytes each, separated by commas`,
  );
}

function readJwksUri(text: string): string {
  const url = URL.parse(text);
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname));
  if (isSafe && url.username === '' && url.password === '') return text;
  throw new SetupError(
    'invalid ORIGIN_JWKS_URI: use the https address of the keys of the origin, or an http address on this machine',
  );
}

/** Amazon publishes no rate limit. */
const DEFAULT_CALLS_PER_SECOND = 10;
const LOCAL_CALLS_PER_SECOND = 1_000;

/**
 * Returns the maximum number of calls to an origin per second. An origin on this machine has no other callers to
 * protect, so its default is higher.
 */
export function callsPerSecond({
  maxCallsPerSecond,
  endpoint,
}: Pick<OriginSettings, 'maxCallsPerSecond' | 'endpoint'>): number {
  return maxCallsPerSecond ?? (isLocal(endpoint) ? LOCAL_CALLS_PER_SECOND : DEFAULT_CALLS_PER_SECOND);
}

function isLocal(endpoint: string | undefined): boolean {
  return endpoint !== undefined && isLoopback(new URL(endpoint).hostname.replaceAll(/[[\]]/g, ''));
}

/** An origin on this machine accepts the default credentials, unless the environment names others. */
function readCredentials(env: Environment, endpoint: string | undefined): OriginSettings['credentials'] {
  const { ORIGIN_ACCESS_KEY_ID: accessKeyId, ORIGIN_SECRET_ACCESS_KEY: secretAccessKey } = env;
  const sessionToken = env.ORIGIN_SESSION_TOKEN || undefined;
  if (accessKeyId && secretAccessKey)
    return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
  if (accessKeyId || secretAccessKey || sessionToken) {
    throw new SetupError(
      'set both ORIGIN_ACCESS_KEY_ID and ORIGIN_SECRET_ACCESS_KEY, and ORIGIN_SESSION_TOKEN only with them; or unset all three to use the standard AWS credentials',
    );
  }
  const isNamed = Boolean(env.AWS_ACCESS_KEY_ID || env.AWS_PROFILE);
  return !isNamed && isLocal(endpoint) ? readServiceKeys(env).developers[0] : undefined;
}
