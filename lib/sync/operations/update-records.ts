import type { Caller } from '../../common/caller.ts';
import type { DatasetKey } from '../../common/dataset-key.ts';
import { afterCommit } from '../after-commit.ts';
import { applyPatches } from '../apply-patches.ts';
import { authorizeDataset, identityDeleted, nameOf } from '../authorize.ts';
import { recordsEvent } from '../build-stream-event.ts';
import { checkCounts } from '../check-counts.ts';
import type { SyncDependencies } from '../dependencies.ts';
import { poolNotFound } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { SyncOperations, SyncRecord } from '../model.ts';
import type { CountedDataset, SyncSession, UpdateDecision } from '../ports/sync-store.ts';
import { pushToDevices } from '../push/push-to-devices.ts';
import { type Patch, readPatches } from '../read-patches.ts';
import type { FillingDataset } from '../row-limits.ts';
import { notValidToken } from '../session-token.ts';
import { answerPatches } from '../trigger/answer-patches.ts';
import { findSyncTrigger } from '../trigger/find-sync-trigger.ts';
import { runSyncTrigger, type TriggerView } from '../trigger/run-sync-trigger.ts';

/**
 * The service remembers a used session until this long after its expiry. A host whose clock is behind would otherwise
 * accept the token of that session again.
 */
const CLOCK_SKEW_MS = 60 * 60 * 1000;

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
  return async (input, caller) => {
    const key = authorizeDataset(input, caller);
    const patches = readPatches(input.RecordPatches ?? [], deps.limits.patchesPerCall);
    const session = deps.tokens.verify(input.SyncSessionToken, key);
    const call = { key, caller, session, patches };
    const functionArn = patches.length === 0 ? null : await findSyncTrigger(deps.pools, key, caller);
    const { records, syncCount, outboxId, subscribed, filling } =
      functionArn === null
        ? await writePatches(deps, call)
        : await writeThroughTrigger(deps, call, functionArn);
    if (filling) deps.onFilling({ ...key, ...filling });
    await Promise.all([
      afterCommit(outboxId, deps.afterWrite),
      subscribed && pushToDevices(deps.push, { ...key, syncCount }, input.DeviceId),
    ]);
    return { Records: records };
  };
}

interface Call {
  key: DatasetKey;
  caller: Caller;
  session: SyncSession;
  patches: readonly Patch[];
}

interface Written {
  records: SyncRecord[];
  /** The dataset's new count. */
  syncCount: number;
  outboxId: string | null;
  subscribed: boolean;
  /**
   * The dataset's row counts and their limits if the dataset reaches 80 % of one of these limits with this change;
   * otherwise null.
   */
  filling: Omit<FillingDataset, keyof DatasetKey> | null;
}

const NOTHING: Applied = { records: [], syncCount: 0, filling: null };
const NOTHING_WRITTEN: Written = { ...NOTHING, outboxId: null, subscribed: false };

/**
 * Reads the dataset, runs the trigger on its records, and writes the trigger's answer. The answer is written only if
 * the dataset still has the count that was read. If another call changed the dataset in the meantime, the trigger runs
 * again on the new state. So the call fails with a conflict only if one of the device's patches has become stale. All
 * runs of the trigger share one time limit.
 */
async function writeThroughTrigger(
  deps: SyncDependencies,
  call: Call,
  functionArn: string,
): Promise<Written> {
  const { key, patches } = call;
  let deadline: number | null = null;
  for (;;) {
    const view = await readForTrigger(deps, call);
    const { stored, syncCount } = view;
    const run = await runSyncTrigger(deps, { functionArn, key, patches, deadline, ...view });
    deadline = run.deadline;
    const written =
      run.patches.length === 0
        ? NOTHING_WRITTEN
        : await writePatchesAt(deps, { ...call, patches: run.patches }, syncCount);
    if (written === null) continue;
    const records = answerPatches(patches, { written: written.records, stored, now: deps.now() });
    return { ...written, records };
  }
}

/** Reads the records that the trigger needs. Rejects a used session and stale patches before the trigger runs. */
async function readForTrigger(
  { store }: SyncDependencies,
  { key, session, patches }: Call,
): Promise<TriggerView> {
  const keys = patches.map((patch) => patch.key);
  const read = await store.readLiveRecords(key, { keys, session });
  if (read.spent) throw notValidToken();
  const stored = new Map(read.records.map((record) => [record.Key, record]));
  const syncCount = read.dataset?.syncCount ?? 0;
  checkCounts(
    { dataset: syncCount, ofRecord: (recordKey) => stored.get(recordKey)?.SyncCount ?? 0 },
    patches,
  );
  return { syncCount, stored };
}

async function writePatches(deps: SyncDependencies, call: Call): Promise<Written> {
  return (await writePatchesAt(deps, call, null)) ?? NOTHING_WRITTEN;
}

/**
 * @param syncCount the count that the dataset must have; null for any count
 * @returns null if the dataset has another count; then nothing is written
 */
async function writePatchesAt(
  { store, now, limits, payloadLinks }: SyncDependencies,
  { key, caller, session, patches }: Call,
  syncCount: number | null,
): Promise<Written | null> {
  const about = { keys: patches.map((patch) => patch.key), session };
  const offloading = { links: payloadLinks, inlineBytes: limits.inlineBytes };
  const { answer, outboxId, subscribed } = await store.change(
    key,
    about,
    (snapshot): UpdateDecision<Applied | null> => {
      if (snapshot.identityDeleted) throw identityDeleted(caller, key);
      if (snapshot.spent) throw notValidToken();
      if (patches.length === 0) return { update: null, answer: NOTHING };
      if (!snapshot.poolExists) throw poolNotFound(key.identityPoolId);
      if (syncCount !== null && syncCount !== (snapshot.dataset?.syncCount ?? 0)) {
        return { update: null, answer: null };
      }
      const at = now();
      const change = { datasetName: key.datasetName, modifiedBy: nameOf(caller), now: at, limits };
      const { dataset, records, written, startsFilling } = applyPatches(snapshot, patches, change);
      return {
        update: {
          dataset,
          records: written,
          spend: { session, forgetBefore: at - CLOCK_SKEW_MS },
          event: recordsEvent(key, dataset, written, offloading),
        },
        answer: {
          records,
          syncCount: dataset.syncCount,
          filling: startsFilling ? toFilling(dataset, limits) : null,
        },
      };
    },
  );
  return answer && { ...answer, outboxId, subscribed };
}

/** The result of applying the patches. */
type Applied = Pick<Written, 'records' | 'syncCount' | 'filling'>;

function toFilling({ rowCount, keyBytes }: CountedDataset, limits: Limits): Applied['filling'] {
  const { rowsPerDataset, keyBytesPerDataset } = limits;
  return { rowCount, keyBytes, rowsPerDataset, keyBytesPerDataset };
}
