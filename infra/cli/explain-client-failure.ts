import { CognitoSyncServiceException } from '../../lib/aws/cognito-sync-client.ts';
import { SetupError } from '../../lib/common/errors.ts';

/**
 * Replaces an error of a client by a SetupError with the cause, if the operator can fix it. Returns any other error.
 */
export function explainClientFailure(error: unknown): unknown {
  if (error instanceof CognitoSyncServiceException) {
    return new SetupError(
      `the service returned ${error.name}: ${error.message}; check that AWS_REGION and the credentials in this terminal are those that the service printed`,
    );
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code !== 'ECONNREFUSED') return error;
  return new SetupError(
    'the local cloud cannot be reached; run `npx cognito-sync-backend start` in another terminal first. If you set AWS_ENDPOINT_URL, PORT, PG_PORT or DATABASE_URL there, set it to the same value in this terminal',
  );
}
