import { SyncClientError } from '../backfill/ports/sync-client.ts';
import type { DatasetKey, IdentityKey } from '../common/dataset-key.ts';
import { ValueRefusedError } from '../common/errors.ts';
import type { Origin } from './ports/origin.ts';

/**
 * Why an item can be skipped: the database or the origin refuses it, or the origin cannot answer for it, but answers for
 * other items.
 */
export type ItemFailure = 'value-refused' | 'refused' | 'unreadable';

/** Decides whether a failure concerns only one item, so that the work can continue with the next one. */
export interface SkipReasons {
  /** Remembers an identity whose datasets the origin has listed. */
  identityRead(identity: IdentityKey): void;
  /** Remembers a dataset whose records the origin has listed. */
  datasetRead(dataset: DatasetKey): void;
  /** @returns null if the work must stop, because the failure concerns all items */
  reasonFor(error: unknown, item: 'identity' | 'dataset'): Promise<ItemFailure | null>;
}

/** Lists identities of a pool, for example those that are stored here. */
export interface SomeIdentities {
  listIdentities(
    identityPoolId: string,
    about: { after: string; limit: number; startedAt: number },
  ): Promise<readonly { identityId: string }[]>;
}

/** Identities that are tried if no call has succeeded yet. */
const TRIED = 10;

/**
 * Creates the decision for one run. After an unclear failure, repeats a call that has succeeded before. If no call has
 * succeeded yet, tries some identities of the pool.
 */
export function createSkipReasons(
  origin: Pick<Origin, 'listDatasets' | 'listRecords'>,
  store: SomeIdentities,
  identityPoolId: string,
): SkipReasons {
  let identity: IdentityKey | null = null;
  let dataset: DatasetKey | null = null;
  /** Failures that concern all items. */
  const general = new WeakSet<Error>();

  async function answersForOthers(item: 'identity' | 'dataset'): Promise<boolean> {
    if (item === 'dataset' && dataset !== null) return succeeds(origin.listRecords(dataset));
    if (item === 'identity' && identity !== null) return succeeds(origin.listDatasets(identity));
    const some = await store.listIdentities(identityPoolId, { after: '', limit: TRIED, startedAt: 0 });
    for (const { identityId } of some)
      if (await answersFor({ identityPoolId, identityId }, item)) return true;
    return false;
  }

  async function answersFor(key: IdentityKey, item: 'identity' | 'dataset'): Promise<boolean> {
    const listed = await origin.listDatasets(key).catch(() => null);
    if (listed === null || item === 'identity') return listed !== null;
    for (const { datasetName } of listed)
      if (await succeeds(origin.listRecords({ ...key, datasetName }))) return true;
    return false;
  }

  return {
    identityRead(read) {
      identity = read;
    },
    datasetRead(read) {
      dataset = read;
    },
    async reasonFor(error, item) {
      if (error instanceof ValueRefusedError) return 'value-refused';
      if (!(error instanceof SyncClientError)) return null;
      if (error.condition === 'refused') return 'refused';
      const isUnclear = error.condition !== 'throttled' && error.condition !== 'credentials';
      if (isUnclear && !general.has(error) && (await answersForOthers(item))) return 'unreadable';
      general.add(error);
      return null;
    },
  };
}

function succeeds(call: Promise<unknown>): Promise<boolean> {
  return call.then(
    () => true,
    () => false,
  );
}
