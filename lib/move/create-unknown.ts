import { SyncClientError } from '../backfill/ports/sync-client.ts';
import { ValueRefusedError } from '../common/errors.ts';
import type { MoveStore, MovingPool } from './ports/move-store.ts';
import type { Origin, OriginPool } from './ports/origin.ts';
import { stateOfUnlisted } from './unlisted-identities.ts';

export interface CreateDeps {
  store: Pick<MoveStore, 'unknownOf' | 'listIdentities' | 'putIdentities' | 'putDeveloperUsers'>;
  /** Describes identities that were created at the origin after the copy. */
  origin: Pick<Origin, 'readPool' | 'describeIdentity' | 'listDeveloperUsers'>;
  now: () => number;
}

/** How long events of an identity are retried if a call for this identity fails, but succeeds for other identities. */
const RETRIED_MS = 10 * 60 * 1000;
/** Number of other identities for which the call is tried. */
const OTHERS = 10;

/** An identity of which a batch contains events. */
interface UnknownIdentity {
  identityId: string;
  /** Arrival of its first event, epoch milliseconds. */
  arrivedAt: number;
}

/** What `createUnknown` did. */
interface Created {
  created: number;
  refused: { identityId: string; reason: string }[];
}

/**
 * Creates the identities that this service does not know yet. If the origin or the database refuses an identity, or if
 * the origin fails only for this identity, the other identities are still created. If the pool was deleted at the
 * origin, nothing can be read there, and no identity is created.
 *
 * @throws {SyncClientError} the failure may be transient, or concerns all identities; retry the entire batch
 */
export async function createUnknown(
  deps: CreateDeps,
  pool: MovingPool,
  identities: readonly UnknownIdentity[],
): Promise<Created> {
  const outcome: Created = { created: 0, refused: [] };
  const ids = identities.map(({ identityId }) => identityId);
  const unknown = new Set(await deps.store.unknownOf(pool.identityPoolId, ids));
  const developerProvider = unknown.size > 0 ? await readDeveloperProvider(deps, pool) : null;
  if (developerProvider === null) return outcome;
  for (const identity of identities) {
    if (!unknown.has(identity.identityId)) continue;
    try {
      outcome.created += await createIdentity(deps, pool, identity, developerProvider.name);
    } catch (error) {
      const isRefused =
        error instanceof ValueRefusedError ||
        (error instanceof SyncClientError && error.condition === 'refused');
      if (!isRefused) throw error;
      outcome.refused.push({ identityId: identity.identityId, reason: error.message });
    }
  }
  return outcome;
}

/** @returns null if the pool does not exist at the origin */
async function readDeveloperProvider(
  { origin }: CreateDeps,
  { identityPoolId }: MovingPool,
): Promise<{ name: string | undefined } | null> {
  let pool: OriginPool;
  try {
    pool = await origin.readPool(identityPoolId);
  } catch (error) {
    if (error instanceof SyncClientError && error.condition === 'not-found') return null;
    throw error;
  }
  return { name: pool.settings.DeveloperProviderName };
}

/**
 * Creates an identity. The copy has not listed it, so the identity is not marked as listed: a later listing may find
 * that no client can use it. All calls to the origin come before the first write: once an identity exists here, a retry
 * of the batch does not read it again.
 */
async function createIdentity(
  deps: CreateDeps,
  pool: MovingPool,
  unknown: UnknownIdentity,
  developerProvider: string | undefined,
): Promise<number> {
  const { store, origin } = deps;
  const { identityPoolId, startedAt: copyStartedAt } = pool;
  const { identityId } = unknown;
  const identity = await ask(deps, pool, unknown, (id) => origin.describeIdentity(id));
  // The identity was deleted since the event.
  if (identity === null) return 0;
  const hasUsers = developerProvider !== undefined && identity.providers.includes(developerProvider);
  const listUsers = (id: string) => origin.listDeveloperUsers({ identityPoolId, identityId: id });
  const users = hasUsers ? await ask(deps, pool, unknown, listUsers) : [];
  const state = stateOfUnlisted(identity, copyStartedAt) === 'disabled' ? 'disabled' : 'usable';
  const about = { startedAt: null, state, developerProvider } as const;
  const { created } = await store.putIdentities(identityPoolId, [identity], about);
  if (hasUsers) await store.putDeveloperUsers({ identityPoolId, identityId }, developerProvider, users);
  return created;
}

/**
 * Calls the origin for an identity. Ten minutes after the identity's first event, a failure counts as a refusal if the same
 * call succeeds for another identity. Otherwise one identity would stop the stream until its events expire.
 */
async function ask<Answer>(
  { store, now }: CreateDeps,
  { identityPoolId }: MovingPool,
  { identityId, arrivedAt }: UnknownIdentity,
  call: (identityId: string) => Promise<Answer>,
): Promise<Answer> {
  try {
    return await call(identityId);
  } catch (error) {
    const isUnclear =
      error instanceof SyncClientError &&
      error.condition !== 'throttled' &&
      error.condition !== 'credentials';
    if (!isUnclear || now() - arrivedAt < RETRIED_MS) throw error;
    const others = await store.listIdentities(identityPoolId, { after: '', limit: OTHERS, startedAt: 0 });
    for (const other of others.filter(({ isMoved }) => isMoved)) {
      const succeeds = await call(other.identityId).then(
        () => true,
        () => false,
      );
      if (succeeds) throw new SyncClientError('refused', error.message);
    }
    throw error;
  }
}
