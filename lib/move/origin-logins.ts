import type { IdentityKey } from '../common/dataset-key.ts';
import { ServiceError } from '../common/errors.ts';
import { regionOfId } from '../common/identity-id.ts';
import { createSemaphore } from '../common/semaphore.ts';
import { createTokenBuckets } from '../common/token-buckets.ts';
import { identityForbidden } from '../identity/errors.ts';
import { providersOf } from '../identity/logins/find-provider.ts';
import { readUnverified } from '../identity/logins/origin-tokens.ts';
import type { Logins } from '../identity/model.ts';
import type { OpenedOpenIdToken } from '../identity/open-id-token.ts';
import type { AskedOperation, OriginLogins } from '../identity/ports/origin-logins.ts';
import { OWN_PROVIDER } from '../identity/read-logins.ts';
import { type CreateDeps, createUnknown } from './create-unknown.ts';
import { type Ownership, tryAgain } from './ownership.ts';
import type { MoveStore } from './ports/move-store.ts';
import type { Origin } from './ports/origin.ts';
import type { PublicOrigin } from './ports/public-origin.ts';
import type { TakeOverStore } from './ports/take-over-store.ts';
import { createRecent } from './recent.ts';

export interface OriginLoginsDeps {
  ownership: Pick<Ownership, 'listMoving' | 'originOf'>;
  store: CreateDeps['store'] & Pick<MoveStore, 'readPool'>;
  takeOvers: Pick<TakeOverStore, 'endGuest'>;
  /** Opens the public operations of a pool's origin. @throws an error that says what is wrong with the configuration */
  openPublicOrigin: (identityPoolId: string) => PublicOrigin;
  /** Opens an OpenID token that the origin of a pool has issued. @throws an error if the keys cannot be loaded */
  openToken: (identityPoolId: string, token: string) => Promise<OpenedOpenIdToken>;
  /** Epoch milliseconds. */
  now: () => number;
  /** Milliseconds of a clock that never goes back. */
  steadyNow: () => number;
  /** Logs why the origin could not be asked. */
  report: (message: string, details: Record<string, unknown>) => void;
}

/** Maximum time for which a request waits until fewer requests ask the origin. */
const MAX_WAIT_MS = 5_000;
/** Maximum number of concurrent questions, in total and for one pool. */
const CONCURRENT = 20;
const CONCURRENT_PER_POOL = 10;
/** How long the providers of a pool at its origin are cached. */
const PROVIDERS_MS = 5 * 60_000;
/** How often the origin is asked about one guest. Credentials of a guest are valid for an hour, too. */
const GUEST_MS = 60 * 60_000;
/** How long no guest is checked after a failure, so that guests do not wait for an origin that does not respond. */
const PAUSE_MS = 30_000;
/** How long an id that the origin does not know as that of a guest is cached. */
const UNKNOWN_MS = 60_000;
/** Ids of unknown guests that are searched for at the origin. Anyone can send such ids. */
const FIND_RATE = { perSecond: 5, burst: 25 };

/**
 * Creates the questions about logins that a process asks the origins of pools that are being migrated. While no pool is,
 * each question costs at most one small query per second.
 */
export function createOriginLogins(deps: OriginLoginsDeps): OriginLogins & { close(): void } {
  const { ownership, store, takeOvers, now, steadyNow, report } = deps;
  const slots = createSemaphore({
    max: CONCURRENT,
    maxPerOwner: CONCURRENT_PER_POOL,
    refusal: tryAgain,
    now: steadyNow,
  });
  const clients = new Map<string, PublicOrigin>();
  const providers = createRecent<ReadonlySet<string>>(PROVIDERS_MS, steadyNow);
  const checkedGuests = createRecent<true>(GUEST_MS, steadyNow);
  const pausedPools = createRecent<true>(PAUSE_MS, steadyNow);
  const unknownGuests = createRecent<true>(UNKNOWN_MS, steadyNow);
  const searches = createTokenBuckets({ rate: FIND_RATE, maxKeys: 1, now: steadyNow });

  function clientOf(identityPoolId: string): PublicOrigin {
    const client = clients.get(identityPoolId) ?? deps.openPublicOrigin(identityPoolId);
    clients.set(identityPoolId, client);
    return client;
  }

  /** @returns null if the pool is not being migrated. @throws {ServiceError} */
  async function asking<Answer>(
    identityPoolId: string,
    ask: (at: { origin: Origin; client: PublicOrigin }) => Promise<Answer>,
  ): Promise<Answer | null> {
    if (!(await isMoving(identityPoolId))) return null;
    const free = await slots.acquire(identityPoolId, MAX_WAIT_MS);
    try {
      const origin = await ownership.originOf(identityPoolId);
      return origin === null ? null : await ask({ origin, client: clientOf(identityPoolId) });
    } catch (error) {
      if (error instanceof ServiceError && !isNotFound(error)) throw error;
      report('the origin could not be asked about a login', { identityPoolId, error });
      throw tryAgain();
    } finally {
      free();
    }
  }

  async function isMoving(identityPoolId: string): Promise<boolean> {
    return (await ownership.listMoving()).includes(identityPoolId);
  }

  async function isKnown({ identityPoolId, identityId }: IdentityKey): Promise<boolean> {
    return (await store.unknownOf(identityPoolId, [identityId])).length === 0;
  }

  /**
   * Creates an identity here that the origin has named. If the origin does not describe it yet, it may be eventually
   * consistent: the client tries again, and gets no other identity.
   */
  async function learn(origin: Origin, identity: IdentityKey): Promise<void> {
    if (await isKnown(identity)) return;
    const { identityPoolId, identityId } = identity;
    const pool = await store.readPool(identityPoolId, now());
    if (pool === null) throw new Error('the migration has ended');
    const { refused } = await createUnknown({ store, origin, now }, pool, [{ identityId, arrivedAt: now() }]);
    if (refused[0]) throw new Error(`the identity cannot be stored: ${refused[0].reason}`);
    if (!(await isKnown(identity))) throw new Error('the origin does not describe an identity that it named');
  }

  /** Creates a guest here that the origin has created, or has confirmed to be a guest. */
  async function learnGuest({ identityPoolId, identityId }: IdentityKey, createdAt: number): Promise<void> {
    const guest = { identityId, createdAt, modifiedAt: createdAt, providers: [] };
    const about = { startedAt: null, state: 'usable', developerProvider: undefined } as const;
    await store.putIdentities(identityPoolId, [guest], about);
  }

  async function providersAt(origin: Origin, identityPoolId: string): Promise<ReadonlySet<string>> {
    const cached = providers.get(identityPoolId);
    if (cached) return cached;
    const read = new Set(providersOf((await origin.readPool(identityPoolId)).settings));
    providers.set(identityPoolId, read);
    return read;
  }

  /** Asks whether an identity is a guest at the origin. @throws {ServiceError | SyncClientError} */
  function presentGuest(
    client: PublicOrigin,
    { identityPoolId, identityId }: IdentityKey,
    operation: AskedOperation,
  ) {
    return client.present({ operation, identityPoolId, identityId, logins: {} });
  }

  return {
    isMoving,

    identityOf: ({ pool: { IdentityPoolId: identityPoolId }, operation, identityId, logins, unknown }) =>
      asking(identityPoolId, async ({ origin, client }) => {
        const accepted = await providersAt(origin, identityPoolId);
        if (!unknown.some((provider) => accepted.has(provider))) return null;
        // The origin does not know an identity that exists only here. It can only say whose the logins are.
        const isThere = identityId !== null && (await isKnown({ identityPoolId, identityId }));
        const about = { identityPoolId, logins: presentable(logins, accepted) };
        const getId = () => client.present({ ...about, operation: 'GetId', identityId: null });
        const named = isThere
          ? await client.present({ ...about, operation, identityId }).catch((error: unknown) => {
              // The identity was deleted at the origin since.
              if (isNotFound(error)) return getId();
              throw error;
            })
          : await getId();
        await learn(origin, { identityPoolId, identityId: named.identityId });
        return named.identityId;
      }),

    developerIdentityOf: ({ pool: { IdentityPoolId: identityPoolId }, identityId, logins }) =>
      asking(identityPoolId, async ({ origin, client }) => {
        if (identityId !== null && !(await isKnown({ identityPoolId, identityId }))) return null;
        const named = await client.logInDeveloperUser({ identityPoolId, identityId, logins });
        await learn(origin, { identityPoolId, identityId: named });
        return named;
      }),

    async unlink({ pool: { IdentityPoolId: identityPoolId }, identityId, logins, providers: removed }) {
      const isUnlinked = await asking(identityPoolId, async ({ origin, client }) => {
        const proof = presentable(logins, await providersAt(origin, identityPoolId));
        const isThere = await isKnown({ identityPoolId, identityId });
        if (!isThere || Object.keys(proof).length === 0) return false;
        await client.unlink({ identityId, logins: proof, providers: removed });
        return true;
      });
      return isUnlinked ?? false;
    },

    async unlinkDeveloperUser({ pool: { IdentityPoolId: identityPoolId }, ...user }) {
      await asking(identityPoolId, ({ client }) =>
        client.unlinkDeveloperUser({ identityPoolId, ...user }).catch((error: unknown) => {
          if (!isNotFound(error)) throw error;
        }),
      );
    },

    newGuest: (identityPoolId) =>
      asking(identityPoolId, async ({ client }) => {
        const about = { operation: 'GetId', identityPoolId, identityId: null, logins: {} } as const;
        const { identityId } = await client.present(about);
        await learnGuest({ identityPoolId, identityId }, now());
        return identityId;
      }),

    async findGuest(identityId) {
      const pools = await ownership.listMoving();
      const [first] = pools;
      if (first === undefined || regionOfId(identityId) === null || unknownGuests.get(identityId))
        return false;
      if (searches.take('', 1) > 0) throw tryAgain();
      const askedOrigins = new Set<string>();
      for (const asked of pools) {
        const isFound = await asking(asked, async ({ origin, client }) => {
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
        await asking(identityPoolId, async ({ origin, client }) => {
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

    async openToken(token) {
      const { aud } = readUnverified(token);
      if (typeof aud !== 'string' || !(await isMoving(aud))) return { state: 'invalid' };
      const opened = await asking(aud, async ({ origin }) => {
        const read = await deps.openToken(aud, token);
        if (read.state !== 'valid') return read;
        if (read.identity.identityPoolId !== aud) return { state: 'invalid' } as const;
        await learn(origin, read.identity);
        return read;
      });
      return opened ?? { state: 'invalid' };
    },

    close() {
      slots.close();
      for (const client of clients.values()) client.close();
    },
  };

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
}

/** Returns the logins that the origin can verify. */
function presentable(logins: Logins, accepted: ReadonlySet<string>): Logins {
  return Object.fromEntries(
    Object.entries(logins).filter(([provider]) => provider === OWN_PROVIDER || accepted.has(provider)),
  );
}

function isNotFound(error: unknown): boolean {
  return error instanceof ServiceError && error.code === 'ResourceNotFoundException';
}

/**
 * Returns whether the origin says that the id of an identity does not suffice. Other errors of the same code concern the
 * pool, for example if it does not allow guests.
 */
function isForbidden({ code, message }: ServiceError, identityId: string): boolean {
  return code === 'NotAuthorizedException' && message === identityForbidden(identityId).message;
}
