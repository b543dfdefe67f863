import type { DatabaseAddress } from '../config.ts';
import { SetupError } from '../errors.ts';
import { DatabaseError } from './database.ts';

/** Words what went wrong when a server was first asked something. */
export function doesNotAnswer(address: DatabaseAddress, error: unknown): SetupError {
  const what = error instanceof DatabaseError && isSqlState(error.code) ? 'refuses' : 'does not answer';
  const todo =
    address.kind === 'dsql'
      ? 'check DSQL_ENDPOINT, and that the credentials are allowed dsql:DbConnectAdmin on this cluster'
      : 'check DATABASE_URL, or unset it to use the embedded database';
  return new SetupError(`${nameOf(address)} ${what} (${oneLine(error)}); ${todo}`);
}

/** Never the address as a whole: it can hold a password. */
export function nameOf(address: DatabaseAddress): string {
  if (address.kind === 'dsql') return `the Aurora DSQL cluster ${address.host}`;
  const { host, pathname } = new URL(address.url);
  return `the database ${pathname.slice(1)} at ${host}`;
}

function isSqlState(code: string | undefined): boolean {
  return code !== undefined && /^[0-9A-Z]{5}$/.test(code) && /\d/.test(code);
}

export function oneLine(error: unknown): string {
  const { message, code } =
    error instanceof Error
      ? { message: error.message, code: 'code' in error ? error.code : undefined }
      : { message: String(error), code: undefined };
  return (message || String(code)).replace(/\s+/g, ' ');
}
