import type { Credentials } from '../common/environment.ts';
import type { TemporaryCredentialsIssuer } from '../identity/temporary-credentials.ts';
import { type FindCredentials, SignatureError } from './sigv4.ts';

interface CredentialsDeps {
  /** The developer's access keys, which are valid for the whole account. */
  developer: Credentials;
  accountId: string;
  /** Opens the temporary credentials of identities. */
  temporary: Pick<TemporaryCredentialsIssuer, 'open'>;
}

/**
 * Creates a lookup for the owner of a request's credentials. A developer is identified by the access key and has no
 * session token; an identity is identified by the session token. If a developer's access key comes with a session
 * token, the request is rejected with advice to unset the token.
 */
export function createFindCredentials({ developer, accountId, temporary }: CredentialsDeps): FindCredentials {
  return (accessKeyId, sessionToken) => {
    if (sessionToken === undefined) {
      if (accessKeyId !== developer.accessKeyId) return undefined;
      return { secretAccessKey: developer.secretAccessKey, caller: { kind: 'developer', accountId } };
    }
    // In this case, the session token is usually left over in the environment from other credentials.
    if (accessKeyId === developer.accessKeyId) {
      throw new SignatureError(
        'UnrecognizedClientException',
        "The security token included in the request is invalid. A developer's access key has no session token; unset AWS_SESSION_TOKEN.",
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
