import type { GetCredentialsForIdentityOutput } from './model.ts';
import type { TemporaryCredentials } from './temporary-credentials.ts';

/** The credentials as the API shows them. */
export function toCredentials(issued: TemporaryCredentials): GetCredentialsForIdentityOutput['Credentials'] {
  return {
    AccessKeyId: issued.accessKeyId,
    SecretKey: issued.secretAccessKey,
    SessionToken: issued.sessionToken,
    Expiration: issued.expiresAt,
  };
}
