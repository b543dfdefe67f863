import { SetupError } from '../../../common/errors.ts';
import { DatabaseError, MigrationError } from '../../database.ts';
import { type DatabaseAddress, DSQL_ADMIN } from '../../database-address.ts';

/** Words what went wrong when a server was first asked something, or was brought to our schema. */
export function doesNotAnswer(address: DatabaseAddress, error: unknown): SetupError {
  if (error instanceof MigrationError) {
    const todo = 'mend the cause, and run it again, which goes on from there';
    return new SetupError(`${nameOf(address)}: ${oneLine(error)}; ${todo}`);
  }
  const what = error instanceof DatabaseError && isSqlState(error.code) ? 'refuses' : 'does not answer';
  return new SetupError(`${nameOf(address)} ${what} (${oneLine(error)}); ${todoOf(address)}`);
}

function todoOf(address: DatabaseAddress): string {
  switch (address.kind) {
    case 'dsql':
      return `check DSQL_ENDPOINT, and that the credentials may be ${address.user} there: ${allowanceOf(address.user)}`;
    case 'secret':
      return 'check DATABASE_SECRET, what it holds, and that the credentials are allowed secretsmanager:GetSecretValue on it';
    case 'postgresql':
      return 'check DATABASE_URL, and that its user may do this';
  }
}

function allowanceOf(user: string): string {
  return user === DSQL_ADMIN
    ? 'they are allowed dsql:DbConnectAdmin'
    : `they are allowed dsql:DbConnect, and AWS IAM GRANT ${user} was said to their role`;
}

/** Never the address as a whole: it can hold a password. */
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
