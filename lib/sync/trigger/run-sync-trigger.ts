import type { DatasetKey } from '../../common/dataset-key.ts';
import type { SyncDependencies } from '../dependencies.ts';
import type { SyncRecord } from '../model.ts';
import type { Patch } from '../read-patches.ts';
import { buildSyncTriggerEvent } from './build-sync-trigger-event.ts';
import { invokeSyncTrigger } from './invoke-sync-trigger.ts';
import { readTriggerAnswer } from './read-trigger-answer.ts';

/**
 * Time limit of the sync trigger in one UpdateRecords call, for all its runs together. It does not include the time for
 * which a run waits for an execution slot. Source: Amazon Cognito developer guide, "Amazon Cognito Events".
 */
const TRIGGER_TIMEOUT_MS = 5_000;

/** What a run of the trigger sees of the dataset. */
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
  /** The `deadline` of the previous run; null for the first. */
  deadline: number | null;
}

interface TriggerResult {
  /** The patches to write: the remaining ones of the device, then the function's own. */
  patches: Patch[];
  /** When the time limit ends, if no further run has to wait. Epoch milliseconds. */
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
  const askedAt = now();
  const endsAt = deadline ?? askedAt + TRIGGER_TIMEOUT_MS;
  let waitedMs = 0;
  const answer = await invokeSyncTrigger(invokeFunction, functionArn, event, {
    identityId: key.identityId,
    // A clock that is set back must not extend the time.
    timeoutMs: Math.min(endsAt - askedAt, TRIGGER_TIMEOUT_MS),
    onStart: () => {
      waitedMs = Math.max(0, now() - askedAt);
    },
  });
  const asked = { event, patches, syncCount, stored, maxPatches: limits.patchesPerCall };
  return { patches: readTriggerAnswer(answer, asked), deadline: endsAt + waitedMs };
}
