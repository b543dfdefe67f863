import {
  DescribeSecretCommand,
  PutSecretValueCommand,
  ResourceExistsException,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { SetupError } from '../common/errors.ts';
import { toAwsFailure } from './aws-failure.ts';

/**
 * The id of a secret's first version. Secrets Manager rejects another value for the same version id, so of two
 * concurrent calls only one writes its value. Source: AWS Secrets Manager API Reference, PutSecretValue.
 */
const FIRST_VERSION = '00000000-0000-4000-8000-000000000001';

/**
 * Writes the first value of a secret. A secret that has any version, current or earlier, is not changed.
 *
 * @param secretId name or ARN
 * @param text the value, as JSON text
 * @returns whether this call wrote the value
 * @throws {SetupError} the secret cannot be read or written; the message contains no value
 */
export async function writeFirstSecretValue(
  client: SecretsManagerClient,
  secretId: string,
  text: string,
): Promise<boolean> {
  try {
    const { VersionIdsToStages } = await client.send(new DescribeSecretCommand({ SecretId: secretId }));
    if (Object.keys(VersionIdsToStages ?? {}).length > 0) return false;
    const first = { SecretId: secretId, SecretString: text, ClientRequestToken: FIRST_VERSION };
    await client.send(new PutSecretValueCommand(first));
    return true;
  } catch (error) {
    if (error instanceof ResourceExistsException) return false;
    throw new SetupError(`the secret ${secretId} cannot be written: ${toAwsFailure(error).message}`);
  }
}
