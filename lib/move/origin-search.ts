import { hash } from 'node:crypto';
import type { IdentityKey } from '../common/dataset-key.ts';
import { ServiceError } from '../common/errors.ts';
import { regionOfId } from '../common/identity-id.ts';
import { createTokenBuckets } from '../common/token-buckets.ts';
import type { Logins } from '../identity/model.ts';
import type { AskedOperation, OriginLogins } from '../identity/ports/origin-logins.ts';
import { type OriginQuestions, type OriginQuestionsDeps, presentable } from './origin-questions.ts';
import type { Origin } from './ports/origin.ts';
import type { PublicOrigin } from './ports/public-origin.ts';
import { createRecent } from './recent.ts';
import { tryAgain } from './try-again.ts';

/** How long a process remembers that the origin does not confirm an identity. */
const UNKNOWN_MS = 60_000;
/**
 * Maximum rate of searches for guests, and of searches for identities with logins. The limits are necessary because
 * anyone can send ids.
 */
const FIND_RATE = { perSecond: 5, burst: 25 };

/** Creates the search for identities that were created at the origin after the copy. */
export function createOriginSearch(
  { steadyNow }: Pick<OriginQuestionsDeps, 'steadyNow'>,
  { listMoving, ask, learn, learnGuest, providersAt }: OriginQuestions,
): Pick<OriginLogins, 'find'> {
  const unknown = createRecent<true>(UNKNOWN_MS, steadyNow);
  const searches = createTokenBuckets({ rate: FIND_RATE, maxKeys: 2, now: steadyNow });

  /** Returns the logins that a pool accepts at the origin; null if it accepts none of a client's logins. */
  async function presentableAt(origin: Origin, identityPoolId: string, logins: Logins) {
    if (isGuest(logins)) return logins;
    const accepted = presentable(logins, await providersAt(origin, identityPoolId));
    return isGuest(accepted) ? null : accepted;
  }

  /** Creates the identity that the origin has confirmed. @returns false for a guest who no longer exists at the origin */
  async function create(origin: Origin, identity: IdentityKey, logins: Logins): Promise<boolean> {
    if (!isGuest(logins)) {
      await learn(origin, identity);
      return true;
    }
    const described = await origin.describeIdentity(identity.identityId);
    if (described !== null) await learnGuest(identity, described.createdAt);
    return described !== null;
  }

  return {
    async find({ identityId, logins, pools }) {
      const key = hash('sha256', JSON.stringify([identityId, logins, pools]), 'base64url');
      if (pools.length === 0 || regionOfId(identityId) === null || unknown.get(key)) return null;
      // Clients without a valid login cannot use up the searches of clients that have one.
      if (searches.take(isGuest(logins) ? 'guests' : 'logins', 1) > 0) throw tryAgain();
      const isOnlyPool = (await listMoving()).length === 1;
      const asked = new Set<string>();
      for (const identityPoolId of pools) {
        const named = await ask(identityPoolId, async ({ origin, client }) => {
          const presented = await presentableAt(origin, identityPoolId, logins);
          // The answer does not depend on the pool, so each origin is asked once.
          const question = JSON.stringify([origin.name, presented]);
          if (presented === null || asked.has(question)) return null;
          asked.add(question);
          const about = { identityPoolId, identityId, logins: presented, isOnlyPool };
          const found = await present(client, about);
          if (found === null || !pools.includes(found.identityPoolId)) return null;
          return (await create(origin, found, presented)) ? found.identityId : null;
        });
        if (named !== null) return named;
      }
      unknown.set(key, true);
      return null;
    },
  };
}

function isGuest(logins: Logins): boolean {
  return Object.keys(logins).length === 0;
}

/**
 * Presents an id, and the logins that prove the identity, to the origin. Never calls GetId, which would create an
 * identity. Only the answer of GetOpenIdToken names the pool. A pool can reject this operation. If only this pool is
 * being migrated, the identity is in this pool; otherwise the identity is not found.
 *
 * @returns the identity that the origin names; null if the origin rejects the proof
 * @throws {SyncClientError} the origin does not respond or throttles
 */
async function present(
  client: PublicOrigin,
  { identityPoolId, identityId, logins, isOnlyPool }: IdentityKey & { logins: Logins; isOnlyPool: boolean },
): Promise<IdentityKey | null> {
  const call = (operation: AskedOperation) =>
    client.present({ operation, identityPoolId, identityId, logins }).catch((error: unknown) => {
      if (error instanceof ServiceError) return error;
      throw error;
    });
  const named = await call('GetOpenIdToken');
  if (!(named instanceof ServiceError)) return withPool(named, named.identityPoolId);
  if (named.code !== 'InvalidParameterException' || !isOnlyPool) return null;
  const issued = await call('GetCredentialsForIdentity');
  return issued instanceof ServiceError ? null : withPool(issued, identityPoolId);
}

function withPool({ identityId }: { identityId: string }, identityPoolId: string | null): IdentityKey | null {
  return identityPoolId === null ? null : { identityPoolId, identityId };
}
