import {
  type CognitoSync,
  ResourceConflictException,
  ResourceNotFoundException,
} from '../../../../lib/aws/cognito-sync-client.ts';
import type { SeededIdentity, SeedStep } from './plan-identity.ts';

export interface Seeded {
  syncs: number;
  conflicts: number;
  /** Removed records and deleted datasets. */
  removals: number;
}

/** How often a device writes if another device, such as another run of `seed`, changes the dataset concurrently. */
const MAX_ATTEMPTS = 5;

/**
 * Writes the data of one identity as its devices would. A device first reads the dataset, so the same identity can be
 * seeded again, and by several processes concurrently.
 * @throws {CognitoSyncServiceException} ResourceConflictException if every attempt met a concurrent change
 */
export async function seedIdentity(
  client: CognitoSync,
  identityPoolId: string,
  { identityId, steps }: SeededIdentity,
): Promise<Seeded> {
  const seeded: Seeded = { syncs: 0, conflicts: 0, removals: 0 };
  for (const step of steps) {
    const dataset = { IdentityPoolId: identityPoolId, IdentityId: identityId, DatasetName: step.datasetName };
    seeded.syncs += 1;
    if (step.kind === 'delete') {
      await deleteDataset(client, dataset);
      seeded.removals += 1;
      continue;
    }
    if (step.conflicts && !(await sync(client, dataset, step, 'stale'))) seeded.conflicts += 1;
    await syncCurrent(client, dataset, step);
    seeded.removals += Object.values(step.values).filter((value) => value === null).length;
  }
  return seeded;
}

type SyncStep = Extract<SeedStep, { kind: 'sync' }>;

interface DatasetKey {
  IdentityPoolId: string;
  IdentityId: string;
  DatasetName: string;
}

async function deleteDataset(client: CognitoSync, dataset: DatasetKey): Promise<void> {
  try {
    await client.deleteDataset(dataset);
  } catch (error) {
    // Another device deleted the dataset.
    if (!(error instanceof ResourceNotFoundException)) throw error;
  }
}

/** Writes the values; after a conflict, reads the dataset and tries again, as a device does. */
async function syncCurrent(client: CognitoSync, dataset: DatasetKey, step: SyncStep): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await sync(client, dataset, step, 'current');
      return;
    } catch (error) {
      if (attempt === MAX_ATTEMPTS || !(error instanceof ResourceConflictException)) throw error;
    }
  }
}

/**
 * Reads the dataset and writes the values.
 * @param counts `stale`: sends counts below those of the records, as a device that has not seen the last change
 * @returns false if the service reports a conflict
 */
async function sync(
  client: CognitoSync,
  dataset: DatasetKey,
  { values }: SyncStep,
  counts: 'stale' | 'current',
): Promise<boolean> {
  const { SyncSessionToken, Records = [] } = await client.listRecords({ ...dataset, LastSyncCount: 0 });
  const stored = new Map(Records.map(({ Key = '', SyncCount = 0 }) => [Key, SyncCount]));
  const behind = counts === 'stale' ? 1 : 0;
  try {
    await client.updateRecords({
      ...dataset,
      SyncSessionToken,
      RecordPatches: Object.entries(values).map(([Key, Value]) => ({
        Key,
        SyncCount: Math.max(0, (stored.get(Key) ?? 0) - behind),
        ...(Value === null ? { Op: 'remove' as const } : { Op: 'replace' as const, Value }),
      })),
    });
    return true;
  } catch (error) {
    if (counts === 'stale' && error instanceof ResourceConflictException) return false;
    throw error;
  }
}
