import type { IdentityKey } from '../common/dataset-key.ts';
import { createSigner, type SigningKeys } from '../common/signed-text.ts';

/** The default lifetime in Amazon Cognito. Source: developer guide, "Getting credentials". */
export const CREDENTIALS_LIFETIME_MS = 60 * 60 * 1000;

export interface TemporaryCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
  /** Epoch milliseconds. */
  expiresAt: number;
}

/** The content of a session token. */
export type OpenedToken =
  | { state: 'valid'; secretAccessKey: string; identity: IdentityKey }
  | { state: 'expired' }
  | { state: 'invalid' };

export interface TemporaryCredentialsIssuer {
  /** Issues new credentials, which are valid for an hour and give access to this identity only. */
  issue(identity: IdentityKey): TemporaryCredentials;
  /**
   * Returns the identity to which these credentials belong, and the secret key with which requests must be signed that
   * use these credentials.
   */
  open(accessKeyId: string, sessionToken: string): OpenedToken;
}

const PURPOSE = 'temporary credentials';
const SECRET_PURPOSE = 'secret of temporary credentials';
const SEPARATOR = ' ';

/**
 * Issues temporary credentials that need not be stored. The session token contains the identity and is signed together
 * with the access key. The secret key is derived from the session token and the access key, with the key that signed
 * the token.
 *
 * @param keys the keys that also sign datasets' session tokens. Each signature covers the token's purpose,
 *   so a token of one kind is not accepted as another kind
 * @param randomId returns UUIDs
 */
export function createTemporaryCredentials({
  keys,
  now,
  randomId,
  lifetimeMs = CREDENTIALS_LIFETIME_MS,
}: {
  keys: SigningKeys;
  now: () => number;
  randomId: () => string;
  lifetimeMs?: number;
}): TemporaryCredentialsIssuer {
  const signer = createSigner(keys);

  return {
    issue({ identityPoolId, identityId }) {
      const accessKeyId = `ASIA${randomId().replaceAll('-', '').slice(0, 16).toUpperCase()}`;
      const expiresAt = now() + lifetimeMs;
      const content = [expiresAt, identityPoolId, identityId].join(SEPARATOR);
      const sessionToken = signer.sign(content, [PURPOSE, accessKeyId]);
      const secretAccessKey = signer.signatureOf(sessionToken, [SECRET_PURPOSE, accessKeyId]);
      return { accessKeyId, secretAccessKey, sessionToken, expiresAt };
    },

    open(accessKeyId, sessionToken) {
      const opened = signer.openText(sessionToken, [PURPOSE, accessKeyId]);
      const [expiresAt, identityPoolId, identityId] = opened?.content.split(SEPARATOR) ?? [];
      if (!opened || !expiresAt || !identityPoolId || !identityId) return { state: 'invalid' };
      if (now() >= Number(expiresAt)) return { state: 'expired' };
      const identity = { identityPoolId, identityId };
      const secretAccessKey = opened.signatureOf(sessionToken, [SECRET_PURPOSE, accessKeyId]);
      return { state: 'valid', secretAccessKey, identity };
    },
  };
}
