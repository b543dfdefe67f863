import { SyncClientError } from '../backfill/ports/sync-client.ts';
import type { PacedCalls } from '../backfill/reconcile/reconcile-calls.ts';
import type { DatasetKey } from '../common/dataset-key.ts';
import { isStorable } from '../common/text.ts';
import type { Mark } from '../sync/ports/mark.ts';
import { afterDeletion, callsOf, deletionBase, isDeletedSince, type Sent, settle } from './bridge-memory.ts';
import type { Side } from './bridge-state.ts';
import { LeaseLostError } from './copy-run.ts';
import type { BridgeStore, Decided, ReadThere } from './ports/bridge-store.ts';
import type { Origin, OriginListing } from './ports/origin.ts';
import type { IdentityLease } from './ports/take-over-store.ts';

/**
 * How long the lease on an identity lasts. One attempt of a call takes less: a deletion at the origin is three requests
 * of up to 15 seconds each. With a shorter lease, the deletion could remove what another process has written in the
 * meantime. Each attempt extends the lease again.
 */
export const LEASE_MS = 60_000;
/** Maximum number of refused calls per pass. This is enough to find several refused keys by halving the calls. */
const MAX_REFUSALS = 100;
/** Maximum number of listings of one dataset that changes from page to page. */
const LISTINGS = 5;

export interface BridgeDatasetDeps {
  origin: Pick<Origin, 'listRecords' | 'wasDeletedAfter' | 'describeIdentity' | 'update' | 'deleteDataset'>;
  store: BridgeStore;
  paced: PacedCalls;
  now: () => number;
  /** Called after a change here is committed. */
  onWritten: (dataset: DatasetKey, change: Pick<Decided, 'syncCount' | 'outboxIds' | 'subscribed'>) => void;
}

/**
 * `done`: both sides agree. `again`: a device changed the dataset at the origin during the pass, or more keys differ
 * than one pass may write. `gone`: the identity no longer exists at the origin; nothing was changed here.
 */
export type PassOutcome = 'done' | 'again' | 'gone';

/**
 * Makes one pass over a dataset of an identity that this service owns: reads the dataset at the origin, decides, writes
 * here, and then writes at the origin. The transaction that writes here also saves what must be written at the origin,
 * with the hash of each value. With these hashes, the next pass recognizes what an interrupted pass wrote at the
 * origin, and does not mistake it for a change of a device.
 *
 * The patches have the exact counts of the origin's records, so the origin rejects a patch for a record that a device has
 * changed since the listing.
 *
 * @throws {LeaseLostError} another process works on the identity
 * @throws {SyncClientError} the origin did not respond, or rejected a write
 */
export async function bridgeDataset(
  deps: BridgeDatasetDeps,
  lease: IdentityLease,
  mark: Mark,
): Promise<PassOutcome> {
  const { store, now } = deps;
  const { dataset } = mark;
  const paced: PacedCalls = (call) =>
    deps.paced(async () => {
      if (!(await store.renew(lease, now() + LEASE_MS))) throw new LeaseLostError();
      return call();
    });
  const run = { ...deps, paced };
  const read = await readThere(run, dataset);
  if (read === 'gone' || read === 'again') return read;
  const decided = await store.decide(lease, mark, { ...read, at: now() });
  if (decided === null) throw new LeaseLostError();
  if (decided.outboxIds.length > 0 || decided.subscribed) deps.onWritten(dataset, decided);
  const { plan } = decided;
  if (plan.lastOldWrite !== null) await store.saveOldWrite(dataset.identityPoolId, plan.lastOldWrite);
  if (plan.deleteThere) return deleteThere(run, lease, mark, decided);
  if (plan.writeThere.length === 0) return plan.isComplete ? 'done' : 'again';
  return writeThere(run, lease, mark, decided);
}

async function readThere(
  { origin, store, paced }: BridgeDatasetDeps,
  dataset: DatasetKey,
): Promise<ReadThere | 'gone' | 'again'> {
  const listing = await readListing({ origin, paced }, dataset);
  if (listing === null) return 'again';
  const memory = await store.readMemory(dataset);
  const base = deletionBase(memory);
  let isDeletedThere = false;
  let isMergedThere = false;
  if (!listing.exists) {
    // For an unknown identity, the origin returns the same listing as for a deleted dataset. So ask whether the
    // identity exists.
    const described = await paced(() => origin.describeIdentity(dataset.identityId));
    if (described === null) return 'gone';
    isMergedThere = described.providers.length === 0;
    isDeletedThere = isDeletedSince(memory, listing.syncCount);
  } else if (base !== null && base < listing.syncCount) {
    isDeletedThere = await paced(() => origin.wasDeletedAfter(dataset, base));
  }
  const canStore = ({ key, value }: OriginListing['records'][number]) =>
    isStorable(key) && isStorable(value ?? '');
  const unstorableKeys = listing.records.filter((record) => !canStore(record)).map(({ key }) => key);
  return { there: toSide(listing, canStore), isDeletedThere, isMergedThere, unstorableKeys };
}

/** @returns null if the dataset changed during all listings */
async function readListing(
  { origin, paced }: Pick<BridgeDatasetDeps, 'origin' | 'paced'>,
  dataset: DatasetKey,
): Promise<OriginListing | null> {
  for (let attempt = 1; attempt <= LISTINGS; attempt += 1) {
    const listing = await paced(() => origin.listRecords(dataset));
    if (listing.isConsistent || !listing.exists) return listing;
  }
  return null;
}

function toSide(
  { exists, syncCount, records }: OriginListing,
  canStore: (record: OriginListing['records'][number]) => boolean,
): Side {
  const rows = new Map(
    records.filter(canStore).map(({ key, value, version, deviceLastModifiedDate: deviceMs }) => {
      const { syncCount: count, lastModifiedDate: modifiedMs } = version;
      return [key, { syncCount: count, value, deviceMs, modifiedMs }];
    }),
  );
  return { exists, syncCount, rows };
}

async function deleteThere(
  { origin, store, paced, now }: BridgeDatasetDeps,
  lease: IdentityLease,
  mark: Mark,
  { plan, given }: Decided,
): Promise<PassOutcome> {
  const deleted = await paced(() => origin.deleteDataset(mark.dataset, given.there.syncCount));
  if (deleted === 'changed') return 'again';
  const memory = afterDeletion(given, plan.jump);
  const about = { ...memory, isDone: true, conflict: deleted === 'raced', at: now() };
  if (!(await store.settle(lease, mark, about))) throw new LeaseLostError();
  return 'done';
}

async function writeThere(
  { origin, store, paced, now }: BridgeDatasetDeps,
  lease: IdentityLease,
  mark: Mark,
  { plan, given, saved }: Decided,
): Promise<PassOutcome> {
  const sent: Sent[] = [];
  let failure: { error: unknown } | null = null;
  let refusals = 0;
  const calls = callsOf(plan.writeThere);
  for (let call = calls.shift(); call !== undefined; call = calls.shift()) {
    try {
      const records = call;
      const syncCount = await paced(() => origin.update(mark.dataset, records));
      if (syncCount === 'conflict') {
        // The next pass reads the dataset again. If keys are still refused, that pass reports it.
        failure = null;
        break;
      }
      sent.push({ keys: call.map(({ key }) => key), syncCount });
    } catch (error) {
      failure ??= { error };
      refusals += 1;
      if (!isRefusal(error) || refusals === MAX_REFUSALS) {
        failure = { error };
        break;
      }
      // One refused key must not prevent the writes of the other keys, so each half of the call is tried.
      const half = Math.ceil(call.length / 2);
      if (call.length > 1) calls.unshift(call.slice(0, half), call.slice(half));
    }
  }
  if (failure?.error instanceof LeaseLostError) throw failure.error;
  const settled = settle(plan, given, saved, sent);
  if (sent.length > 0 && !(await store.settle(lease, mark, { ...settled, conflict: false, at: now() })))
    throw new LeaseLostError();
  if (failure) throw failure.error;
  return settled.isDone ? 'done' : 'again';
}

function isRefusal(error: unknown): boolean {
  return error instanceof SyncClientError && (error.condition === 'limit' || error.condition === 'refused');
}
