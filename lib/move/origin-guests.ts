import type { IdentityKey } from '../common/dataset-key.ts';
import { ServiceError } from '../common/errors.ts';
import { regionOfId } from '../common/identity-id.ts';
import { createTokenBuckets } from '../common/token-buckets.ts';
import { identityForbidden } from '../identity/errors.ts';
import type { AskedOperation, OriginLogins } from '../identity/ports/origin-logins.ts';
import type { OriginQuestions, OriginQuestionsDeps } from './origin-questions.ts';
import type { PublicOrigin } from './ports/public-origin.ts';
import type { TakeOverStore } from './ports/take-over-store.ts';
import { createRecent } from './recent.ts';
import { tryAgain } from './try-again.ts';

export interface OriginGuestsDeps extends Pick<OriginQuestionsDeps, 'store' | 'now' | 'steadyNow'> {
  takeOvers: Pick<TakeOverStore, 'endGuest'>;
}

/** How often the origin is asked about one guest. Credentials of a guest are valid for an hour, too. */
const GUEST_MS = 60 * 60_000;
/** How long no guest is checked after a failure, so that guests do not wait for an origin that does not respond. */
const PAUSE_MS = 30_000;
/** How long a process remembers that an id belongs to no guest at the origin. */
const UNKNOWN_MS = 60_000;
/** Maximum rate of searches at the origin for ids of unknown guests. Anyone can send such ids. */
const FIND_RATE = { perSecond: 5, burst: 25 };

/** Creates the questions about guests, who have no logins. */
export function createOriginGuests(
  { store, takeOvers, now, steadyNow }: OriginGuestsDeps,
  { listMoving, isMoving, isKnown, ask }: OriginQuestions,
): Pick<OriginLogins, 'newGuest' | 'findGuest' | 'checkGuest'> {
  const checkedGuests = createRecent<true>(GUEST_MS, steadyNow);
  const pausedPools = createRecent<true>(PAUSE_MS, steadyNow);
  const unknownGuests = createRecent<true>(UNKNOWN_MS, steadyNow);
  const searches = createTokenBuckets({ rate: FIND_RATE, maxKeys: 1, now: steadyNow });

  /** Creates a guest here that the origin has created, or has confirmed to be a guest. */
  async function learnGuest({ identityPoolId, identityId }: IdentityKey, createdAt: number): Promise<void> {
    const guest = { identityId, createdAt, modifiedAt: createdAt, providers: [] };
    const about = { startedAt: null, state: 'usable', developerProvider: undefined } as const;
    await store.putIdentities(identityPoolId, [guest], about);
    // Nothing is created after the end of the migration.
    if (!(await isKnown({ identityPoolId, identityId }))) throw new Error('the migration has ended');
  }

  return {
    newGuest: (identityPoolId) =>
      ask(identityPoolId, async ({ client }) => {
        const about = { operation: 'GetId', identityPoolId, identityId: null, logins: {} } as const;
        const { identityId } = await client.present(about);
        await learnGuest({ identityPoolId, identityId }, now());
        return identityId;
      }),

    async findGuest(identityId) {
      const pools = await listMoving();
      const [first] = pools;
      if (first === undefined || regionOfId(identityId) === null || unknownGuests.get(identityId))
        return false;
      if (searches.take('', 1) > 0) throw tryAgain();
      const askedOrigins = new Set<string>();
      for (const asked of pools) {
        const isFound = await ask(asked, async ({ origin, client }) => {
          if (askedOrigins.has(origin.name)) return false;
          askedOrigins.add(origin.name);
          const identityPoolId = await poolOfGuest(client, { identityPoolId: asked, identityId }, pools);
          if (identityPoolId === null || !pools.includes(identityPoolId)) return false;
          const described = await origin.describeIdentity(identityId);
          if (described !== null) await learnGuest({ identityPoolId, identityId }, described.createdAt);
          return described !== null;
        });
        if (isFound) return true;
      }
      unknownGuests.set(identityId, true);
      return false;
    },

    async checkGuest({ identityPoolId, identityId }, operation) {
      const guest = { identityPoolId, identityId };
      if (pausedPools.get(identityPoolId) || checkedGuests.get(identityId)) return;
      if (!(await isMoving(identityPoolId))) return;
      let isGuest = true;
      try {
        await ask(identityPoolId, async ({ origin, client }) => {
          isGuest = !(await isKnown(guest)) || (await isGuestThere(client, guest, operation));
          if (isGuest) return;
          const described = await origin.describeIdentity(identityId);
          await takeOvers.endGuest(guest, { providers: described?.providers ?? [], at: now() });
        });
        if (isGuest) checkedGuests.set(identityId, true);
      } catch (error) {
        if (!(error instanceof ServiceError)) throw error;
        pausedPools.set(identityPoolId, true);
      }
      if (!isGuest) throw identityForbidden(identityId);
    },
  };
}

/** Asks whether an identity is a guest at the origin. @throws {ServiceError | SyncClientError} */
function presentGuest(
  client: PublicOrigin,
  { identityPoolId, identityId }: IdentityKey,
  operation: AskedOperation,
) {
  return client.present({ operation, identityPoolId, identityId, logins: {} });
}

async function isGuestThere(client: PublicOrigin, guest: IdentityKey, operation: AskedOperation) {
  try {
    await presentGuest(client, guest, operation);
    return true;
  } catch (error) {
    if (error instanceof ServiceError) return !isForbidden(error, guest.identityId);
    throw error;
  }
}

/**
 * Returns the pool of a guest. Only the answer of GetOpenIdToken names the pool. A pool can reject this operation; if it is
 * the only one that is being migrated, the guest is in this pool.
 *
 * @returns null if the origin has no such guest
 */
async function poolOfGuest(
  client: PublicOrigin,
  guest: IdentityKey,
  pools: readonly string[],
): Promise<string | null> {
  try {
    return (await presentGuest(client, guest, 'GetOpenIdToken')).identityPoolId;
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    if (error.code !== 'InvalidParameterException' || pools.length > 1) return null;
    return (await isGuestThere(client, guest, 'GetCredentialsForIdentity')) ? guest.identityPoolId : null;
  }
}

/**
 * Returns whether the origin says that the id of an identity does not suffice. Other errors of the same code concern the
 * pool, for example if it does not allow guests.
 */
function isForbidden({ code, message }: ServiceError, identityId: string): boolean {
  return code === 'NotAuthorizedException' && message === identityForbidden(identityId).message;
}
