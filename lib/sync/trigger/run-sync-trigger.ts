import type { DatasetKey } from '../../common/dataset-key.ts';
import { letOthersRun } from '../../common/let-others-run.ts';
import type { SyncDependencies } from '../dependencies.ts';
import type { SyncRecord } from '../model.ts';
import type { Patch } from '../read-patches.ts';
import { buildSyncTriggerEvent } from './build-sync-trigger-event.ts';
import { invokeSyncTrigger } from './invoke-sync-trigger.ts';
import { readTriggerAnswer } from './read-trigger-answer.ts';

/**
 * Time limit for all runs of the sync trigger in one UpdateRecords call together. The limit does not include the time
 * that runs wait for an execution slot. Source: Amazon Cognito developer guide, "Amazon Cognito Events".
 */
const TRIGGER_TIMEOUT_MS = 5_000;

/** The part of the dataset that a run of the trigger receives. */
export interface TriggerView {
  /** The dataset's count. */
  syncCount: number;
  /** The dataset's live records, and the tombstones of the device's patches, by key. */
  stored: ReadonlyMap<string, SyncRecord>;
}

interface TriggerRun extends TriggerView {
  functionArn: string;
  key: DatasetKey;
  /** The device's patches; at least one. */
  patches: readonly Patch[];
  /** The `deadline` that the previous run returned; null for the first run. */
  deadline: number | null;
}

interface TriggerResult {
  /** The patches to write: the remaining patches of the device, then the additional patches of the function. */
  patches: Patch[];
  /** When the time limit ends, in epoch milliseconds. If a later run waits for a slot, the limit ends later. */
  deadline: number;
}

/**
 * Runs a pool's sync trigger on an update.
 * @throws {ServiceError} those of `invokeSyncTrigger` and `readTriggerAnswer`
 */
export async function runSyncTrigger(
  { invokeFunction, now, limits }: Pick<SyncDependencies, 'invokeFunction' | 'now' | 'limits'>,
  { functionArn, key, patches, syncCount, stored, deadline }: TriggerRun,
): Promise<TriggerResult> {
  const event = buildSyncTriggerEvent(key, stored.values(), patches);
  const length = lengthOf(stored.values(), patches);
  await letOthersRun(length);
  const askedAt = now();
  const endsAt = deadline ?? askedAt + TRIGGER_TIMEOUT_MS;
  let waitedMs = 0;
  const answer = await invokeSyncTrigger(invokeFunction, functionArn, event, {
    identityId: key.identityId,
    // If the clock is set back, the remaining time must not exceed the limit.
    timeoutMs: Math.min(endsAt - askedAt, TRIGGER_TIMEOUT_MS),
    onStart: () => {
      waitedMs = Math.max(0, now() - askedAt);
    },
  });
  await letOthersRun(length);
  const asked = { event, patches, syncCount, stored, maxPatches: limits.patchesPerCall };
  return { patches: readTriggerAnswer(answer, asked), deadline: endsAt + waitedMs };
}

/** Returns about how many characters the trigger's event has. */
function lengthOf(
  stored: Iterable<Pick<SyncRecord, 'Key' | 'Value'>>,
  patches: readonly Pick<Patch, 'key' | 'value'>[],
): number {
  let length = 0;
  for (const { Key, Value } of stored) length += Key.length + (Value?.length ?? 0);
  for (const { key, value } of patches) length += key.length + (value?.length ?? 0);
  return length;
}
