import { SetupError } from './errors.ts';

/** The environment variables of the process. An empty variable counts as unset. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
}

// Defaults of `npm start`. The commands use the same values to reach the service, unless the environment sets other
// values.
export const DEFAULT_REGION = 'us-east-1';
export const DEFAULT_PORT = 4580;
export const DEFAULT_SQL_PORT = 4581;
export const DEFAULT_DATA_DIR = '.data';
export const DEFAULT_CREDENTIALS: Credentials = Object.freeze({
  accessKeyId: 'local',
  secretAccessKey: 'local',
});

/** Whether the default secret key is among these keys. The default is public, so any client can sign with it. */
export function includesDefault(credentials: readonly Credentials[]): boolean {
  return credentials.some(({ secretAccessKey }) => secretAccessKey === DEFAULT_CREDENTIALS.secretAccessKey);
}

const REGION = /^[a-z]{2}(-[a-z]+)+-\d$/;

export function isRegion(text: string): boolean {
  return REGION.test(text);
}

/** Reads AWS_REGION, or returns the default. @throws {SetupError} AWS_REGION is not a region name */
export function readRegion({ AWS_REGION: region = '' }: Environment): string {
  if (region === '') return DEFAULT_REGION;
  if (!isRegion(region)) {
    throw new SetupError(`invalid AWS_REGION "${region}": use a region name such as us-east-1`);
  }
  return region;
}

/**
 * Reads LOG_FORMAT. Default: `pretty` on a terminal, `json` elsewhere.
 * @throws {SetupError} LOG_FORMAT is neither `pretty` nor `json`
 */
export function readLogFormat(
  { LOG_FORMAT: format = '' }: Environment,
  { isTerminal }: { isTerminal: boolean },
): 'pretty' | 'json' {
  if (format === 'pretty' || format === 'json') return format;
  if (format !== '') throw new SetupError(`invalid LOG_FORMAT "${format}": use pretty or json`);
  return isTerminal ? 'pretty' : 'json';
}

/** The levels of the logger, which accepts only upper case. Source: Powertools for AWS Lambda (TypeScript). */
const LOG_LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'CRITICAL', 'SILENT'];

/**
 * Checks POWERTOOLS_LOG_LEVEL, because the logger ignores an unknown level.
 * @throws {SetupError} POWERTOOLS_LOG_LEVEL is not a level
 */
export function requireLogLevel({ POWERTOOLS_LOG_LEVEL: level = '' }: Environment): void {
  if (level === '' || LOG_LEVELS.includes(level)) return;
  throw new SetupError(`invalid POWERTOOLS_LOG_LEVEL "${level}": use one of ${LOG_LEVELS.join(', ')}`);
}

/** Reads a port number from the variable `name`. @throws {SetupError} the value is not a port number */
export function readPort(env: Environment, name: string, defaultPort: number): number {
  const value = env[name] || String(defaultPort);
  if (!/^\d{1,5}$/.test(value) || Number(value) > 65_535) {
    throw new SetupError(
      `invalid ${name} "${value}": use a port number from 1 to 65535, or 0 for any free port`,
    );
  }
  return Number(value);
}

/**
 * Reads AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or returns the default credentials.
 *
 * @throws {SetupError} only one of the two is set
 */
export function readCredentials(env: Environment): Credentials {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = env;
  if (!accessKeyId && !secretAccessKey) return DEFAULT_CREDENTIALS;
  if (!accessKeyId || !secretAccessKey) {
    throw new SetupError(
      'only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set; set both, or unset both to use the default, "local", for each',
    );
  }
  return { accessKeyId, secretAccessKey };
}
