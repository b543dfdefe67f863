import { hash } from 'node:crypto';

/** The user of a token that only its provider can read. */
export interface OpaqueUser {
  userId: string;
  /** Epoch milliseconds; null if the token does not expire. */
  expiresAt: number | null;
}

/** How long an answer is reused. A login needs two or three requests: GetId, GetCredentialsForIdentity, GetOpenIdToken. */
const REUSE_MS = 60_000;
/** Maximum number of answers. An answer takes about 300 bytes. */
const MAX_ANSWERS = 10_000;

/**
 * Creates a cache of the providers' answers about opaque tokens, which are kept for a minute. Of concurrent requests
 * with the same token, only one asks the provider. Failures are not kept. The tokens themselves are not stored.
 *
 * @param now returns the current time in epoch milliseconds
 */
export function createVerifiedTokens(now: () => number) {
  const answers = new Map<string, { user: Promise<OpaqueUser>; until: number }>();

  /**
   * Returns the user of a token.
   * @param scope everything on which the answer depends, apart from the token
   * @param ask asks the provider; called if there is no answer yet
   */
  return async (scope: string, token: string, ask: () => Promise<OpaqueUser>): Promise<string> => {
    const key = hash('sha256', `${scope}\0${token}`, 'base64url');
    const known = answers.get(key);
    if (known && now() < known.until) return (await known.user).userId;
    const answer = { user: ask(), until: now() + REUSE_MS };
    // The oldest answer comes first.
    answers.delete(key);
    answers.set(key, answer);
    for (const oldest of answers.keys()) {
      if (answers.size <= MAX_ANSWERS) break;
      answers.delete(oldest);
    }
    try {
      const { userId, expiresAt } = await answer.user;
      answer.until = Math.min(answer.until, expiresAt ?? answer.until);
      return userId;
    } catch (error) {
      if (answers.get(key) === answer) answers.delete(key);
      throw error;
    }
  };
}
