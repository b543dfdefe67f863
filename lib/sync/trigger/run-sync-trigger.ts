import type { DatasetKey } from '../../common/dataset-key.ts';
import type { SyncDependencies } from '../dependencies.ts';
import type { SyncRecord } from '../model.ts';
import type { Patch } from '../read-patches.ts';
import { buildSyncTriggerEvent } from './build-sync-trigger-event.ts';
import { invokeSyncTrigger } from './invoke-sync-trigger.ts';
import { readTriggerAnswer } from './read-trigger-answer.ts';

/**
 * Time limit of the sync trigger in one UpdateRecords call, for all its runs together. Source: Amazon Cognito developer
 * guide, "Amazon Cognito Events".
 */
export const TRIGGER_TIMEOUT_MS = 5_000;

interface TriggerRun {
  functionArn: string;
  key: DatasetKey;
  /** The device's patches; at least one. */
  patches: readonly Patch[];
  /** The dataset's records, tombstones included, by key. */
  stored: ReadonlyMap<string, SyncRecord>;
  /** Epoch milliseconds. */
  deadline: number;
}

/**
 * Runs a pool's sync trigger on an update.
 * @returns the patches to write: the remaining ones of the device, then the function's own
 * @throws {ServiceError} those of `invokeSyncTrigger` and `readTriggerAnswer`
 */
export async function runSyncTrigger(
  { invokeFunction, now, limits }: Pick<SyncDependencies, 'invokeFunction' | 'now' | 'limits'>,
  { functionArn, key, patches, stored, deadline }: TriggerRun,
): Promise<Patch[]> {
  const event = buildSyncTriggerEvent(key, stored.values(), patches);
  // A clock that is set back must not extend the time.
  const timeoutMs = Math.min(deadline - now(), TRIGGER_TIMEOUT_MS);
  const answer = await invokeSyncTrigger(invokeFunction, functionArn, event, timeoutMs);
  return readTriggerAnswer(answer, { event, patches, stored, maxPatches: limits.patchesPerCall });
}
