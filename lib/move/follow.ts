import type { DatasetKey } from '../common/dataset-key.ts';
import { ValueRefusedError } from '../common/errors.ts';
import { completeRemovals } from '../projection/complete-removals.ts';
import type { ReadableDelivery, RefusedDelivery, StreamPosition } from '../projection/delivery.ts';
import { type DatasetChange, datasetKeyText, foldEvents } from '../projection/fold-events.ts';
import type { QueryStore } from '../projection/ports/query-store.ts';
import { refuseFuture } from '../projection/refuse-future.ts';
import { type CreateDeps, createUnknown } from './create-unknown.ts';
import type { MoveStore, MovingPool } from './ports/move-store.ts';
import type { Origin } from './ports/origin.ts';

/** What a batch of the origin's stream changed. Contains only counts, so it can be logged. */
export interface FollowOutcome {
  events: number;
  /** Events of pools that are not moving from this origin. */
  ignored: number;
  /** Rows written. */
  records: number;
  /** Identities that the batch created. */
  identities: number;
  /** Changed datasets of identities that this service owns or has deleted. */
  kept: number;
  /** Events and identities that can never be applied. The next `move copy` reads their data. */
  refused: number;
}

export interface FollowDeps extends CreateDeps {
  store: CreateDeps['store'] &
    Pick<
      MoveStore,
      'readPool' | 'applyChange' | 'versionsOf' | 'saveFollowed' | 'saveOldWrite' | 'saveGap' | 'saveShard'
    >;
  origin: CreateDeps['origin'] & Pick<Origin, 'name'>;
  /** Stores the version assigned to a removal that arrived without one. */
  keepRemovalVersion: QueryStore['keepRemovalVersion'];
  /** Receives the reason why an event cannot be applied, and the position of the event. */
  onRefused: (position: StreamPosition, reason: string) => void;
  /**
   * Receives a change that was not applied, because this service owns the identity, or has deleted or merged it. Saves the
   * date of the change if an old version of the app made it.
   */
  onKept?: (change: DatasetChange) => Promise<void>;
}

/**
 * Applies a batch of one shard of the origin's stream to the replicas of pools that are being migrated. Only the version
 * order decides which data is newer, so the result does not depend on order, repeats or splits of the events. Creates
 * identities whose first event arrives after the copy.
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
    const identityPoolId = poolOf(delivery);
    if (identityPoolId !== null && !pools.has(identityPoolId)) outcome.ignored += 1;
    else if (delivery.kind === 'readable') readable.push(delivery);
    else {
      outcome.refused += 1;
      await refuse(deps, delivery, delivery.reason);
    }
  }
  const removals: Parameters<typeof completeRemovals>[0] = {
    versionsOf: (datasets) => deps.store.versionsOf(datasets),
    keepRemovalVersion: (position, version) => deps.keepRemovalVersion(originPosition(position), version),
  };
  const changes = foldEvents(await completeRemovals(removals, readable));
  for (const pool of pools.values()) {
    const ids = new Set(ofPool(changes, pool).map(({ dataset }) => dataset.identityId));
    const identities = [...ids].map((identityId) => ({
      identityId,
      arrivedAt: arrivalOf(readable, identityId),
    }));
    const { created, refused } = await createUnknown(deps, pool, identities);
    outcome.identities += created;
    outcome.refused += refused.length;
    for (const { identityId, reason } of refused) {
      const delivery = readable.find(({ event }) => event.dataset.identityId === identityId);
      await refuse(deps, delivery, `identity-refused: ${reason}`);
    }
  }
  const oldWrites = new Map<string, number>();
  for (const change of changes) {
    const applied = await apply(deps, change, readable);
    outcome.records += applied.records;
    if (applied.outcome === 'refused') outcome.refused += 1;
    if (applied.outcome === 'kept') {
      outcome.kept += 1;
      await deps.onKept?.(change);
      continue;
    }
    const { identityPoolId } = change.dataset;
    const last = Math.max(oldWrites.get(identityPoolId) ?? 0, change.version.lastModifiedDate);
    oldWrites.set(identityPoolId, last);
  }
  for (const [identityPoolId, at] of oldWrites) await deps.store.saveOldWrite(identityPoolId, at);
  await saveFollowed(deps, readable);
  const last = deliveries.at(-1);
  if (last) await deps.store.saveShard(deps.origin.name, last.position);
  return outcome;
}

function poolOf(delivery: ReadableDelivery | RefusedDelivery): string | null {
  return delivery.kind === 'readable' ? delivery.event.dataset.identityPoolId : delivery.identityPoolId;
}

function ofPool(changes: readonly DatasetChange[], { identityPoolId }: MovingPool): DatasetChange[] {
  return changes.filter(({ dataset }) => dataset.identityPoolId === identityPoolId);
}

async function readPools(
  { store, origin, now }: FollowDeps,
  deliveries: readonly (ReadableDelivery | RefusedDelivery)[],
): Promise<Map<string, MovingPool>> {
  const ids = new Set(deliveries.flatMap((delivery) => poolOf(delivery) ?? []));
  const pools = new Map<string, MovingPool>();
  for (const identityPoolId of ids) {
    const pool = await store.readPool(identityPoolId, now());
    if (pool?.origin === origin.name && pool.finishedAt === null) pools.set(identityPoolId, pool);
  }
  return pools;
}

/**
 * Marks a position as one of the origin's stream. This service's own stream can have the same name, shards and sequence
 * numbers.
 */
function originPosition(position: StreamPosition): StreamPosition {
  return { ...position, streamName: `origin/${position.streamName}` };
}

/**
 * Reports an event that can never be applied. Its data is still at the origin, but missing here, so the pool has a gap
 * until the next complete copy. A record that names no pool may come from another producer, so it causes no gap.
 */
async function refuse(
  { store, onRefused }: FollowDeps,
  delivery: ReadableDelivery | RefusedDelivery | undefined,
  reason: string,
): Promise<void> {
  if (!delivery) return;
  onRefused(delivery.position, reason);
  const identityPoolId = poolOf(delivery);
  if (identityPoolId !== null) await store.saveGap(identityPoolId, delivery.position.arrivedAt);
}

async function apply(
  deps: FollowDeps,
  change: DatasetChange,
  deliveries: readonly ReadableDelivery[],
): Promise<{ outcome: 'written' | 'unchanged' | 'kept' | 'refused'; records: number }> {
  const records = change.records.map((record) => ({ ...record, lastModifiedBy: null }));
  try {
    const applied = await deps.store.applyChange({ ...change, records, listing: null });
    return applied.outcome === 'kept' ? { ...applied, records: 0 } : applied;
  } catch (error) {
    if (!(error instanceof ValueRefusedError)) throw error;
    const delivery = deliveries.find(({ event }) => isSame(event.dataset, change.dataset));
    await refuse(deps, delivery, `value-refused: ${error.message}`);
    return { outcome: 'refused', records: 0 };
  }
}

/** Returns when the first event of an identity arrived. */
function arrivalOf(deliveries: readonly ReadableDelivery[], identityId: string): number {
  const own = deliveries.filter(({ event }) => event.dataset.identityId === identityId);
  return own.reduce((first, { position }) => Math.min(first, position.arrivedAt), Number.POSITIVE_INFINITY);
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
