import type { IdentityKey } from '../../common/dataset-key.ts';
import { SetupError } from '../../common/errors.ts';
import type { EraseStore } from '../ports/erase-store.ts';
import type { IdentityDeletion } from '../ports/identity-deletion.ts';
import type { ServiceIdentity, ServiceRows, ServiceTables } from '../ports/service-tables.ts';
import { SyncClientError } from '../ports/sync-client.ts';
import {
  type EraseOptions,
  type ErasureReceipt,
  isNothing,
  type QueryRows,
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
/** Once an erasure is this old, a repeated erasure also erases the events that wait to be published. */
const MAX_WAIT_MS = 24 * 60 * 60 * 1000;

/**
 * Erases one identity, together with the identities that were merged into it, from the query store and from its service.
 * If the service's tables are in this database, they are changed directly; otherwise, the service is called. The query
 * store then ignores all late events of these identities. Can be repeated at any time.
 *
 * The query store is erased first. If the process is stopped, the next call still finds the merged identities.
 *
 * @throws {SetupError} the identity belongs to another pool or was merged into another identity, or nothing knows the
 *   pool; nothing was erased
 * @throws {DatabaseError} part of the data may be erased; call this function again
 */
export async function erase(deps: EraseDeps, options: EraseOptions): Promise<ErasureReceipt> {
  const { queryStore, tables, now } = deps;
  const { identityPoolId, identityId, isDryRun } = options;
  const identity = { identityPoolId, identityId };
  const stored = await tables.describe(identity);
  requireLiving(identity, stored);
  const { merged } = stored;
  const identities = [identity, ...merged.map((id) => ({ identityPoolId, identityId: id }))];
  const isHere = await tables.isHere(identityPoolId);
  const before = await count(deps, identities, isHere);
  const isKnown = isHere || !options.isPoolMissing || !isNothing(before);
  if (!isKnown && !(await queryStore.knowsPool(identityPoolId))) {
    throw new SetupError(
      `neither the service nor the query store knows the pool ${identityPoolId}, so nothing was erased; check --pool`,
    );
  }
  const service = isHere || options.isPoolMissing ? null : deps.service;
  const receipt = { ...identity, mergedIdentities: merged, isDryRun };
  if (isDryRun) {
    const found = { ...before, datasetsAtService: await countAtService(service, identity) };
    return { ...receipt, found, left: found, erasedAt: null, remains: [] };
  }

  const last = await queryStore.readErasedAt(identity);
  await queryStore.markErased(identities, now(), { isNewer: false });
  // If the stream no longer exists, the events wait forever.
  const withRemovals = last !== null && now() - last > MAX_WAIT_MS;
  const eraseAll = () => eraseHere(deps, identities, { isHere, withRemovals });
  await eraseAll();
  if (isHere) await tables.deleteIdentity(identity);
  const atService = await eraseAtService(service, identity);
  const waitingRemovals = isHere ? await awaitRemovals(deps, identities) : 0;
  // Again: what was written in the meantime.
  await eraseAll();
  const found = { ...before, datasetsAtService: atService.found };
  if (last === null || !isNothing(found)) await queryStore.markErased(identities, now(), { isNewer: true });
  const erasedAt = (await queryStore.readErasedAt(identity)) ?? now();
  const left = { ...(await count(deps, identities, isHere)), datasetsAtService: atService.left };
  const isServiceUnknown = !isHere && !options.isPoolMissing && deps.service === null;
  const facts = { ...options, left, waitingRemovals, erasedAt, now: now() };
  const remains = findRemaining({ ...facts, isServiceUnknown, serviceError: atService.error });
  return { ...receipt, found, left, erasedAt, remains };
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
      `${identityId} was merged into ${mergedInto}, so nothing was erased; erase ${mergedInto}, which includes both`,
    );
  }
}

async function count(
  { queryStore, tables }: EraseDeps,
  identities: readonly IdentityKey[],
  isHere: boolean,
): Promise<StoredOfIdentity> {
  const inStore: QueryRows[] = [];
  const inTables: ServiceRows[] = [];
  for (const identity of identities) {
    const quarantined = (await findQuarantined(queryStore, identity)).length;
    inStore.push({ ...(await queryStore.countDatasets(identity)), quarantined });
    if (isHere) inTables.push(await tables.count(identity));
  }
  return {
    queryStore: inStore.reduce(add),
    tables: isHere ? inTables.reduce(add) : null,
    datasetsAtService: null,
  };
}

/** Adds the numbers of two objects, member by member. */
function add<Rows extends QueryRows | ServiceRows>(a: Rows, b: Rows): Rows {
  const sums = new Map(Object.entries(b));
  return Object.assign(
    {},
    a,
    Object.fromEntries(Object.entries(a).map(([name, n]) => [name, n + (sums.get(name) ?? 0)])),
  );
}

async function eraseHere(
  { queryStore, tables }: EraseDeps,
  identities: readonly IdentityKey[],
  { isHere, withRemovals }: { isHere: boolean; withRemovals: boolean },
): Promise<void> {
  for (const identity of identities) {
    for (const id of await findQuarantined(queryStore, identity)) await queryStore.eraseQuarantined(id);
    await queryStore.eraseDatasets(identity);
    if (isHere) await tables.eraseUnpublished(identity, { withRemovals });
  }
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
    let waiting = 0;
    for (const identity of identities) waiting += await tables.countWaitingRemovals(identity);
    if (waiting === 0 || now() >= giveUpAt) return waiting;
    await sleep(POLL_MS);
  }
}
