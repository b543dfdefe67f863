import { CognitoSyncServiceException } from '../../lib/aws/cognito-sync-client.ts';
import { SetupError } from '../../lib/common/errors.ts';

const CHECK_TERMINAL =
  'check that AWS_REGION and the credentials in this terminal are those that the service printed';

/**
 * Replaces an error of a client by a SetupError with the cause, if the operator can fix it. Returns any other error.
 *
 * @param advice what to do about an HTTP status. By default, a status that wrong credentials or a wrong region can cause
 *   has an advice
 */
export function explainClientFailure(error: unknown, advice: Readonly<Record<number, string>> = {}): unknown {
  if (error instanceof CognitoSyncServiceException) {
    const advised: Readonly<Record<number, string>> = { 403: CHECK_TERMINAL, 404: CHECK_TERMINAL, ...advice };
    const what = `the service returned ${error.name}: ${error.message}`;
    const todo = advised[error.$metadata.httpStatusCode ?? 0];
    return new SetupError(todo === undefined ? what : `${what}; ${todo}`);
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code !== 'ECONNREFUSED') return error;
  return new SetupError(
    'the local cloud cannot be reached; run `npx cognito-sync-backend start` in another terminal first. If you set AWS_ENDPOINT_URL, PORT, PG_PORT or DATABASE_URL there, set it to the same value in this terminal',
  );
}
