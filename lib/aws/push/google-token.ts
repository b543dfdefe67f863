import { SignJWT } from 'jose';
import type { FcmSettings } from '../../common/push-providers.ts';
import { PushError } from '../../sync/ports/push.ts';
import { isTemporary, post, toReason } from './post.ts';

const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const SCOPE = 'https://www.googleapis.com/auth/firebase.messaging';
/** Longest lifetime of an assertion that Google accepts. */
const ASSERTION_SECONDS = 3_600;
/** A token is replaced this long before it expires, so that it does not expire in flight. */
const MARGIN_MS = 5 * 60 * 1_000;

export interface AccessTokens {
  /** Returns a valid access token. @throws {PushError} `temporary` or `failed` */
  get(): Promise<string>;
  /** Forgets a token that the API rejected. */
  drop(token: string): void;
}

interface AccessTokenDeps {
  fetch: typeof globalThis.fetch;
  /** Returns the current time in epoch milliseconds. */
  now: () => number;
}

/**
 * Issues access tokens of a service account: a signed assertion is exchanged for a token. Source: Google Identity,
 * "Using OAuth 2.0 for Server to Server Applications".
 */
export function createAccessTokens(
  settings: Pick<FcmSettings, 'clientEmail' | 'privateKeyId' | 'privateKey' | 'tokenUri'>,
  { fetch, now }: AccessTokenDeps,
): AccessTokens {
  let held: { token: string; expiresAt: number } | undefined;
  let issuing: Promise<string> | undefined;

  async function issue(): Promise<string> {
    const at = now();
    const assertion = await signAssertion(settings, Math.floor(at / 1_000));
    const { status, body, retryAfterMs } = await post(fetch, 'Google', settings.tokenUri, {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ grant_type: GRANT_TYPE, assertion }).toString(),
    });
    const { access_token: token, expires_in: seconds } = body;
    if (status === 200 && typeof token === 'string' && typeof seconds === 'number') {
      held = { token, expiresAt: at + seconds * 1_000 };
      return token;
    }
    throw new PushError(
      isTemporary(status) ? 'temporary' : 'failed',
      `Google issued no access token for the service account: ${status} ${toReason(body.error)}`,
      retryAfterMs,
    );
  }

  return {
    async get() {
      if (held !== undefined && now() < held.expiresAt - MARGIN_MS) return held.token;
      issuing ??= issue().finally(() => {
        issuing = undefined;
      });
      return issuing;
    },
    drop(token) {
      if (held?.token === token) held = undefined;
    },
  };
}

function signAssertion(
  { clientEmail, privateKeyId, privateKey, tokenUri }: Parameters<typeof createAccessTokens>[0],
  seconds: number,
): Promise<string> {
  return new SignJWT({ scope: SCOPE })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: privateKeyId })
    .setIssuer(clientEmail)
    .setAudience(tokenUri)
    .setIssuedAt(seconds)
    .setExpirationTime(seconds + ASSERTION_SECONDS)
    .sign(privateKey);
}
