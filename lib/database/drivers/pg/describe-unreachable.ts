import { SetupError } from '../../../common/errors.ts';
import { DatabaseError, MigrationError, UnsupportedDatabaseError } from '../../database.ts';
import { type DatabaseAddress, DSQL_ADMIN } from '../../database-address.ts';

/** Describes why a server cannot be used: its first query, the check of its encoding, or its migration failed. */
export function unreachableError(address: DatabaseAddress, error: unknown): SetupError {
  if (error instanceof MigrationError) {
    const todo = 'fix the cause and run the migration again; it resumes where it stopped';
    return new SetupError(`${nameOf(address)}: ${oneLine(error)}; ${todo}`);
  }
  if (error instanceof UnsupportedDatabaseError) {
    return new SetupError(`${nameOf(address)} cannot be used: ${error.message}`);
  }
  const what =
    error instanceof DatabaseError && isSqlState(error.code) ? 'returned an error' : 'does not answer';
  return new SetupError(`${nameOf(address)} ${what} (${oneLine(error)}); ${adviceFor(address)}`);
}

function adviceFor(address: DatabaseAddress): string {
  switch (address.kind) {
    case 'dsql':
      return `check DSQL_ENDPOINT, and that the credentials can connect as ${address.user}: ${permissionFor(address.user)}`;
    case 'secret':
      return 'check DATABASE_SECRET and the text of the secret, and that the credentials allow secretsmanager:GetSecretValue on it';
    case 'postgresql':
      return 'check DATABASE_URL and the privileges of its user';
  }
}

function permissionFor(user: string): string {
  return user === DSQL_ADMIN
    ? 'they need the permission dsql:DbConnectAdmin'
    : `they need the permission dsql:DbConnect, and their IAM role needs AWS IAM GRANT ${user}`;
}

/** Names a database for a message. Never returns the whole address, which can contain a password. */
export function nameOf(address: DatabaseAddress): string {
  if (address.kind === 'dsql') return `the Aurora DSQL cluster ${address.host}`;
  if (address.kind === 'postgresql') return nameOfUrl(address.url);
  return address.url === null
    ? `the database of the secret ${address.secretId}`
    : `${nameOfUrl(address.url)}, as the user of the secret ${address.secretId},`;
}

function nameOfUrl(url: string): string {
  const { host, pathname } = new URL(url);
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
