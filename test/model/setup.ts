import type { Database } from '../../lib/database/database.ts';
import { DEFAULT_LIMITS, type Limits } from '../../lib/sync/limits.ts';
import { deleteRows } from '../fixtures/database/delete-rows.ts';
import { createPool, STREAMING } from '../fixtures/identity/identity-pools.ts';

const id = (kind: string, digit: number) => `us-east-1:${kind}-0000-4000-8000-00000000000${digit}`;

/** The id of a pool for which streaming is enabled from the start. */
export const STREAMING_POOL = id('00000000', 1);
/** The id of a pool that has no settings at the start. */
export const QUIET_POOL = id('00000000', 2);
/** The id of a pool that does not exist. */
export const UNKNOWN_POOL = id('00000000', 3);
export const IDENTITIES = [1, 2, 3].map((digit) => id('aaaaaaaa', digit));
export const STREAM = STREAMING.streamName ?? '';
/** The name of a stream that does not exist. */
export const NO_STREAM = 'missing';

const SMALL = {
  datasetsPerIdentity: 2,
  recordsPerDataset: 6,
  datasetBytes: 40,
  rowsPerDataset: 7,
  keyBytesPerDataset: 18,
  patchesPerCall: 6,
};
const SMALLER = {
  datasetsPerIdentity: 1,
  recordsPerDataset: 3,
  datasetBytes: 16,
  rowsPerDataset: 5,
  keyBytesPerDataset: 10,
  patchesPerCall: 4,
  inlineBytes: 500,
};

/** Two sets of limits. Both are so small that runs exceed them. With the second set, events are also offloaded. */
export const LIMITS: Limits[] = [SMALL, SMALLER].map((limits) => ({ ...DEFAULT_LIMITS, ...limits }));

const TABLES = [
  'identities',
  'datasets',
  'records',
  'spent_tokens',
  'pool_usage',
  'outbox',
  'identity_pools',
  'bulk_publishes',
  'payloads',
  'merged_datasets',
  'pending_merges',
];

/** Prepares the database for a run of the model test. */
export async function prepareRows(database: Database): Promise<void> {
  // Deleting a few rows is faster than truncating.
  await deleteRows(
    database,
    TABLES.map((table) => `sync.${table}`),
  );
  await createPool(database, STREAMING_POOL);
  await createPool(database, QUIET_POOL, {});
}

/** Shortens each id in a text to its last digit. */
export function shortenIds(text: string): string {
  return text.replaceAll(/us-east-1:[0-9a-f-]+(\d)\b/g, '$1');
}
