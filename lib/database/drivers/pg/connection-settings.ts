import { SetupError } from '../../../common/errors.ts';
import { isObject } from '../../../common/json.ts';
import { DATABASE_URL_FORM, isDatabaseUrl, sslModeProblem } from '../../database-url.ts';

/** Connection settings in the form that pg expects. */
export type ConnectionSettings =
  | { connectionString: string }
  | { host: string; port: number; database: string; user: string; password: string; ssl: true };

interface Login {
  user: string;
  password: string;
}

const DEFAULT_PORT = 5432;
const DEFAULT_DATABASE = 'postgres';

/**
 * Parses the text of a secret: a database address, or JSON in the format of an RDS secret. The JSON must contain
 * `username` and `password`.
 * Source: AWS Secrets Manager User Guide, "JSON structure of secrets". Secrets that RDS itself manages have only
 * these two members. JSON implies TLS with verification of the server's certificate and host name.
 *
 * @param url the location of the database, which replaces the location in the JSON; null if the secret contains the
 *   location
 * @throws {SetupError} the text is invalid; the message quotes no part of it
 */
export function toConnectionSettings(text: string, url: string | null): ConnectionSettings {
  const trimmed = text.trim();
  if (isDatabaseUrl(trimmed)) return fromAddress(trimmed, url);
  const fields = parseFields(trimmed);
  const login = { user: readField(fields, 'username'), password: readField(fields, 'password') };
  return url === null ? fromFields(fields, login) : { connectionString: addLogin(url, login) };
}

function fromAddress(address: string, url: string | null): ConnectionSettings {
  if (url !== null) throw secretError('is an address, but DATABASE_URL is set as well; keep one address');
  const problem = sslModeProblem(address);
  if (problem !== undefined) throw secretError(`is an address, but ${problem}`);
  return { connectionString: address };
}

function parseFields(text: string): Record<string, unknown> {
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    // Discard the error of JSON.parse, which quotes the text.
  }
  if (isObject(fields)) return fields;
  throw secretError(
    `is neither an address (${DATABASE_URL_FORM}?sslmode=verify-full) nor JSON in the format of an RDS secret`,
  );
}

function readField(fields: Record<string, unknown>, name: string): string {
  const value = fields[name];
  if (typeof value !== 'string' || value === '')
    throw secretError(`is JSON without a non-empty string "${name}"`);
  return value;
}

function fromFields(fields: Record<string, unknown>, login: Login): ConnectionSettings {
  if (fields.host === undefined) {
    throw secretError('is JSON without "host"; set DATABASE_URL to the address without a password');
  }
  const host = readField(fields, 'host');
  const database = fields.dbname === undefined ? DEFAULT_DATABASE : readField(fields, 'dbname');
  return { host, port: readPort(fields.port), database, ...login, ssl: true };
}

/** Reads a port: a number, as RDS writes it, or a string, as people write it. */
function readPort(value: unknown): number {
  if (value === undefined) return DEFAULT_PORT;
  const port = typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  if (/^[1-9]\d{0,4}$/.test(port) && Number(port) <= 65_535) return Number(port);
  throw secretError('is JSON with an invalid "port"; use a whole number from 1 to 65535');
}

/**
 * Adds the login to the address. The secret's user replaces a user in the address, because some secret rotations
 * alternate between two users.
 */
function addLogin(address: string, { user, password }: Login): string {
  const url = new URL(address);
  url.searchParams.delete('user');
  url.username = encodeURIComponent(user);
  // Encode the password explicitly: URL's own escaping leaves a % unchanged.
  url.password = encodeURIComponent(password);
  if (url.pathname.length <= 1) url.pathname = `/${DEFAULT_DATABASE}`;
  return url.href;
}

function secretError(what: string): SetupError {
  return new SetupError(`the secret's text ${what}`);
}
