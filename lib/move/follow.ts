import type { DatasetKey, IdentityKey } from '../common/dataset-key.ts';
import { ValueRefusedError } from '../common/errors.ts';
import { completeRemovals } from '../projection/complete-removals.ts';
import type { ReadableDelivery, RefusedDelivery, StreamPosition } from '../projection/delivery.ts';
import { type DatasetChange, datasetKeyText, foldEvents } from '../projection/fold-events.ts';
import type { QueryStore } from '../projection/ports/query-store.ts';
import { refuseFuture } from '../projection/refuse-future.ts';
import type { MoveStore, MovingPool } from './ports/move-store.ts';
import type { Origin } from './ports/origin.ts';

/** What a batch of the origin's stream changed. Contains only counts, so it can be logged. */
export interface FollowOutcome {
  events: number;
  /** Events of pools that are not moving. */
  ignored: number;
  /** Rows written. */
  records: number;
  /** Identities that the batch created. */
  identities: number;
  /** Changed datasets of identities that this service owns or has deleted. */
  kept: number;
  /** Events that can never be applied. The next `move copy` reads the data of their datasets. */
  refused: number;
}

export interface FollowDeps {
  store: Pick<
    MoveStore,
    | 'readPool'
    | 'unknownOf'
    | 'putIdentities'
    | 'putDeveloperUsers'
    | 'applyChange'
    | 'versionsOf'
    | 'saveFollowed'
  >;
  /** Stores the version assigned to a removal that arrived without one. */
  keepRemovalVersion: QueryStore['keepRemovalVersion'];
  /** Opens the origin for an identity that was created there after the copy. */
  origin: Pick<Origin, 'readPool' | 'describeIdentity' | 'listDeveloperUsers'>;
  /** Receives the reason why an event cannot be applied, and the position of the event. */
  onRefused: (position: StreamPosition, reason: string) => void;
  now: () => number;
}

/**
 * Applies a batch of the origin's stream to the replicas of moving pools, in the version order. The result therefore does
 * not depend on order, repeats or splits of the events. Creates identities whose first event arrives after the copy.
 *
 * @param deliveries in stream order
 * @throws the store's and the origin's transient errors; retry the entire batch, and nothing is lost
 */
export async function followBatch(
  deps: FollowDeps,
  deliveries: readonly (ReadableDelivery | RefusedDelivery)[],
): Promise<FollowOutcome> {
  const outcome = { events: deliveries.length, ignored: 0, records: 0, identities: 0, kept: 0, refused: 0 };
  const pools = await readPools(deps, deliveries);
  const readable: ReadableDelivery[] = [];
  for (const delivery of await refuseFuture(deps.store, deliveries)) {
    if (!pools.has(poolOf(delivery) ?? '')) outcome.ignored += 1;
    else if (delivery.kind === 'readable') readable.push(delivery);
    else {
      outcome.refused += 1;
      deps.onRefused(delivery.position, delivery.reason);
    }
  }
  const removals: Parameters<typeof completeRemovals>[0] = {
    versionsOf: (datasets) => deps.store.versionsOf(datasets),
    keepRemovalVersion: (position, version) => deps.keepRemovalVersion(originPosition(position), version),
  };
  const changes = foldEvents(await completeRemovals(removals, readable));
  for (const pool of pools.values()) {
    const ids = new Set(ofPool(changes, pool).map(({ dataset }) => dataset.identityId));
    outcome.identities += await createUnknown(deps, pool, [...ids]);
  }
  for (const change of changes) {
    const applied = await apply(deps, change, readable);
    outcome.records += applied.records;
    if (applied.outcome === 'kept') outcome.kept += 1;
    if (applied.outcome === 'refused') outcome.refused += 1;
  }
  await saveFollowed(deps, readable);
  return outcome;
}

function poolOf(delivery: ReadableDelivery | RefusedDelivery): string | null {
  return delivery.kind === 'readable' ? delivery.event.dataset.identityPoolId : delivery.identityPoolId;
}

function ofPool(changes: readonly DatasetChange[], { identityPoolId }: MovingPool): DatasetChange[] {
  return changes.filter(({ dataset }) => dataset.identityPoolId === identityPoolId);
}

async function readPools(
  { store, now }: FollowDeps,
  deliveries: readonly (ReadableDelivery | RefusedDelivery)[],
): Promise<Map<string, MovingPool>> {
  const ids = new Set(deliveries.flatMap((delivery) => poolOf(delivery) ?? []));
  const pools = new Map<string, MovingPool>();
  for (const identityPoolId of ids) {
    const pool = await store.readPool(identityPoolId, now());
    if (pool) pools.set(identityPoolId, pool);
  }
  return pools;
}

/** This service's own stream can have the same name, shards and sequence numbers. */
function originPosition(position: StreamPosition): StreamPosition {
  return { ...position, streamName: `origin/${position.streamName}` };
}

/** Creates identities that never came here. @returns the number of created identities */
async function createUnknown(
  { store, origin }: FollowDeps,
  { identityPoolId, startedAt }: MovingPool,
  identityIds: readonly string[],
): Promise<number> {
  const unknown = await store.unknownOf(identityPoolId, identityIds);
  if (unknown.length === 0) return 0;
  const { settings } = await origin.readPool(identityPoolId);
  const developerProvider = settings.DeveloperProviderName;
  let created = 0;
  for (const identityId of unknown) {
    const identity = await origin.describeIdentity(identityId);
    // The identity was deleted since the event.
    if (identity === null) continue;
    const about = { startedAt, state: 'usable', developerProvider } as const;
    created += (await store.putIdentities(identityPoolId, [identity], about)).created;
    const key: IdentityKey = { identityPoolId, identityId };
    if (developerProvider === undefined || !identity.providers.includes(developerProvider)) continue;
    await store.putDeveloperUsers(key, developerProvider, await origin.listDeveloperUsers(key));
  }
  return created;
}

async function apply(
  { store, onRefused }: FollowDeps,
  change: DatasetChange,
  deliveries: readonly ReadableDelivery[],
): Promise<{ outcome: 'written' | 'unchanged' | 'kept' | 'refused'; records: number }> {
  const records = change.records.map((record) => ({ ...record, lastModifiedBy: null }));
  try {
    const applied = await store.applyChange({ ...change, records, listing: null });
    return applied.outcome === 'kept' ? { ...applied, records: 0 } : applied;
  } catch (error) {
    if (!(error instanceof ValueRefusedError)) throw error;
    const delivery = deliveries.find(({ event }) => isSame(event.dataset, change.dataset));
    if (delivery) onRefused(delivery.position, `value-refused: ${error.message}`);
    return { outcome: 'refused', records: 0 };
  }
}

function isSame(a: DatasetKey, b: DatasetKey): boolean {
  return datasetKeyText(a) === datasetKeyText(b);
}

async function saveFollowed({ store }: FollowDeps, deliveries: readonly ReadableDelivery[]): Promise<void> {
  const last = new Map<string, number>();
  for (const { event, position } of deliveries) {
    const { identityPoolId } = event.dataset;
    last.set(identityPoolId, Math.max(last.get(identityPoolId) ?? 0, position.arrivedAt));
  }
  for (const [identityPoolId, arrivedAt] of last) await store.saveFollowed(identityPoolId, arrivedAt);
}
