import { SetupError } from './errors.ts';

/** Environment variables as the process has them; an empty one counts as unset. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
}

// What `npm start` uses, and what the commands expect of it, unless the environment says otherwise.
export const DEFAULT_REGION = 'us-east-1';
export const DEFAULT_PORT = 4580;
export const DEFAULT_SQL_PORT = 4581;
export const DEFAULT_DATA_DIR = '.data';
export const DEFAULT_CREDENTIALS: Credentials = { accessKeyId: 'local', secretAccessKey: 'local' };

const REGION = /^[a-z]{2}(-[a-z]+)+-\d$/;

export function isRegion(text: string): boolean {
  return REGION.test(text);
}

/** AWS_REGION, or the default. @throws {SetupError} it is not the name of a region */
export function readRegion({ AWS_REGION: region = '' }: Environment): string {
  if (region === '') return DEFAULT_REGION;
  if (!isRegion(region)) {
    throw new SetupError(`AWS_REGION=${region} is not the name of a region; one looks like us-east-1`);
  }
  return region;
}

/** The port number in the variable `name`. @throws {SetupError} */
export function readPort(env: Environment, name: string, byDefault: number): number {
  const value = env[name] || String(byDefault);
  if (!/^\d{1,5}$/.test(value) || Number(value) > 65_535) {
    throw new SetupError(
      `${name}=${value} is not a port; use a number from 1 to 65535, or 0 for any that is free`,
    );
  }
  return Number(value);
}

/** AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the default. @throws {SetupError} only one of them is set */
export function readCredentials(env: Environment): Credentials {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = env;
  if (!accessKeyId && !secretAccessKey) return DEFAULT_CREDENTIALS;
  if (!accessKeyId || !secretAccessKey) {
    throw new SetupError(
      'only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set; set both, or none for local / local',
    );
  }
  return { accessKeyId, secretAccessKey };
}
