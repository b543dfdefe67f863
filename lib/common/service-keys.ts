import { type Credentials, type Environment, readCredentials } from './environment.ts';
import { SetupError } from './errors.ts';
import { isObject } from './json.ts';
import { parseJsonSetting } from './json-setting.ts';
import { MIN_KEY_BYTES, type SigningKeys } from './signed-text.ts';

/** Access keys with which developers sign requests. All of them are accepted; the service itself uses the first. */
export type Developers = readonly [Credentials, ...Credentials[]];

export interface ServiceKeys {
  developers: Developers;
  /** Keys that sign tokens. Null for the key in the data directory. */
  tokenKeys: SigningKeys | null;
}

/** The value of SERVICE_KEYS. A member that is absent has its default. */
export interface ServiceKeysJson {
  developers?: readonly Credentials[];
  /** In base64. */
  tokenKeys?: readonly string[];
}

/**
 * Maximum number of keys of one kind. A rotation needs only two. Rejecting an invalid token takes one signature per
 * key.
 */
const MAX_KEYS = 10;
const ACCESS_KEY_ID = /^[\w.-]{1,128}$/;
const SECRET_ACCESS_KEY = /^[!-~]{1,256}$/;
// Standard and URL-safe alphabet, with or without padding.
const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/;

/**
 * Reads SERVICE_KEYS: JSON, or the path of a file with JSON, such as
 * `{"developers":[{"accessKeyId":"…","secretAccessKey":"…"}],"tokenKeys":["<base64>"]}`. Without `developers`, the
 * developer's keys are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the default credentials.
 *
 * @throws {SetupError} a variable is invalid. The message names the member, but never quotes a value or an unknown
 *   name, because either may be a secret
 */
export function readServiceKeys(env: Environment): ServiceKeys {
  const { developers, tokenKeys } = readServiceKeysJson(env);
  const [first = readCredentials(env), ...others] = developers ?? [];
  const [firstKey, ...otherKeys] = (tokenKeys ?? []).map((key) => Buffer.from(key, 'base64'));
  return {
    developers: [first, ...others],
    tokenKeys: firstKey === undefined ? null : [firstKey, ...otherKeys],
  };
}

/** Reads and validates SERVICE_KEYS as `readServiceKeys` does, but adds no defaults. */
export function readServiceKeysJson({ SERVICE_KEYS: value }: Environment): ServiceKeysJson {
  if (!value) return {};
  const keys = readMembers(parseJsonSetting('SERVICE_KEYS', value), ['developers', 'tokenKeys'], 'it');
  if (Object.keys(keys).length === 0) throw invalid('it has no keys; use developers, tokenKeys, or both');
  return {
    ...('developers' in keys && { developers: readList(keys.developers, 'developers', readDeveloper) }),
    ...('tokenKeys' in keys && { tokenKeys: readList(keys.tokenKeys, 'tokenKeys', readTokenKey) }),
  };
}

function readDeveloper(value: unknown, path: string) {
  const given = readMembers(value, ['accessKeyId', 'secretAccessKey'], path);
  const accessKeyId = readText(given.accessKeyId, `${path}.accessKeyId`, ACCESS_KEY_ID);
  const secretAccessKey = readText(given.secretAccessKey, `${path}.secretAccessKey`, SECRET_ACCESS_KEY);
  return { name: accessKeyId, key: { accessKeyId, secretAccessKey } };
}

function readTokenKey(value: unknown, path: string) {
  const key = readText(value, path, BASE64);
  const bytes = Buffer.from(key, 'base64');
  if (bytes.length < MIN_KEY_BYTES) {
    throw invalid(`${path} has ${bytes.length} bytes; use at least ${MIN_KEY_BYTES} random bytes, in base64`);
  }
  return { name: bytes.toString('base64'), key };
}

const FORMS = new Map([
  [ACCESS_KEY_ID, '1 to 128 letters, digits, dots, hyphens and underscores'],
  [SECRET_ACCESS_KEY, '1 to 256 printable ASCII characters without spaces'],
  [BASE64, 'base64'],
]);

function readText(value: unknown, path: string, form: RegExp): string {
  if (typeof value === 'string' && form.test(value)) return value;
  throw invalid(
    value === undefined
      ? `${path} is missing`
      : `${path} is not valid; use ${FORMS.get(form)} in a JSON string`,
  );
}

/** Reads a list of keys. Rejects a list with two keys of the same name. */
function readList<Key>(
  value: unknown,
  path: string,
  readKey: (value: unknown, path: string) => { name: string; key: Key },
): Key[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_KEYS) {
    throw invalid(`${path} is not a list of 1 to ${MAX_KEYS} keys; omit ${path} to use the default`);
  }
  const names = new Map<string, number>();
  return value.map((item, index) => {
    const { name, key } = readKey(item, `${path}[${index}]`);
    const same = names.get(name);
    if (same !== undefined)
      throw invalid(`${path}[${index}] repeats the key of ${path}[${same}]; remove one`);
    names.set(name, index);
    return key;
  });
}

function readMembers(
  value: unknown,
  names: readonly string[],
  path: string,
): Readonly<Record<string, unknown>> {
  if (!isObject(value)) throw invalid(`${path} is not a JSON object; use the members ${names.join(' and ')}`);
  if (Object.keys(value).some((name) => !names.includes(name))) {
    throw invalid(`${path} has an unknown member; use only ${names.join(' and ')}`);
  }
  return value;
}

function invalid(problem: string): SetupError {
  return new SetupError(`invalid SERVICE_KEYS: ${problem}`);
}

/** Creates a developer's access key for SERVICE_KEYS. @param randomBytes returns as many random bytes as asked for */
export function createDeveloperKey(randomBytes: (size: number) => Buffer): Credentials {
  return {
    accessKeyId: `DEV${randomBytes(8).toString('hex').toUpperCase()}`,
    secretAccessKey: randomBytes(30).toString('base64url'),
  };
}

/** Creates a token key for SERVICE_KEYS, in base64. @param randomBytes returns as many random bytes as asked for */
export function createTokenKey(randomBytes: (size: number) => Buffer): string {
  return randomBytes(MIN_KEY_BYTES).toString('base64');
}
