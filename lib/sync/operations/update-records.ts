import { afterCommit } from '../after-commit.ts';
import { authorizeDataset } from '../authorize.ts';
import { checkCounts } from '../check-counts.ts';
import type { PatchCall } from '../decide-patches.ts';
import type { SyncDependencies } from '../dependencies.ts';
import type { SyncOperations } from '../model.ts';
import type { ListedDataset } from '../ports/sync-store.ts';
import { pushToDevices } from '../push/push-to-devices.ts';
import { readPatches } from '../read-patches.ts';
import { type ListedVersion, notValidToken } from '../session-token.ts';
import { answerPatches } from '../trigger/answer-patches.ts';
import { findSyncTrigger } from '../trigger/find-sync-trigger.ts';
import { runSyncTrigger, type TriggerView } from '../trigger/run-sync-trigger.ts';
import { NOTHING_WRITTEN, writePatches, writePatchesAt, writeRead } from '../write-patches.ts';
import { type WrittenPatches, writeUnread } from '../write-unread.ts';

/**
 * UpdateRecords: writes all patches in one transaction. The transaction also marks the session token as used and puts
 * the stream event into the outbox. The dataset's count increases by one, and every written record gets the new count.
 * A dataset that does not exist is created.
 *
 * A call that fails, or that has no patches, changes nothing, and its token can be used again. A call without patches
 * returns no records. The removal of a key that never existed increases the dataset's count, but no record is written
 * for the key.
 *
 * If the caller is an identity and its pool has a sync trigger, the trigger receives the patches first and can change
 * them. If the trigger leaves no patch to write, nothing is changed and the token can be used again.
 *
 * Every device that subscribes to the dataset is notified, except the device that DeviceId names.
 *
 * @returns the written records in the order of the patches; `answerPatches` describes the result with a sync trigger
 * @throws {ServiceError} InvalidParameterException; NotAuthorizedException; ResourceConflictException if a patch is
 *   older than its record; LimitExceededException; ResourceNotFoundException if the pool does not exist, or the
 *   identity was deleted; InvalidLambdaFunctionOutputException, LambdaSocketTimeoutException,
 *   LambdaThrottledException
 */
export function createUpdateRecords(deps: SyncDependencies): SyncOperations['UpdateRecords'] {
  const triggered = new Set<string>();
  return async (input, caller) => {
    const key = authorizeDataset(input, caller);
    const patches = readPatches(input.RecordPatches ?? [], deps.limits.patchesPerCall);
    const session = deps.tokens.verify(input.SyncSessionToken, key);
    const call = { key, caller, session, patches };
    const { records, syncCount, outboxId, subscribed, filling } =
      caller.kind === 'developer' || patches.length === 0
        ? await writePatches(deps, call, session.version)
        : await writeOfIdentity(deps, call, { version: session.version, triggered });
    if (filling) deps.onFilling({ ...key, ...filling });
    await Promise.all([
      afterCommit(outboxId, deps.afterWrite),
      subscribed && pushToDevices(deps.push, { ...key, syncCount }, input.DeviceId),
    ]);
    return { Records: records };
  };
}

/**
 * Writes the patches of an identity, for which the pool may have a sync trigger. Most pools have none. So the first
 * write does not read the pool, but is written only if the pool has no trigger.
 *
 * @param triggered the pools that had a trigger when this process last read them. For these pools, the first write is
 *   skipped, because it would write nothing
 */
async function writeOfIdentity(
  deps: SyncDependencies,
  call: PatchCall,
  { version, triggered }: { version: ListedVersion; triggered: Set<string> },
): Promise<WrittenPatches> {
  const { identityPoolId } = call.key;
  const isTried = version !== undefined && !triggered.has(identityPoolId);
  const written = isTried ? await writeUnread(deps, call, { version, allowsTrigger: false }) : null;
  if (written) return written;
  const functionArn = await findSyncTrigger(deps.pools, identityPoolId);
  if (functionArn === null) {
    triggered.delete(identityPoolId);
    return isTried ? writeRead(deps, call, { isNew: version === null }) : writePatches(deps, call, version);
  }
  triggered.add(identityPoolId);
  return writeThroughTrigger(deps, call, functionArn);
}

/**
 * Reads the dataset, runs the trigger on its records, and writes the trigger's answer. The answer is written only if
 * the dataset still has the version that was read. If another call changed the dataset in the meantime, the trigger runs
 * again on the new state. So the call fails with a conflict only if one of the device's patches has become stale. All
 * runs of the trigger share one time limit.
 */
async function writeThroughTrigger(
  deps: SyncDependencies,
  call: PatchCall,
  functionArn: string,
): Promise<WrittenPatches> {
  const { key, patches } = call;
  let deadline: number | null = null;
  for (;;) {
    const view = await readForTrigger(deps, call);
    const { stored, dataset } = view;
    const run = await runSyncTrigger(deps, { functionArn, key, patches, deadline, ...view });
    deadline = run.deadline;
    const written =
      run.patches.length === 0
        ? NOTHING_WRITTEN
        : await writePatchesAt(deps, { ...call, patches: run.patches }, dataset);
    if (written === null) continue;
    const records = answerPatches(patches, { written: written.records, stored, now: deps.now() });
    return { ...written, records };
  }
}

/** Reads the records that the trigger needs. Rejects a used session and stale patches before the trigger runs. */
async function readForTrigger(
  { store }: SyncDependencies,
  { key, session, patches }: PatchCall,
): Promise<TriggerView & { dataset: ListedDataset | null }> {
  const keys = patches.map((patch) => patch.key);
  const read = await store.readLiveRecords(key, { keys, session });
  if (read.spent) throw notValidToken();
  const stored = new Map(read.records.map((record) => [record.Key, record]));
  const syncCount = read.dataset?.syncCount ?? 0;
  checkCounts(
    { dataset: syncCount, ofRecord: (recordKey) => stored.get(recordKey)?.SyncCount ?? 0 },
    patches,
  );
  return { dataset: read.dataset, syncCount, stored };
}
