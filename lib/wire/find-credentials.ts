import type { Credentials } from '../common/environment.ts';
import type { TemporaryCredentialsIssuer } from '../identity/temporary-credentials.ts';
import { type FindCredentials, SignatureError } from './sigv4.ts';

interface CredentialsDeps {
  /** A developer's, for the whole account. */
  developer: Credentials;
  accountId: string;
  /** Those of identities. */
  temporary: Pick<TemporaryCredentialsIssuer, 'open'>;
}

/**
 * Finds whose a request's credentials are: a developer's are known by their access key and have no session token, an
 * identity's by their session token. A developer's that come with one are refused with a word of advice.
 */
export function createFindCredentials({ developer, accountId, temporary }: CredentialsDeps): FindCredentials {
  return (accessKeyId, sessionToken) => {
    if (sessionToken === undefined) {
      if (accessKeyId !== developer.accessKeyId) return undefined;
      return { secretAccessKey: developer.secretAccessKey, caller: { kind: 'developer', accountId } };
    }
    // Left over in the environment from credentials of another kind, mostly.
    if (accessKeyId === developer.accessKeyId) {
      throw new SignatureError(
        'UnrecognizedClientException',
        "The security token included in the request is invalid. A developer's access key has none: unset AWS_SESSION_TOKEN.",
      );
    }
    const token = temporary.open(accessKeyId, sessionToken);
    switch (token.state) {
      case 'valid':
        return { secretAccessKey: token.secretAccessKey, caller: { kind: 'identity', ...token.identity } };
      case 'expired':
        throw new SignatureError(
          'ExpiredTokenException',
          'The security token included in the request is expired',
        );
      case 'invalid':
        return undefined;
    }
  };
}
