import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { SetupError } from '../common/errors.ts';
import type { SecretId } from '../common/secret-id.ts';
import { toAwsFailure } from './aws-failure.ts';

const CONNECT_TIMEOUT_MS = 2_000;
const REQUEST_TIMEOUT_MS = 5_000;

/**
 * Reads a secret's current text from Secrets Manager, in the region of its ARN. For a name, the region is the one that
 * AWS's own tools would use; credentials are theirs in any case. The SDK's own retries (three attempts) stay on.
 *
 * @returns what reads it; it rejects with a `SetupError` that names the secret and the reason
 */
export function createSecretReader({ secretId, region }: SecretId): () => Promise<string> {
  const client = new SecretsManagerClient({
    ...(region !== null && { region }),
    requestHandler: new NodeHttpHandler({
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      // Without it the handler only warns, and the request hangs on.
      throwOnRequestTimeout: true,
    }),
  });
  return async () => {
    const { SecretString } = await client
      .send(new GetSecretValueCommand({ SecretId: secretId }))
      .catch((error: unknown) => {
        throw new SetupError(`the secret ${secretId} cannot be read: ${toAwsFailure(error).message}`);
      });
    if (SecretString === undefined) throw new SetupError(`the secret ${secretId} holds bytes, and no text`);
    return SecretString;
  };
}
