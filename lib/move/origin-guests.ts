import type { IdentityKey } from '../common/dataset-key.ts';
import { ServiceError } from '../common/errors.ts';
import { identityForbidden } from '../identity/errors.ts';
import type { AskedOperation, OriginLogins } from '../identity/ports/origin-logins.ts';
import type { OriginQuestions, OriginQuestionsDeps } from './origin-questions.ts';
import type { PublicOrigin } from './ports/public-origin.ts';
import type { TakeOverStore } from './ports/take-over-store.ts';
import { createRecent } from './recent.ts';

export interface OriginGuestsDeps extends Pick<OriginQuestionsDeps, 'now' | 'steadyNow'> {
  takeOvers: Pick<TakeOverStore, 'endGuest'>;
}

/**
 * Minimum time between two questions to the origin about one guest. Credentials of a guest are valid for an hour, too.
 */
const GUEST_MS = 60 * 60_000;
/** How long no guest is checked after a failure, so that guests do not wait for an origin that does not respond. */
const PAUSE_MS = 30_000;

/** Creates the questions about guests, who have no logins. */
export function createOriginGuests(
  { takeOvers, now, steadyNow }: OriginGuestsDeps,
  { isMoving, isKnown, learnGuest, ask }: OriginQuestions,
): Pick<OriginLogins, 'newGuest' | 'checkGuest'> {
  const checkedGuests = createRecent<true>(GUEST_MS, steadyNow);
  const pausedPools = createRecent<true>(PAUSE_MS, steadyNow);

  return {
    newGuest: (identityPoolId) =>
      ask(identityPoolId, async ({ client }) => {
        const about = { operation: 'GetId', identityPoolId, identityId: null, logins: {} } as const;
        const { identityId } = await client.present(about);
        await learnGuest({ identityPoolId, identityId }, now());
        return identityId;
      }),

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

/** Returns whether an identity is a guest at the origin. @throws {SyncClientError} the origin does not respond */
async function isGuestThere(
  client: PublicOrigin,
  { identityPoolId, identityId }: IdentityKey,
  operation: AskedOperation,
): Promise<boolean> {
  try {
    await client.present({ operation, identityPoolId, identityId, logins: {} });
    return true;
  } catch (error) {
    if (error instanceof ServiceError) return !isForbidden(error, identityId);
    throw error;
  }
}

/**
 * Returns whether the origin says that the id of an identity does not suffice to use the identity. Other errors of the
 * same code concern the pool, for example if it does not allow guests.
 */
function isForbidden({ code, message }: ServiceError, identityId: string): boolean {
  return code === 'NotAuthorizedException' && message === identityForbidden(identityId).message;
}
