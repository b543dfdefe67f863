import type { Credentials } from '../common/environment.ts';
import type { TemporaryCredentialsIssuer } from '../identity/temporary-credentials.ts';
import { type FindCredentials, SignatureError } from './sigv4.ts';

interface CredentialsDeps {
  /** The access keys of developers, which are valid for the whole account. */
  developers: readonly Credentials[];
  accountId: string;
  /** Opens the temporary credentials of identities. */
  temporary: Pick<TemporaryCredentialsIssuer, 'open'>;
}

/**
 * Creates a lookup for the owner of a request's credentials. A developer is identified by the access key and has no
 * session token; an identity is identified by the session token. If a developer's access key comes with a session
 * token, the request is rejected with advice to unset the token.
 */
export function createFindCredentials({
  developers,
  accountId,
  temporary,
}: CredentialsDeps): FindCredentials {
  const secrets = new Map(
    developers.map(({ accessKeyId, secretAccessKey }) => [accessKeyId, secretAccessKey]),
  );
  return (accessKeyId, sessionToken) => {
    const secretAccessKey = secrets.get(accessKeyId);
    if (sessionToken === undefined) {
      if (secretAccessKey === undefined) return undefined;
      return { secretAccessKey, caller: { kind: 'developer', accountId } };
    }
    // In this case, the session token is usually left over in the environment from other credentials.
    if (secretAccessKey !== undefined) {
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
