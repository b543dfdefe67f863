import type { Environment } from './environment.ts';
import { SetupError } from './errors.ts';
import { isObject } from './json.ts';
import { parseJsonSetting } from './json-setting.ts';
import {
  AMAZON,
  FACEBOOK,
  type LoginProviderSettings,
  type LoginProviders,
  UNSUPPORTED,
} from './login-providers.ts';
import { isLoopback } from './loopback.ts';
import { nearestName } from './nearest-name.ts';
import { hostOf, parseUrlSetting } from './url-setting.ts';

/** How tokens of public login providers are treated: verified, or accepted without verification. */
export type LoginMode = 'trusted' | 'verified';

/**
 * Reads LOGINS: whether the tokens of public login providers are verified.
 *
 * @param mayTrust whether only this machine can reach the service, and the service has the default credentials. If so,
 *   `trusted` is possible, and is the default
 * @throws {SetupError} the value is unknown, or is `trusted` although other machines can reach the service
 */
export function readLoginMode({ LOGINS: value }: Environment, mayTrust: boolean): LoginMode {
  if (!value) return mayTrust ? 'trusted' : 'verified';
  if (value === 'verified') return value;
  if (value !== 'trusted') throw new SetupError(`invalid LOGINS "${value}": use verified or trusted`);
  if (mayTrust) return value;
  throw new SetupError(
    'LOGINS=trusted lets any client log in as any user, so it is possible only on a loopback HOST with the default credentials; unset LOGINS, or set LOGINS=verified',
  );
}

const EXAMPLE = '{"login.example.com":{"clientIds":["my-app"]}}';
const MEMBERS = ['clientIds', 'issuer', 'jwksUri', 'appId', 'appSecret', 'endpoint'] as const;
type Member = (typeof MEMBERS)[number];

/**
 * Reads LOGIN_PROVIDERS: JSON or the path of a file with JSON, an object with settings per provider.
 *
 * @returns the settings by the provider's key in `Logins`; empty if the variable is not set
 * @throws {SetupError} the value is invalid; the message names the provider and the member, and quotes no value
 */
export function readLoginProviders({ LOGIN_PROVIDERS: text }: Environment): LoginProviders {
  if (!text) return new Map();
  const value = parseJsonSetting('LOGIN_PROVIDERS', text);
  if (!isObject(value)) throw invalid(`the value is not an object; use JSON such as ${EXAMPLE}`);
  return new Map(Object.entries(value).map(([key, given]) => [key, readProvider(key, given)]));
}

function readProvider(key: string, given: unknown): LoginProviderSettings {
  if (key.includes('://')) throw invalid(`"${key}" is a URL; use the key in Logins, without https://`);
  if (!/^[\w.:/-]{1,128}$/.test(key)) throw invalid(`"${key}" is not the key of a provider in Logins`);
  const reason = UNSUPPORTED.get(key);
  if (reason !== undefined) throw invalid(`logins of ${key} are not supported: ${reason}`);
  if (!isObject(given)) throw invalid(`${key} is not an object; use JSON such as ${EXAMPLE}`);
  for (const name of Object.keys(given)) {
    const expected = membersOf(key);
    if (expected.some((member) => member === name)) continue;
    const nearest = nearestName(name, expected);
    const advice = nearest ? `did you mean ${nearest}?` : `use ${expected.join(', ')}`;
    throw invalid(`${key} does not have the member "${name}"; ${advice}`);
  }
  if ((given.appId === undefined) !== (given.appSecret === undefined)) {
    throw invalid(`${key} has only one of appId and appSecret; set both`);
  }
  return {
    ...(given.clientIds !== undefined && { clientIds: readTexts(key, given.clientIds) }),
    ...readUrl(key, given, 'issuer'),
    ...readUrl(key, given, 'jwksUri'),
    ...readUrl(key, given, 'endpoint'),
    ...readText(key, given, 'appId'),
    ...readText(key, given, 'appSecret'),
  };
}

function membersOf(key: string): readonly Member[] {
  if (key === FACEBOOK) return MEMBERS.filter((member) => member !== 'clientIds');
  return key === AMAZON ? ['endpoint'] : ['clientIds', 'issuer', 'jwksUri'];
}

function readTexts(key: string, given: unknown): string[] {
  const texts = Array.isArray(given) ? given.filter((text) => typeof text === 'string' && text !== '') : [];
  if (Array.isArray(given) && given.length > 0 && texts.length === given.length) return texts;
  throw invalid(`${key}.clientIds must be an array of client ids, such as ["my-app"]`);
}

function readText<Name extends Member>(key: string, given: Readonly<Record<string, unknown>>, name: Name) {
  const { [name]: text } = given;
  if (text === undefined) return {};
  if (typeof text !== 'string' || text === '') throw invalid(`${key}.${name} must be a text`);
  return { [name]: text };
}

function readUrl<Name extends Member>(key: string, given: Readonly<Record<string, unknown>>, name: Name) {
  const { [name]: text } = given;
  if (text === undefined) return {};
  const url = parseUrlSetting(text);
  if (typeof url === 'string') throw invalid(`${key}.${name} must be ${url}`);
  return { [name]: name === 'jwksUri' ? text : String(text).replace(/\/$/, '') };
}

/** Returns the origins on loopback that LOGIN_PROVIDERS names. The service connects to no other private address. */
export function loopbackOrigins(settings: LoginProviders): ReadonlySet<string> {
  const urls = [...settings.values()].flatMap(({ issuer, jwksUri, endpoint }) =>
    [issuer, jwksUri, endpoint].flatMap((text) => (text === undefined ? [] : new URL(text))),
  );
  return new Set(urls.filter((url) => isLoopback(hostOf(url))).map(({ origin }) => origin));
}

function invalid(what: string): SetupError {
  return new SetupError(`invalid LOGIN_PROVIDERS: ${what}`);
}
