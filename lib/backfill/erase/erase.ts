import type { IdentityKey } from '../../common/dataset-key.ts';
import { SetupError } from '../../common/errors.ts';
import type { EraseStore } from '../ports/erase-store.ts';
import type { IdentityDeletion } from '../ports/identity-deletion.ts';
import type { ServiceIdentity, ServiceTables } from '../ports/service-tables.ts';
import { SyncClientError } from '../ports/sync-client.ts';
import { addStored, countStored } from './count-stored.ts';
import {
  type EraseOptions,
  type ErasureReceipt,
  isNothing,
  type StoredOfIdentity,
} from './erasure-receipt.ts';
import { findQuarantined } from './find-quarantined.ts';
import { findRemaining } from './find-remaining.ts';

export interface EraseDeps {
  queryStore: EraseStore;
  tables: ServiceTables;
  /** The service to call if its tables are not in this database. Null if it is unknown where the service is. */
  service: IdentityDeletion | null;
  /** Returns the current time in epoch milliseconds. */
  now: () => number;
  sleep: (ms: number) => Promise<unknown>;
}

/** How long to wait until the events of the deleted datasets are published. */
const PUBLISH_WAIT_MS = 10_000;
const POLL_MS = 200;
/**
 * Once an erasure is this old, a repeated erasure also erases the removal events that still wait to be published. If
 * their stream no longer exists, they would wait forever.
 */
const MAX_WAIT_MS = 24 * 60 * 60 * 1000;

/**
 * Erases one identity, together with the identities that were merged into it, from the query store and from its
 * service. If the service's tables are in this database, they are changed directly; otherwise, the service is called.
 * The query store then ignores all late events of these identities. Can be repeated at any time.
 *
 * If the process is stopped, the next call continues. The next call also finds the merged identities, because the
 * service still stores which identities were merged into a deleted identity.
 *
 * @throws {SetupError} the identity belongs to another pool or was merged into another identity, or neither the service
 *   nor the query store knows the pool; nothing was erased
 * @throws {DatabaseError} part of the data may be erased; call this function again
 */
export async function erase(deps: EraseDeps, options: EraseOptions): Promise<ErasureReceipt> {
  const { queryStore, tables, now } = deps;
  const { identityPoolId, identityId, isDryRun } = options;
  const identity = { identityPoolId, identityId };
  const described = await tables.describe(identity);
  requireLiving(identity, described);
  const identities = withMerged(identity, described.merged);
  const hasPool = await tables.isHere(identityPoolId);
  const counted = await countStored(deps, identities, hasPool || options.isPoolMissing);
  const waiting = options.isPoolMissing ? await countWaiting(deps, identities) : 0;
  // Even if the pool was deleted, the service's tables in this database can still contain its events and payloads.
  const isHere = hasPool || hasRows(counted.tables) || waiting > 0;
  const before = isHere ? counted : { ...counted, tables: null };
  const isKnown = isHere || !options.isPoolMissing || !isNothing(before);
  if (!isKnown && !(await queryStore.knowsPool(identityPoolId))) {
    throw new SetupError(
      `neither the service nor the query store knows the pool ${identityPoolId}, so nothing was erased; check --pool`,
    );
  }
  const service = isHere || options.isPoolMissing ? null : deps.service;
  if (isDryRun) {
    const found = { ...before, datasetsAtService: await countAtService(service, identity) };
    const mergedIdentities = described.merged;
    return { ...identity, mergedIdentities, isDryRun, found, left: found, erasedAt: null, remains: [] };
  }

  const last = await queryStore.readErasedAt(identity);
  await queryStore.markErased(identities, now(), { isNewer: false });
  // If the stream no longer exists, the events wait forever.
  const withRemovals = last !== null && now() - last > MAX_WAIT_MS;
  await eraseHere(deps, identities, { isHere, withRemovals });
  const late = isHere ? await removeIdentity(deps, identities) : NOTHING_LATE;
  const all = [...identities, ...late.identities];
  const atService = await eraseAtService(service, identity);
  const waitingRemovals = isHere ? await awaitRemovals(deps, all) : 0;
  // Erases once more, because data may have been written in the meantime.
  await eraseHere(deps, all, { isHere, withRemovals });
  const stored = late.found === null ? before : addStored(before, late.found);
  const found = { ...stored, datasetsAtService: atService.found };
  if (last === null || !isNothing(found)) await queryStore.markErased(all, now(), { isNewer: true });
  const erasedAt = (await queryStore.readErasedAt(identity)) ?? now();
  const left = { ...(await countStored(deps, all, isHere)), datasetsAtService: atService.left };
  const isServiceUnknown = !isHere && !options.isPoolMissing && deps.service === null;
  const facts = { ...options, left, waitingRemovals, erasedAt, now: now() };
  const remains = findRemaining({ ...facts, isServiceUnknown, serviceError: atService.error });
  const mergedIdentities = all.slice(1).map(({ identityId: id }) => id);
  return { ...identity, mergedIdentities: mergedIdentities.sort(), isDryRun, found, left, erasedAt, remains };
}

function hasRows(tables: StoredOfIdentity['tables']): boolean {
  return tables !== null && Object.values(tables).some((rows) => rows > 0);
}

function withMerged(identity: IdentityKey, merged: readonly string[]): [IdentityKey, ...IdentityKey[]] {
  return [identity, ...merged.map((identityId) => ({ ...identity, identityId }))];
}

function requireLiving({ identityPoolId, identityId }: IdentityKey, stored: ServiceIdentity): void {
  if (stored.identityPoolId !== null && stored.identityPoolId !== identityPoolId) {
    throw new SetupError(
      `${identityId} belongs to the pool ${stored.identityPoolId}, so nothing was erased; check --pool`,
    );
  }
  const { mergedInto } = stored;
  if (mergedInto !== null) {
    throw new SetupError(
      `${identityId} was merged into ${mergedInto}, so nothing was erased; erase ${mergedInto} instead, which also erases ${identityId}`,
    );
  }
}

async function eraseHere(
  { queryStore, tables }: EraseDeps,
  identities: readonly IdentityKey[],
  { isHere, withRemovals }: { isHere: boolean; withRemovals: boolean },
): Promise<void> {
  for (const id of await findQuarantined(queryStore, identities)) await queryStore.eraseQuarantined(id);
  for (const identity of identities) {
    await queryStore.eraseDatasets(identity);
    if (isHere) await tables.eraseUnpublished(identity, { withRemovals });
  }
}

interface LateIdentities {
  identities: readonly IdentityKey[];
  /** What was stored of these identities. Null if `identities` is empty. */
  found: StoredOfIdentity | null;
}

const NOTHING_LATE: LateIdentities = { identities: [], found: null };

/**
 * Removes the identity at the service, and deletes all data.
 * @param identities the identity, then the identities that were merged into it
 * @returns the identities that were merged into the identity since `identities` was read
 */
async function removeIdentity(
  deps: EraseDeps,
  identities: readonly [IdentityKey, ...IdentityKey[]],
): Promise<LateIdentities> {
  const { queryStore, tables, now } = deps;
  const [identity] = identities;
  await tables.removeIdentity(identity);
  const known = new Set(identities.map(({ identityId }) => identityId));
  const { merged } = await tables.describe(identity);
  const late = merged.filter((id) => !known.has(id)).map((identityId) => ({ ...identity, identityId }));
  const found = late.length > 0 ? await countStored(deps, late, true) : null;
  await queryStore.markErased(late, now(), { isNewer: false });
  for (const each of [...identities, ...late]) await tables.deleteData(each);
  return { identities: late, found };
}

async function countAtService(
  service: IdentityDeletion | null,
  identity: IdentityKey,
): Promise<number | null> {
  try {
    return (await service?.countDatasets(identity)) ?? null;
  } catch (error) {
    if (error instanceof SyncClientError) return null;
    throw error;
  }
}

interface AtService {
  found: number | null;
  left: number | null;
  error: SyncClientError | null;
}

async function eraseAtService(service: IdentityDeletion | null, identity: IdentityKey): Promise<AtService> {
  const outcome: AtService = { found: null, left: null, error: null };
  if (service === null) return outcome;
  try {
    outcome.found = await service.countDatasets(identity);
    await service.deleteIdentity(identity);
    outcome.left = await service.countDatasets(identity);
  } catch (error) {
    if (!(error instanceof SyncClientError)) throw error;
    outcome.error = error;
  }
  return outcome;
}

/** @returns the number of events that are not published in time */
async function awaitRemovals(
  { tables, now, sleep }: EraseDeps,
  identities: readonly IdentityKey[],
): Promise<number> {
  const giveUpAt = now() + PUBLISH_WAIT_MS;
  for (;;) {
    const waiting = await countWaiting({ tables }, identities);
    if (waiting === 0 || now() >= giveUpAt) return waiting;
    await sleep(POLL_MS);
  }
}

async function countWaiting(
  { tables }: Pick<EraseDeps, 'tables'>,
  identities: readonly IdentityKey[],
): Promise<number> {
  let waiting = 0;
  for (const identity of identities) waiting += await tables.countWaitingRemovals(identity);
  return waiting;
}
