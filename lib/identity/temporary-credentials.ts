import type { IdentityKey } from '../common/dataset-key.ts';
import { createSigner } from '../common/signed-text.ts';

/** As long as Amazon Cognito gives them by default. Source: developer guide, "Getting credentials". */
export const CREDENTIALS_LIFETIME_MS = 60 * 60 * 1000;

export interface TemporaryCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
  /** Epoch milliseconds. */
  expiresAt: number;
}

/** What a session token stands for. */
export type OpenedToken =
  | { state: 'valid'; secretAccessKey: string; identity: IdentityKey }
  | { state: 'expired' }
  | { state: 'invalid' };

export interface TemporaryCredentialsIssuer {
  /** New credentials with which the identity, and nobody else, can be reached for an hour. */
  issue(identity: IdentityKey): TemporaryCredentials;
  /** The secret that a request of this access key and session token must be signed with, and whose it is. */
  open(accessKeyId: string, sessionToken: string): OpenedToken;
}

const PURPOSE = 'temporary credentials';
const SECRET_PURPOSE = 'secret of temporary credentials';
const SEPARATOR = ' ';

/**
 * Temporary credentials that nobody has to store: the session token carries the identity, signed together with the access
 * key, and the secret is made from both.
 *
 * @param key of HMAC-SHA-256, as for session tokens of datasets, signed for purposes of its own
 * @param randomId UUIDs
 */
export function createTemporaryCredentials({
  key,
  now,
  randomId,
  lifetimeMs = CREDENTIALS_LIFETIME_MS,
}: {
  key: Buffer;
  now: () => number;
  randomId: () => string;
  lifetimeMs?: number;
}): TemporaryCredentialsIssuer {
  const signer = createSigner(key);
  const secretOf = (accessKeyId: string, sessionToken: string) =>
    signer.signatureOf(sessionToken, [SECRET_PURPOSE, accessKeyId]);

  return {
    issue({ identityPoolId, identityId }) {
      const accessKeyId = `ASIA${randomId().replaceAll('-', '').slice(0, 16).toUpperCase()}`;
      const expiresAt = now() + lifetimeMs;
      const content = [expiresAt, identityPoolId, identityId].join(SEPARATOR);
      const sessionToken = signer.sign(content, [PURPOSE, accessKeyId]);
      return { accessKeyId, secretAccessKey: secretOf(accessKeyId, sessionToken), sessionToken, expiresAt };
    },

    open(accessKeyId, sessionToken) {
      const content = signer.open(sessionToken, [PURPOSE, accessKeyId]);
      const [expiresAt, identityPoolId, identityId] = content?.split(SEPARATOR) ?? [];
      if (!expiresAt || !identityPoolId || !identityId) return { state: 'invalid' };
      if (now() >= Number(expiresAt)) return { state: 'expired' };
      const identity = { identityPoolId, identityId };
      return { state: 'valid', secretAccessKey: secretOf(accessKeyId, sessionToken), identity };
    },
  };
}
