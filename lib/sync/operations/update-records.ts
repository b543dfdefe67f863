import type { DatasetKey } from '../../common/dataset-key.ts';
import { afterCommit } from '../after-commit.ts';
import { applyPatches } from '../apply-patches.ts';
import { authorizeDataset, nameOf } from '../authorize.ts';
import { recordsEvent } from '../build-stream-event.ts';
import { checkCounts } from '../check-counts.ts';
import type { SyncDependencies } from '../dependencies.ts';
import { poolNotFound } from '../errors.ts';
import type { Caller, SyncOperations, SyncRecord } from '../model.ts';
import type { SyncSession, UpdateDecision } from '../ports/sync-store.ts';
import { pushToDevices } from '../push/push-to-devices.ts';
import { type Patch, readPatches } from '../read-patches.ts';
import { notValidToken } from '../session-token.ts';
import { answerPatches } from '../trigger/answer-patches.ts';
import { findSyncTrigger } from '../trigger/find-sync-trigger.ts';
import { runSyncTrigger, TRIGGER_TIMEOUT_MS } from '../trigger/run-sync-trigger.ts';

/** A spent session stays known this long after its expiry: a host whose clock is behind still accepts its token. */
const CLOCK_SKEW_MS = 60 * 60 * 1000;

/**
 * UpdateRecords: writes all patches in one transaction, which also spends the token and puts the stream event into the
 * outbox. The dataset's count rises by one, and every record written gets the new count. A dataset that does not exist
 * is created. A call that fails changes nothing and does not spend the token. Nor does a call without patches, which
 * returns no records.
 *
 * If the caller is an identity and its pool has a sync trigger, the trigger sees the patches first. If the trigger
 * leaves nothing to write, nothing is changed or spent.
 *
 * Every device that subscribes to the dataset is notified, except the one that DeviceId names.
 *
 * @returns the records written, in the order of the patches; with a sync trigger, see `answerPatches`
 * @throws {ServiceError} InvalidParameterException; NotAuthorizedException; ResourceConflictException if a patch is
 *   older than its record; LimitExceededException; ResourceNotFoundException if the dataset is new and the pool
 *   unknown; InvalidLambdaFunctionOutputException, LambdaSocketTimeoutException, LambdaThrottledException
 */
export function createUpdateRecords(deps: SyncDependencies): SyncOperations['UpdateRecords'] {
  return async (input, caller) => {
    const key = authorizeDataset(input, caller);
    const patches = readPatches(input.RecordPatches ?? [], deps.limits.patchesPerCall);
    const session = deps.tokens.verify(input.SyncSessionToken, key);
    const call = { key, caller, session, patches };
    const functionArn = patches.length === 0 ? null : await findSyncTrigger(deps.pools, key, caller);
    const { records, syncCount, outboxId, subscribed } =
      functionArn === null
        ? await writePatches(deps, call)
        : await writeThroughTrigger(deps, call, functionArn);
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
}

const NOTHING_WRITTEN: Written = { records: [], syncCount: 0, outboxId: null, subscribed: false };

/**
 * Reads the dataset, runs the trigger on it, and writes what the trigger answers if the dataset is still at the count
 * that was read. If another call changed it in the meantime, the trigger runs again on the new state. So the call fails
 * with a conflict only if one of the device's patches has become stale. All runs share one time limit.
 */
async function writeThroughTrigger(
  deps: SyncDependencies,
  call: Call,
  functionArn: string,
): Promise<Written> {
  const { key, patches } = call;
  let deadline: number | null = null;
  for (;;) {
    const { syncCount, stored } = await readForTrigger(deps, call);
    deadline ??= deps.now() + TRIGGER_TIMEOUT_MS;
    const toWrite = await runSyncTrigger(deps, { functionArn, key, patches, stored, deadline });
    const written =
      toWrite.length === 0
        ? NOTHING_WRITTEN
        : await writePatchesAt(deps, { ...call, patches: toWrite }, syncCount);
    if (written === null) continue;
    const records = answerPatches(patches, { written: written.records, stored, now: deps.now() });
    return { ...written, records };
  }
}

/** Reads every record of the dataset. Rejects a spent session and stale patches before the trigger sees them. */
async function readForTrigger(
  { store }: SyncDependencies,
  { key, session, patches }: Call,
): Promise<{ syncCount: number; stored: ReadonlyMap<string, SyncRecord> }> {
  const read = await store.readRecords(key, { session, after: 0, upTo: null, limit: null });
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
 * @param syncCount the dataset's count at which the patches apply; null for any
 * @returns null if the dataset is at another count; then nothing is written
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
    (snapshot): UpdateDecision<Applied> => {
      if (snapshot.spent) throw notValidToken();
      if (patches.length === 0) return { update: null, answer: { records: [], syncCount: 0 } };
      if (!snapshot.poolExists) throw poolNotFound(key.identityPoolId);
      if (syncCount !== null && syncCount !== (snapshot.dataset?.syncCount ?? 0)) {
        return { update: null, answer: null };
      }
      const at = now();
      const change = { datasetName: key.datasetName, modifiedBy: nameOf(caller), now: at, limits };
      const { dataset, records } = applyPatches(snapshot, patches, change);
      return {
        update: {
          dataset,
          records,
          spend: { session, forgetBefore: at - CLOCK_SKEW_MS },
          event: recordsEvent(key, dataset, records, offloading),
        },
        answer: { records, syncCount: dataset.syncCount },
      };
    },
  );
  return answer && { ...answer, outboxId, subscribed };
}

/** The result of the patches; null if the dataset is at another count than the requested one. */
type Applied = Pick<Written, 'records' | 'syncCount'> | null;
