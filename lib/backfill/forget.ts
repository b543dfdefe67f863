import { traceOf } from './forget-quarantined.ts';
import type { ForgetStore, IdentityAddress } from './forget-store.ts';
import { type SyncClient, SyncClientError } from './sync-client.ts';

/** As long as Cognito's events are kept on a stream of the default set-up, and links to offloaded records work. */
const RETENTION_MS = 7 * 24 * 60 * 60 * 1000;

/** With their data, of which each may have a megabyte. */
const PAGE = 50;

export interface ForgetDeps {
  store: ForgetStore;
  /** Null where there is no service to be asked. */
  api: Pick<SyncClient, 'listDatasets'> | null;
  /** Epoch milliseconds. */
  now: () => number;
}

/** What was erased, in rows. */
export interface ErasedRows {
  datasets: number;
  /** Tombstones included. */
  records: number;
  quarantined: number;
  datedRemovals: number;
  payloads: number;
}

/** Ids, counts and the names of datasets: nothing that the person stored. Times are epoch milliseconds. */
export interface ForgetReceipt extends IdentityAddress {
  forgottenAt: number;
  erased: ErasedRows;
  /** The datasets that the service still has, which a write or a bulk publish would bring back; null: not known. */
  holdsStill: string[] | null;
  /** Why that is not known. */
  notKnown: string | null;
  /** Until then the stream may still hold events of the person, which bring rows back when they are projected: repeat. */
  repeatAfter: number;
}

/**
 * Erases what the query side holds of one identity: datasets and records, tombstones included, what lies in quarantine of
 * it, and the offloaded records that this leads to. What the service itself keeps stays, its outbox included. May be
 * repeated at any time.
 *
 * @param identity `retentionMs`: for how long the stream keeps events; seven days unless given
 * @throws {DatabaseError} part of it may be erased; repeat it
 */
export async function forget(
  { store, api, now }: ForgetDeps,
  { identityPoolId, identityId, retentionMs = RETENTION_MS }: IdentityAddress & { retentionMs?: number },
): Promise<ForgetReceipt> {
  const identity = { identityPoolId, identityId };
  const fromQuarantine = await eraseQuarantined(store, identity);
  const erased = { ...fromQuarantine, ...(await store.eraseDatasets(identity)) };
  // Asked last: what is named here can bring back what was just erased.
  const held = await askForDatasets(api, identity);
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
      const { isOfIdentity, payloadId } = traceOf(data, identity);
      if (!isOfIdentity) continue;
      // The event goes last: through it the payload is found.
      if (payloadId !== null) erased.payloads += await store.erasePayload(payloadId);
      const { quarantined, datedRemovals } = await store.eraseQuarantined(quarantineId);
      erased.quarantined += quarantined;
      erased.datedRemovals += datedRemovals;
    }
    if (page.length < PAGE) return erased;
    last = page.at(-1)?.quarantineId ?? last;
  }
}

async function askForDatasets(
  api: ForgetDeps['api'],
  { identityPoolId, identityId }: IdentityAddress,
): Promise<Pick<ForgetReceipt, 'holdsStill' | 'notKnown'>> {
  if (api === null) return { holdsStill: null, notKnown: 'no service was asked' };
  try {
    return { holdsStill: await api.listDatasets(identityPoolId, identityId), notKnown: null };
  } catch (error) {
    if (!(error instanceof SyncClientError)) throw error;
    return { holdsStill: null, notKnown: `${error.condition}: ${error.message}` };
  }
}
