import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { Environment } from './environment.ts';
import { SetupError } from './errors.ts';
import { isObject } from './json.ts';
import { parseJsonSetting } from './json-setting.ts';
import { nearestName } from './nearest-name.ts';
import type {
  ApnsSettings,
  FcmSettings,
  PushProvider,
  PushProviders,
  SnsSettings,
} from './push-providers.ts';
import { parseUrlSetting } from './url-setting.ts';

const EXAMPLE = '{"arn:aws:sns:us-east-1:000000000000:app/GCM/my-app":{"fcm":{"serviceAccount":{…}}}}';
const APPLICATION = /^arn:[\w-]+:sns:([a-z0-9-]+):\d+:app\/([A-Z_]+)\/[\w.-]+$/;
/** The kinds of provider that can reach the devices of each platform. */
const KINDS: ReadonlyMap<string, readonly PushProvider['kind'][]> = new Map([
  ['GCM', ['fcm', 'sns']],
  ['APNS', ['apns', 'sns']],
  ['APNS_SANDBOX', ['apns', 'sns']],
  ['ADM', ['sns']],
]);
const ALL_KINDS: ReadonlySet<string> = new Set([...KINDS.values()].flat());
/** Source: Firebase, "Send a message using FCM HTTP v1 API"; Apple, "Sending notification requests to APNs". */
const FCM_ENDPOINT = 'https://fcm.googleapis.com';
const GOOGLE_TOKEN_URI = 'https://oauth2.googleapis.com/token';
const APNS_ENDPOINT = 'https://api.push.apple.com';
const APNS_SANDBOX_ENDPOINT = 'https://api.sandbox.push.apple.com';

type Members = Readonly<Record<string, unknown>>;

/**
 * Reads PUSH_PROVIDERS: JSON or the path of a file with JSON, an object with settings per push application.
 *
 * @returns the settings by the application's ARN; empty if the variable is not set
 * @throws {SetupError} the value is invalid; the message names the application and the member, and quotes no value
 */
export function readPushProviders({ PUSH_PROVIDERS: text }: Environment): PushProviders {
  if (!text) return new Map();
  const value = parseJsonSetting('PUSH_PROVIDERS', text);
  if (!isObject(value)) throw invalid(`the value is not an object; use JSON such as ${EXAMPLE}`);
  return new Map(Object.entries(value).map(([arn, given]) => [arn, readProvider(arn, given)]));
}

function readProvider(arn: string, given: unknown): PushProvider {
  const [, region = '', platform = ''] = APPLICATION.exec(arn) ?? [];
  const kinds = KINDS.get(platform);
  if (kinds === undefined) {
    throw invalid(
      `"${arn}" is not the ARN of a push application; use arn:aws:sns:<region>:<account>:app/<platform>/<name> with the platform ${[...KINDS.keys()].join(', ')}`,
    );
  }
  const members = readMembers(given, arn, kinds);
  const [kind, ...others] = kinds.filter((name) => members[name] !== undefined);
  if (kind === undefined || others.length > 0) {
    throw invalid(`${arn} must have exactly one of the members ${kinds.join(' and ')}`);
  }
  const path = `${arn} ${kind}`;
  switch (kind) {
    case 'fcm':
      return readFcm(members.fcm, path);
    case 'apns':
      return readApns(members.apns, path, platform);
    case 'sns':
      return readSns(members.sns, path, region);
  }
}

function readFcm(given: unknown, path: string): FcmSettings {
  const members = readMembers(given, path, ['serviceAccount', 'endpoint']);
  const account = members.serviceAccount;
  // The file has more members than the service needs, and Google may add others, so unknown members are allowed.
  if (!isObject(account)) {
    throw invalid(
      `${path}.serviceAccount must be the content of a service account's key file, a JSON object`,
    );
  }
  const of = `${path}.serviceAccount`;
  return {
    kind: 'fcm',
    projectId: readText(account, 'project_id', of, /^[a-z0-9.:-]{1,64}$/),
    clientEmail: readText(account, 'client_email', of, /^[^\s@]+@[^\s@]+$/),
    privateKeyId: readText(account, 'private_key_id', of, /^\w{1,128}$/),
    privateKey: readKey(account, 'private_key', of, { name: 'an RSA key', type: 'rsa' }),
    tokenUri: readUrl(account, 'token_uri', of) ?? GOOGLE_TOKEN_URI,
    endpoint: readUrl(members, 'endpoint', path) ?? FCM_ENDPOINT,
  };
}

/**
 * Devices with a debug build of the app have tokens of Apple's sandbox, not of its production environment. If the
 * service sent messages to the wrong environment, Apple would reject every token, and the service would disable every
 * device. The platform in the ARN names the environment too, so a `production` that differs from it is a mistake.
 */
function readApns(given: unknown, path: string, platform: string): ApnsSettings {
  const members = readMembers(given, path, ['key', 'keyId', 'teamId', 'topic', 'production', 'endpoint']);
  const isProduction = platform === 'APNS';
  if (members.production !== undefined && members.production !== isProduction) {
    throw invalid(
      `${path}.production must be ${isProduction}, because the platform in the ARN is ${platform}`,
    );
  }
  return {
    kind: 'apns',
    key: readKey(members, 'key', path, { name: 'a P-256 key', type: 'ec', curve: 'prime256v1' }),
    keyId: readText(members, 'keyId', path, /^[A-Z0-9]{10}$/),
    teamId: readText(members, 'teamId', path, /^[A-Z0-9]{10}$/),
    topic: readText(members, 'topic', path, /^[\w.-]{1,255}$/),
    endpoint: readUrl(members, 'endpoint', path) ?? (isProduction ? APNS_ENDPOINT : APNS_SANDBOX_ENDPOINT),
  };
}

function readSns(given: unknown, path: string, region: string): SnsSettings {
  const members = readMembers(given, path, ['accessKeyId', 'secretAccessKey', 'endpoint']);
  if ((members.accessKeyId === undefined) !== (members.secretAccessKey === undefined)) {
    throw invalid(`${path} has only one of accessKeyId and secretAccessKey; set both or neither`);
  }
  const credentials =
    members.accessKeyId === undefined
      ? null
      : {
          accessKeyId: readText(members, 'accessKeyId', path, /^\w{1,128}$/),
          secretAccessKey: readText(members, 'secretAccessKey', path, /^\S{1,256}$/),
        };
  return { kind: 'sns', region, credentials, endpoint: readUrl(members, 'endpoint', path) };
}

/** Returns the members of a JSON object. Rejects unknown members, because they are misspelled or have no effect. */
function readMembers(value: unknown, path: string, names: readonly string[]): Members {
  if (!isObject(value)) throw invalid(`${path} is not an object; use JSON such as ${EXAMPLE}`);
  for (const name of Object.keys(value)) {
    if (names.includes(name)) continue;
    // The name of another kind of provider is similar, but not a misspelling.
    const nearest = ALL_KINDS.has(name) ? undefined : nearestName(name, names);
    const advice = nearest ? `did you mean ${nearest}?` : `use ${names.join(', ')}`;
    throw invalid(`${path} does not have the member "${name}"; ${advice}`);
  }
  return value;
}

function readText(members: Members, name: string, path: string, pattern: RegExp): string {
  const { [name]: text } = members;
  if (text === undefined) throw invalid(`${path}.${name} is missing`);
  if (typeof text === 'string' && pattern.test(text)) return text;
  throw invalid(`${path}.${name} does not have the expected form; copy it from the provider again`);
}

function readUrl(members: Members, name: string, path: string): string | null {
  const { [name]: text } = members;
  if (text === undefined) return null;
  const url = parseUrlSetting(text);
  if (typeof url === 'string') throw invalid(`${path}.${name} must be ${url}`);
  return url.href.replace(/\/$/, '');
}

function readKey(
  members: Members,
  name: string,
  path: string,
  expected: { name: string; type: 'rsa' | 'ec'; curve?: string },
): KeyObject {
  const { [name]: text } = members;
  if (text === undefined) throw invalid(`${path}.${name} is missing`);
  const key = typeof text === 'string' ? parseKey(text) : null;
  const curve = key?.asymmetricKeyDetails?.namedCurve;
  if (key?.asymmetricKeyType === expected.type && curve === expected.curve) return key;
  throw invalid(
    `${path}.${name} must be the private key as PEM text, ${expected.name}, with \\n for each line break`,
  );
}

function parseKey(pem: string): KeyObject | null {
  try {
    return createPrivateKey(pem);
  } catch {
    return null;
  }
}

function invalid(what: string): SetupError {
  return new SetupError(`invalid PUSH_PROVIDERS: ${what}`);
}
