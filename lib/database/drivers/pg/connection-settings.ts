import { SetupError } from '../../../common/errors.ts';
import { isObject } from '../../../common/json.ts';
import { DATABASE_URL_FORM, isDatabaseUrl, sslModeProblem } from '../../database-url.ts';

/** What a connection is made with, as pg takes it. */
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
 * Reads the text of a secret: an address, or JSON as RDS writes it, of which `username` and `password` have to be there.
 * Source: AWS Secrets Manager User Guide, "JSON structure of secrets"; the secrets that RDS itself manages have these two
 * alone. JSON stands for TLS with the server's certificate and name verified.
 *
 * @param url where the database is, in place of what the JSON says of that; null where the secret alone tells
 * @throws {SetupError} saying what is wrong without a word of the text
 */
export function toConnectionSettings(text: string, url: string | null): ConnectionSettings {
  const trimmed = text.trim();
  if (isDatabaseUrl(trimmed)) return fromAddress(trimmed, url);
  const fields = parseFields(trimmed);
  const login = { user: readField(fields, 'username'), password: readField(fields, 'password') };
  return url === null ? fromFields(fields, login) : { connectionString: addLogin(url, login) };
}

function fromAddress(address: string, url: string | null): ConnectionSettings {
  if (url !== null) throw refusal('is an address, and DATABASE_URL is set as well; take one out');
  const problem = sslModeProblem(address);
  if (problem !== undefined) throw refusal(`is an address, but ${problem}`);
  return { connectionString: address };
}

function parseFields(text: string): Record<string, unknown> {
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    // What JSON.parse throws quotes the text.
  }
  if (isObject(fields)) return fields;
  throw refusal(`is neither an address (${DATABASE_URL_FORM}?sslmode=verify-full) nor JSON as RDS writes it`);
}

function readField(fields: Record<string, unknown>, name: string): string {
  const value = fields[name];
  if (typeof value !== 'string' || value === '') throw refusal(`is JSON without "${name}", a text`);
  return value;
}

function fromFields(fields: Record<string, unknown>, login: Login): ConnectionSettings {
  if (fields.host === undefined) {
    throw refusal('is JSON without "host"; set DATABASE_URL to the address, without a password');
  }
  const host = readField(fields, 'host');
  const database = fields.dbname === undefined ? DEFAULT_DATABASE : readField(fields, 'dbname');
  return { host, port: readPort(fields.port), database, ...login, ssl: true };
}

/** A number as RDS writes it, or as text, as people do. */
function readPort(value: unknown): number {
  if (value === undefined) return DEFAULT_PORT;
  const port = typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  if (/^[1-9]\d{0,4}$/.test(port) && Number(port) <= 65_535) return Number(port);
  throw refusal('is JSON whose "port" is none');
}

/** The secret's user counts, also where the address names one: some rotations go from user to user. */
function addLogin(address: string, { user, password }: Login): string {
  const url = new URL(address);
  url.searchParams.delete('user');
  url.username = encodeURIComponent(user);
  // What URL itself escapes leaves a % as it is.
  url.password = encodeURIComponent(password);
  if (url.pathname.length <= 1) url.pathname = `/${DEFAULT_DATABASE}`;
  return url.href;
}

function refusal(what: string): SetupError {
  return new SetupError(`the text of the secret ${what}`);
}
