import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { SetupError } from '../common/errors.ts';
import type { SecretId } from '../common/secret-id.ts';
import { toAwsFailure } from './aws-failure.ts';

const CONNECT_TIMEOUT_MS = 2_000;
const REQUEST_TIMEOUT_MS = 5_000;

/**
 * Creates a function that reads a secret's current text from Secrets Manager. If the secret is given by its ARN, the
 * region is taken from the ARN. If the secret is given by its name, the region comes from the sources that AWS's own
 * tools use. The credentials always come from the sources that AWS's own tools use. The SDK's own retries (three
 * attempts) remain enabled.
 *
 * @returns a function that rejects with a `SetupError` that names the secret and the reason
 */
export function createSecretReader({ secretId, region }: SecretId): () => Promise<string> {
  const client = createSecretsClient(region);
  return async () => {
    const { SecretString } = await client
      .send(new GetSecretValueCommand({ SecretId: secretId }))
      .catch((error: unknown) => {
        throw new SetupError(`the secret ${secretId} cannot be read: ${toAwsFailure(error).message}`);
      });
    if (SecretString === undefined) {
      throw new SetupError(`the secret ${secretId} is binary; store it as text (SecretString)`);
    }
    return SecretString;
  };
}

/** Creates a client with a timeout on every request. @param region null: from the sources that AWS's own tools use */
export function createSecretsClient(region: string | null): SecretsManagerClient {
  return new SecretsManagerClient({
    ...(region !== null && { region }),
    requestHandler: new NodeHttpHandler({
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      // Without this option, a timeout only logs a warning, and the request stays open.
      throwOnRequestTimeout: true,
    }),
  });
}
