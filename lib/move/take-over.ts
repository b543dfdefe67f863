import { SyncClientError } from '../backfill/ports/sync-client.ts';
import type { PacedCalls } from '../backfill/reconcile/reconcile-calls.ts';
import type { IdentityKey } from '../common/dataset-key.ts';
import { ValueRefusedError } from '../common/errors.ts';
import { JUMP } from './bridge-state.ts';
import { copyDevelopersOf } from './copy-data.ts';
import { copyDatasets } from './copy-datasets.ts';
import { type CopyDeps, LeaseLostError, type Skipped } from './copy-run.ts';
import { noProgress } from './ports/move-store.ts';
import type { OriginIdentity } from './ports/origin.ts';
import {
  type IdentityLease,
  type ReplicaState,
  type TakeOverStore,
  TooManyDatasetsError,
} from './ports/take-over-store.ts';
import type { SkipReasons } from './skip-reasons.ts';

/**
 * By how much a takeover raises the count of each dataset. Every count that a device receives here is then above all counts
 * that the origin reaches while both sides are in use. So neither side can mistake a count of the other for its own.
 */
export const COUNT_JUMP = JUMP;

/**
 * How long the lease on an identity lasts. One attempt of a call takes less, and each attempt extends the lease again.
 */
const LEASE_MS = 30_000;
/** How long a takeover waits for another process that works on the identity. */
const WAIT_MS = 3_000;
const PAUSE_MS = 200;

export interface TakeOverDeps extends Pick<CopyDeps, 'origin' | 'store' | 'limits' | 'now' | 'sleep'> {
  takeOvers: TakeOverStore;
  paced: PacedCalls;
  /** Receives each problem of the copy that the final comparison makes. */
  onSkipped?: (skipped: Skipped) => void;
}

/**
 * `taken`: this service owns the identity from now on. `gone`: this service owns the identity from now on, with the data of
 * the replica, because the identity no longer exists at the origin. `ours`: this service already owned the identity, or the
 * identity is unknown here. `busy`: another process works on the identity, or the origin's data kept changing during the
 * comparison; try again.
 */
export type TakenOver = 'taken' | 'gone' | 'ours' | 'busy';

/**
 * Takes an identity over: compares its replica with the origin for the last time, and makes this service its owner. Only
 * one process at a time has the lease of the identity, and a lost lease ends the takeover, so the comparison is recent. If
 * the process ends before the takeover is complete, the identity remains a replica, and the lease ends after 30 seconds.
 *
 * A change at the origin after the comparison arrives through the stream. An event that arrives before the takeover is
 * applied to the replica. A later event finds that this service owns the identity.
 *
 * @throws {SyncClientError} the origin did not return the identity's data; the identity remains a replica
 * @throws {TooManyDatasetsError} the identity remains a replica
 */
export async function takeOver(deps: TakeOverDeps, identity: IdentityKey): Promise<TakenOver> {
  const { takeOvers, now } = deps;
  const lease = await claim(deps, identity);
  if (lease === 'ours' || lease === 'busy') return lease;
  try {
    const compared = await compare(deps, lease);
    if (compared === 'busy') return 'busy';
    return (await takeOvers.finish(lease, { at: now(), countJump: COUNT_JUMP })) ? compared : 'busy';
  } catch (error) {
    if (error instanceof LeaseLostError) return 'busy';
    throw error;
  } finally {
    await takeOvers.release(lease);
  }
}

/**
 * Makes this service the owner of a replica without a comparison. Changes that are missing here remain missing.
 * @returns false if this service already owned the identity, another process works on it, or it has too many datasets
 */
export async function takeOverUncompared(
  deps: Pick<TakeOverDeps, 'takeOvers' | 'now' | 'sleep'>,
  identity: IdentityKey,
): Promise<boolean> {
  const lease = await claim(deps, identity);
  if (lease === 'ours' || lease === 'busy') return false;
  try {
    return await deps.takeOvers.finish(lease, { at: deps.now(), countJump: COUNT_JUMP });
  } catch (error) {
    if (error instanceof TooManyDatasetsError) return false;
    throw error;
  } finally {
    await deps.takeOvers.release(lease);
  }
}

async function claim(
  { takeOvers, now, sleep }: Pick<TakeOverDeps, 'takeOvers' | 'now' | 'sleep'>,
  identity: IdentityKey,
): Promise<IdentityLease | 'ours' | 'busy'> {
  for (let waitedMs = 0; ; waitedMs += PAUSE_MS) {
    const claimed = await takeOvers.claim(identity, { now: now(), until: now() + LEASE_MS });
    if (claimed !== 'busy' || waitedMs >= WAIT_MS) return claimed;
    await sleep(PAUSE_MS);
  }
}

/** @throws {LeaseLostError | SyncClientError} */
async function compare(deps: TakeOverDeps, lease: IdentityLease): Promise<'taken' | 'gone' | 'busy'> {
  const { takeOvers, origin, now } = deps;
  const { identity } = lease;
  const { identityPoolId, identityId } = identity;
  const paced: PacedCalls = (call) =>
    deps.paced(async () => {
      if (!(await takeOvers.renew(lease, now() + LEASE_MS))) throw new LeaseLostError();
      return call();
    });
  const replica = await takeOvers.readReplica(identity);
  // The identity was deleted or merged here since its lease was taken.
  if (replica === null) return 'busy';
  const described = await paced(() => origin.describeIdentity(identityId));
  if (described === null) {
    // Fails if the origin does not know the pool either: the credentials may be those of another account, and the
    // identity may still exist.
    await paced(() => origin.readPool(identityPoolId));
    return 'gone';
  }
  const developerProvider = await takeOvers.developerProviderOf(identityPoolId);
  const isDisabled = isUnlinked(described, replica);
  const changed = { described, isDisabled, developerProvider, now: now() };
  if (!(await takeOvers.changeReplica(lease, changed))) return 'busy';
  let isChanging = false;
  const run = {
    deps,
    paced,
    developerProvider,
    skips: ONE_IDENTITY,
    progress: noProgress(),
    options: {
      onSkipped: (skipped: Skipped) => {
        isChanging ||= skipped.reason === 'kept-changing';
        deps.onSkipped?.(skipped);
      },
    },
  };
  await copyDevelopersOf(run, identity, described.providers);
  await copyDatasets(run, identity);
  return isChanging ? 'busy' : 'taken';
}

/**
 * Returns whether the identity was unlinked or merged at the origin: it had logins, but has none there any more. Such an
 * identity must not become a guest here, which anyone who knows its id can use.
 */
function isUnlinked({ providers }: OriginIdentity, replica: ReplicaState): boolean {
  return providers.length === 0 && (replica.isDisabled || replica.providers.length > 0);
}

/**
 * Skips only what can never be copied. If the origin fails to return other data, the identity is not taken over:
 * otherwise this service would own an outdated copy.
 */
const ONE_IDENTITY: SkipReasons = {
  identityRead: () => undefined,
  datasetRead: () => undefined,
  async reasonFor(error, item) {
    if (error instanceof ValueRefusedError) return 'value-refused';
    const isRefused = error instanceof SyncClientError && error.condition === 'refused';
    return isRefused && item === 'dataset' ? 'refused' : null;
  },
};
