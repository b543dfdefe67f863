import type { PacedCalls } from '../backfill/reconcile/reconcile-calls.ts';
import type { IdentityKey } from '../common/dataset-key.ts';
import { compareDataset, type DatasetDifference } from './compare-dataset.ts';
import type { MoveStore, ReplicaIdentity } from './ports/move-store.ts';
import type { Origin, OriginDataset } from './ports/origin.ts';
import type { SkipReasons } from './skip-reasons.ts';

/** A difference, named by ids. It never contains a value. */
export interface Difference {
  identityId: string;
  /** Null if the identity does not exist here. */
  datasetName: string | null;
  kind: DatasetDifference['kind'] | 'identity-not-here' | 'unreadable';
  /** Number of keys whose live values differ. */
  records: number;
  /** Whether this service owns the identity. */
  isTakenOver: boolean;
}

/** What a comparison found. */
export interface Compared {
  identities: number;
  datasets: number;
  differences: Difference[];
}

/** What a comparison of identities needs. */
export interface IdentityComparison {
  origin: Pick<Origin, 'listDatasets' | 'listRecords' | 'listIdentities'>;
  store: Pick<MoveStore, 'readDatasets' | 'readDataset' | 'unknownOf'>;
  paced: PacedCalls;
  skips: SkipReasons;
  identityPoolId: string;
  signal: AbortSignal | undefined;
}

/** Compares the datasets of an identity with the origin. @throws {SyncClientError} the origin did not respond */
export async function compareIdentity(
  run: IdentityComparison,
  { identityId, state }: Pick<ReplicaIdentity, 'identityId' | 'state'>,
): Promise<Compared> {
  const key = { identityPoolId: run.identityPoolId, identityId };
  const isTakenOver = state === 'kept';
  const listed = await listDatasets(run, key);
  if (listed === null) {
    const kind = 'unreadable';
    const difference: Difference = { identityId, datasetName: null, kind, records: 0, isTakenOver };
    return { identities: 1, datasets: 0, differences: [difference] };
  }
  const known = await run.store.readDatasets(key);
  const names = new Set([
    ...listed.map(({ datasetName }) => datasetName),
    ...known.flatMap(({ datasetName, exists }) => (exists ? [datasetName] : [])),
  ]);
  const differences: Difference[] = [];
  for (const datasetName of names) {
    if (run.signal?.aborted) break;
    const difference = await compare(run, key, datasetName, isTakenOver);
    if (difference) differences.push(difference);
  }
  return { identities: 1, datasets: names.size, differences };
}

/** Returns the datasets of an identity at the origin; null if the origin fails to return those of this identity. */
export async function listDatasets(
  { origin, paced, skips }: IdentityComparison,
  identity: IdentityKey,
): Promise<OriginDataset[] | null> {
  try {
    const listed = await paced(() => origin.listDatasets(identity));
    skips.identityRead(identity);
    return listed;
  } catch (error) {
    if ((await skips.reasonFor(error, 'identity')) === null) throw error;
    return null;
  }
}

/**
 * Compares a dataset with the origin. A name that the origin refuses is no difference if the dataset does not exist here:
 * the copy could not read it either.
 */
export async function compare(
  { origin, store, paced, skips }: IdentityComparison,
  identity: IdentityKey,
  datasetName: string,
  isTakenOver: boolean,
): Promise<Difference | null> {
  const { identityId } = identity;
  const key = { ...identity, datasetName };
  try {
    const listing = await paced(() => origin.listRecords(key));
    skips.datasetRead(key);
    const difference = compareDataset(await store.readDataset(key), listing, !isTakenOver);
    if (difference === null) return null;
    const records = difference.kind === 'values' ? difference.records : 0;
    return { identityId, datasetName, kind: difference.kind, records, isTakenOver };
  } catch (error) {
    const reason = await skips.reasonFor(error, 'dataset');
    if (reason === null) throw error;
    if (reason === 'refused' && !(await store.readDataset(key)).exists) return null;
    return { identityId, datasetName, kind: 'unreadable', records: 0, isTakenOver };
  }
}
