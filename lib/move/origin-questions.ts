import type { IdentityKey } from '../common/dataset-key.ts';
import { ServiceError } from '../common/errors.ts';
import { createSemaphore } from '../common/semaphore.ts';
import { providersOf } from '../identity/logins/find-provider.ts';
import type { Logins } from '../identity/model.ts';
import { OWN_PROVIDER } from '../identity/read-logins.ts';
import { type CreateDeps, createUnknown } from './create-unknown.ts';
import { createOpened } from './opened.ts';
import type { Ownership } from './ownership.ts';
import type { MoveStore } from './ports/move-store.ts';
import type { Origin } from './ports/origin.ts';
import type { PublicOrigin } from './ports/public-origin.ts';
import { createRecent } from './recent.ts';
import { tryAgain } from './try-again.ts';

export interface OriginQuestionsDeps {
  ownership: Pick<Ownership, 'listMoving' | 'originOf'>;
  store: CreateDeps['store'] & Pick<MoveStore, 'readPool'>;
  /** Opens the public operations of a pool's origin. @throws an error that says what is wrong with the configuration */
  openPublicOrigin: (identityPoolId: string) => PublicOrigin | Promise<PublicOrigin>;
  /** Epoch milliseconds. */
  now: () => number;
  /** Milliseconds of a clock that never goes back. */
  steadyNow: () => number;
  /** Logs why the origin could not be asked. */
  report: (message: string, details: Record<string, unknown>) => void;
}

/** Maximum time for which a request waits until it may ask the origin. */
const MAX_WAIT_MS = 5_000;
/** Maximum number of concurrent questions, in total and for one pool. */
const CONCURRENT = 20;
const CONCURRENT_PER_POOL = 10;
/** How long the providers of a pool at its origin are cached. */
const PROVIDERS_MS = 5 * 60_000;

/** An origin to which questions can be sent. */
interface Asked {
  origin: Origin;
  client: PublicOrigin;
}

/** Questions of requests to the origins of pools that are being migrated. */
export interface OriginQuestions {
  listMoving(): Promise<string[]>;
  isMoving(identityPoolId: string): Promise<boolean>;
  /** Returns whether an identity came from the origin. It may have been deleted here since then. */
  isKnown(identity: IdentityKey): Promise<boolean>;
  /**
   * Asks the origin of a pool. Limits the concurrent questions.
   *
   * @returns null if the pool is not being migrated
   * @throws {ServiceError} the origin's own error; InternalErrorException, which clients retry, for any other failure
   */
  ask<Answer>(identityPoolId: string, work: (asked: Asked) => Promise<Answer>): Promise<Answer | null>;
  /**
   * Creates an identity here that the origin has named. The origin may be eventually consistent and not describe the
   * identity yet. Then the client must try again, and gets no other identity.
   */
  learn(origin: Origin, identity: IdentityKey): Promise<void>;
  /**
   * Creates a guest here that the origin has created, or has confirmed to be a guest.
   * @param createdAt epoch milliseconds
   */
  learnGuest(guest: IdentityKey, createdAt: number): Promise<void>;
  /** Returns the keys in `Logins` of the providers that the pool has at the origin. */
  providersAt(origin: Origin, identityPoolId: string): Promise<ReadonlySet<string>>;
  close(): void;
}

/** Creates the questions of one process. */
export function createOriginQuestions({
  ownership,
  store,
  openPublicOrigin,
  now,
  steadyNow,
  report,
}: OriginQuestionsDeps): OriginQuestions {
  const slots = createSemaphore({
    max: CONCURRENT,
    maxPerOwner: CONCURRENT_PER_POOL,
    refusal: tryAgain,
    now: steadyNow,
  });
  const clients = createOpened(openPublicOrigin);
  const providers = createRecent<ReadonlySet<string>>(PROVIDERS_MS, steadyNow);

  const isMoving: OriginQuestions['isMoving'] = async (identityPoolId) =>
    (await ownership.listMoving()).includes(identityPoolId);

  const isKnown: OriginQuestions['isKnown'] = async ({ identityPoolId, identityId }) =>
    (await store.unknownOf(identityPoolId, [identityId])).length === 0;

  return {
    listMoving: () => ownership.listMoving(),
    isMoving,
    isKnown,

    async ask(identityPoolId, work) {
      if (!(await isMoving(identityPoolId))) return null;
      const free = await slots.acquire(identityPoolId, MAX_WAIT_MS);
      try {
        const origin = await ownership.originOf(identityPoolId);
        return origin === null ? null : await work({ origin, client: await clients.open(identityPoolId) });
      } catch (error) {
        if (error instanceof ServiceError && !isNotFound(error)) throw error;
        report('the origin could not be asked about a login', { identityPoolId, error });
        throw tryAgain();
      } finally {
        free();
      }
    },

    async learn(origin, identity) {
      if (await isKnown(identity)) return;
      const { identityPoolId, identityId } = identity;
      const pool = await store.readPool(identityPoolId, now());
      if (pool === null || pool.finishedAt !== null) throw new Error('the migration has ended');
      const unknown = [{ identityId, arrivedAt: now() }];
      const { refused } = await createUnknown({ store, origin, now }, pool, unknown);
      if (refused[0]) throw new Error(`the identity cannot be stored: ${refused[0].reason}`);
      if (!(await isKnown(identity)))
        throw new Error('the origin does not describe an identity that it named');
    },

    async learnGuest({ identityPoolId, identityId }, createdAt) {
      const guest = { identityId, createdAt, modifiedAt: createdAt, providers: [] };
      const about = { startedAt: null, state: 'usable', developerProvider: undefined } as const;
      await store.putIdentities(identityPoolId, [guest], about);
      // After the end of the migration, `putIdentities` creates nothing.
      if (!(await isKnown({ identityPoolId, identityId }))) throw new Error('the migration has ended');
    },

    async providersAt(origin, identityPoolId) {
      const cached = providers.get(identityPoolId);
      if (cached) return cached;
      const read = new Set(providersOf((await origin.readPool(identityPoolId)).settings));
      providers.set(identityPoolId, read);
      return read;
    },

    close() {
      slots.close();
      clients.close();
    },
  };
}

/** Returns whether the origin does not know what it was asked about. */
export function isNotFound(error: unknown): boolean {
  return error instanceof ServiceError && error.code === 'ResourceNotFoundException';
}

/** Returns the logins that the origin can verify. */
export function presentable(logins: Logins, accepted: ReadonlySet<string>): Logins {
  return Object.fromEntries(
    Object.entries(logins).filter(([provider]) => provider === OWN_PROVIDER || accepted.has(provider)),
  );
}
