import type { ForgetStore, IdentityAddress } from '../ports/forget-store.ts';
import { type SyncClient, SyncClientError } from '../ports/sync-client.ts';
import { findTrace } from './forget-quarantined.ts';

/** Retention period of the stream in the default setup, and lifetime of the links to offloaded records. */
const RETENTION_MS = 7 * 24 * 60 * 60 * 1000;

/** Quarantined deliveries per page. Each delivery can have a megabyte of data. */
const PAGE = 50;

export interface ForgetDeps {
  store: ForgetStore;
  /** Null if there is no service to query. */
  api: Pick<SyncClient, 'listDatasets'> | null;
  /** Returns the current time in epoch milliseconds. */
  now: () => number;
}

/** Numbers of erased rows. */
export interface ErasedRows {
  datasets: number;
  /** Includes tombstones. */
  records: number;
  quarantined: number;
  datedRemovals: number;
  payloads: number;
}

/**
 * The result of erasing an identity. Contains ids, counts and dataset names, but no data that the person stored. Times
 * are epoch milliseconds.
 */
export interface ForgetReceipt extends IdentityAddress {
  forgottenAt: number;
  erased: ErasedRows;
  /** Datasets that the service still has. Writing or bulk publishing them would restore the rows. Null if unknown. */
  holdsStill: string[] | null;
  /** Why `holdsStill` is unknown. */
  notKnown: string | null;
  /**
   * Until this time, the stream may hold events of the identity, and projecting these events restores rows. Erase the
   * identity again after this time.
   */
  repeatAfter: number;
}

/**
 * Erases one identity from the query store: datasets, records and tombstones, quarantined deliveries, and the offloaded
 * records that these deliveries refer to. The service's own data, including its outbox, remains. Can be repeated at any
 * time.
 *
 * @param identity `retentionMs`: the retention period of the stream; default seven days
 * @throws {DatabaseError} part of the data may be erased; call this function again
 */
export async function forget(
  { store, api, now }: ForgetDeps,
  { identityPoolId, identityId, retentionMs = RETENTION_MS }: IdentityAddress & { retentionMs?: number },
): Promise<ForgetReceipt> {
  const identity = { identityPoolId, identityId };
  const fromQuarantine = await eraseQuarantined(store, identity);
  const erased = { ...fromQuarantine, ...(await store.eraseDatasets(identity)) };
  // Query the service last, so that the list is as recent as possible. The listed datasets can bring back the erased
  // data.
  const held = await listRemainingDatasets(api, identity);
  const forgottenAt = now();
  return { ...identity, forgottenAt, erased, ...held, repeatAfter: forgottenAt + retentionMs };
}

async function eraseQuarantined(
  store: ForgetStore,
  identity: IdentityAddress,
): Promise<Pick<ErasedRows, 'quarantined' | 'datedRemovals' | 'payloads'>> {
  const erased = { quarantined: 0, datedRemovals: 0, payloads: 0 };
  let last: string | null = null;
  for (;;) {
    const page = await store.readQuarantinedOf(identity.identityPoolId, last, PAGE);
    for (const { quarantineId, data } of page) {
      const { belongsToIdentity, payloadId } = findTrace(data, identity);
      if (!belongsToIdentity) continue;
      // Erase the event last, because the payload can only be found through it.
      if (payloadId !== null) erased.payloads += await store.erasePayload(payloadId);
      const { quarantined, datedRemovals } = await store.eraseQuarantined(quarantineId);
      erased.quarantined += quarantined;
      erased.datedRemovals += datedRemovals;
    }
    if (page.length < PAGE) return erased;
    last = page.at(-1)?.quarantineId ?? last;
  }
}

async function listRemainingDatasets(
  api: ForgetDeps['api'],
  { identityPoolId, identityId }: IdentityAddress,
): Promise<Pick<ForgetReceipt, 'holdsStill' | 'notKnown'>> {
  if (api === null) return { holdsStill: null, notKnown: 'no service was queried' };
  try {
    return { holdsStill: await api.listDatasets(identityPoolId, identityId), notKnown: null };
  } catch (error) {
    if (!(error instanceof SyncClientError)) throw error;
    return { holdsStill: null, notKnown: `${error.condition}: ${error.message}` };
  }
}
