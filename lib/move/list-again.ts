import type { PacedCalls } from '../backfill/reconcile/reconcile-calls.ts';
import { ValueRefusedError } from '../common/errors.ts';
import { addNamed, type Named } from './named.ts';
import type { MoveStore, MovingPool } from './ports/move-store.ts';
import type { Origin, OriginIdentity, Page } from './ports/origin.ts';

interface ListAgainDeps {
  origin: Pick<Origin, 'listIdentities'>;
  store: Pick<MoveStore, 'unknownOf' | 'withNewLogins' | 'putIdentities'>;
  paced: PacedCalls;
}

interface ListAgainOptions {
  pool: Pick<MovingPool, 'identityPoolId' | 'startedAt'>;
  developerProvider: string | undefined;
  /** Changes nothing here, only counts. */
  isDryRun: boolean;
  signal: AbortSignal;
  /** Called with the number of identities so far. */
  onProgress: (listed: number) => void;
}

/**
 * Lists the identities that clients can use at the origin once more, and changes here what differs since the last copy:
 * creates those that do not exist here, as replicas, and no longer accepts a guest's id as a proof if the guest has
 * received a login there. A guest's login, and an identity without data, cause no event, so the target does not learn
 * of them otherwise.
 *
 * @returns the ids of the identities with a login at the origin that is unknown here, without the identities that
 *   `countUnknownLogins` counts
 * @throws {SyncClientError} the origin did not respond
 */
export async function listAgain(deps: ListAgainDeps, options: ListAgainOptions): Promise<Named<string>> {
  const { origin, store, paced } = deps;
  const { identityPoolId } = options.pool;
  let listed = 0;
  const newLogins: Named<string> = { total: 0, items: [] };
  for (let token: string | null = null; !options.signal.aborted; ) {
    const about: { hideDisabled: boolean; token: string | null } = { hideDisabled: true, token };
    const { items, next }: Page<OriginIdentity> = await paced(() =>
      origin.listIdentities(identityPoolId, about),
    );
    if (!options.isDryRun) await putChanged(deps, options, items);
    const unknown = await unknownIn(deps, identityPoolId, items);
    for (const { identityId, providers } of unknown)
      if (providers.length > 0) addNamed(newLogins, identityId);
    for (const identityId of await store.withNewLogins(items)) addNamed(newLogins, identityId);
    listed += items.length;
    options.onProgress(listed);
    token = next;
    if (token === null) break;
  }
  return newLogins;
}

async function putChanged(
  deps: ListAgainDeps,
  { pool, developerProvider }: ListAgainOptions,
  items: readonly OriginIdentity[],
): Promise<void> {
  const changed = new Set(await deps.store.withNewLogins(items));
  for (const { identityId } of await unknownIn(deps, pool.identityPoolId, items)) changed.add(identityId);
  const about = { startedAt: pool.startedAt, state: 'usable', developerProvider } as const;
  for (const identity of items.filter(({ identityId }) => changed.has(identityId))) {
    try {
      await deps.store.putIdentities(pool.identityPoolId, [identity], about);
    } catch (error) {
      // The identity remains as it is here: its login is counted as unknown, and `finishPool` finds its data when it
      // compares both sides.
      if (!(error instanceof ValueRefusedError)) throw error;
    }
  }
}

async function unknownIn(
  { store }: ListAgainDeps,
  identityPoolId: string,
  items: readonly OriginIdentity[],
): Promise<OriginIdentity[]> {
  const ids = items.map(({ identityId }) => identityId);
  const unknown = new Set(await store.unknownOf(identityPoolId, ids));
  return items.filter(({ identityId }) => unknown.has(identityId));
}
