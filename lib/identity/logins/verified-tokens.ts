import { hash } from 'node:crypto';
import { ServiceError } from '../../common/errors.ts';

/** The user of a token that only its provider can read. */
export interface OpaqueUser {
  userId: string;
  /** Epoch milliseconds; null if the token does not expire. */
  expiresAt: number | null;
}

/** How long an answer is reused. A login needs two or three requests: GetId, GetCredentialsForIdentity, GetOpenIdToken. */
const REUSE_MS = 60_000;
/** How long a rejection is reused. A token that is invalid stays invalid, but a provider's settings may be corrected. */
const REUSE_REJECTION_MS = 30_000;
/** Maximum number of cached users, and of cached rejections. Each of them takes about 300 bytes. */
const MAX_ANSWERS = 10_000;

/**
 * Creates a cache of the providers' answers about opaque tokens: users are kept for a minute, rejections for half a
 * minute. Rejections are kept separately, so that invalid tokens do not displace users. Of concurrent requests with the
 * same token, only one asks the provider. Other failures are not kept. The tokens themselves are not stored.
 *
 * @param now returns the current time in epoch milliseconds
 */
export function createVerifiedTokens(now: () => number) {
  const asked = new Map<string, Promise<string>>();
  const users = createAnswers<string>(now);
  const rejections = createAnswers<ServiceError>(now);

  async function askProvider(key: string, ask: () => Promise<OpaqueUser>): Promise<string> {
    try {
      const { userId, expiresAt } = await ask();
      users.keep(key, userId, Math.min(now() + REUSE_MS, expiresAt ?? Number.POSITIVE_INFINITY));
      return userId;
    } catch (error) {
      if (error instanceof ServiceError) rejections.keep(key, error, now() + REUSE_REJECTION_MS);
      throw error;
    } finally {
      asked.delete(key);
    }
  }

  /**
   * Returns the user of a token.
   * @param scope everything on which the answer depends, apart from the token
   * @param ask asks the provider; called if there is no answer yet
   */
  return async (scope: string, token: string, ask: () => Promise<OpaqueUser>): Promise<string> => {
    const key = hash('sha256', `${scope}\0${token}`, 'base64url');
    const userId = users.find(key);
    if (userId !== undefined) return userId;
    const rejection = rejections.find(key);
    if (rejection !== undefined) throw rejection;
    const answer = asked.get(key) ?? askProvider(key, ask);
    asked.set(key, answer);
    return answer;
  };
}

/** Creates a bounded map of answers that are valid for a limited time. */
function createAnswers<Answer>(now: () => number) {
  const answers = new Map<string, { answer: Answer; until: number }>();
  return {
    find(key: string): Answer | undefined {
      const found = answers.get(key);
      return found !== undefined && now() < found.until ? found.answer : undefined;
    },
    keep(key: string, answer: Answer, until: number): void {
      // Deleting the key first moves it to the end of the map, so the first key is that of the oldest answer.
      answers.delete(key);
      answers.set(key, { answer, until });
      const [oldest] = answers.keys();
      if (oldest !== undefined && answers.size > MAX_ANSWERS) answers.delete(oldest);
    },
  };
}
