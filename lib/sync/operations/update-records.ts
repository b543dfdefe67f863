import { afterCommit } from '../after-commit.ts';
import { applyPatches } from '../apply-patches.ts';
import { authorizeDataset, nameOf } from '../authorize.ts';
import { recordsEvent } from '../build-stream-event.ts';
import type { SyncDependencies } from '../dependencies.ts';
import { poolNotFound } from '../errors.ts';
import type { SyncOperations, SyncRecord } from '../model.ts';
import type { UpdateDecision } from '../ports/sync-store.ts';
import { pushToDevices } from '../push/push-to-devices.ts';
import { type Patch, readPatches } from '../read-patches.ts';
import { notValidToken } from '../session-token.ts';
import { findSyncTrigger } from '../trigger/find-sync-trigger.ts';
import { DatasetMovedError, type Written, writeThroughTrigger } from '../trigger/write-through-trigger.ts';

// A host whose clock is behind by less still takes an expired token for good, so it must be known as spent.
const CLOCK_SKEW_MS = 60 * 60 * 1000;

/**
 * UpdateRecords: all patches in one transaction, which spends the token and puts the stream event into the outbox. The
 * dataset's count rises by one, and every record written gets the new count; a dataset that is not there is made. A
 * call that fails changes and spends nothing, and neither does one without patches, whose answer is empty.
 *
 * What an identity sends is first looked at by its pool's sync trigger, if there is one; where nothing is left after
 * that, nothing is changed or spent.
 *
 * The devices that subscribe to the dataset are told of a change, but for the one that DeviceId names.
 *
 * @returns the records written, in the order of the patches; of what a sync trigger does about them see there
 * @throws {ServiceError} InvalidParameterException, NotAuthorizedException, ResourceConflictException for a patch
 *   that is older than its record, LimitExceededException; ResourceNotFoundException where a dataset would be made in a
 *   pool that is not there; InvalidLambdaFunctionOutputException, LambdaSocketTimeoutException, LambdaThrottledException
 */
export function createUpdateRecords({
  store,
  pools,
  tokens,
  now,
  limits,
  payloadLinks,
  invokeFunction,
  afterWrite,
  push,
}: SyncDependencies): SyncOperations['UpdateRecords'] {
  const offloading = { links: payloadLinks, inlineBytes: limits.inlineBytes };
  return async (input, caller) => {
    const key = authorizeDataset(input, caller);
    const patches = readPatches(input.RecordPatches ?? [], limits.patchesPerCall);
    const session = tokens.verify(input.SyncSessionToken, key);

    const write = async (toWrite: readonly Patch[], onlyAt?: number): Promise<Written> => {
      const about = { keys: toWrite.map((patch) => patch.key), session };
      const changed = await store.change(key, about, (snapshot): UpdateDecision<Applied> => {
        if (snapshot.spent) throw notValidToken();
        if (toWrite.length === 0) return { update: null, answer: { records: [], syncCount: 0 } };
        if (!snapshot.poolExists) throw poolNotFound(key.identityPoolId);
        if (onlyAt !== undefined && onlyAt !== (snapshot.dataset?.syncCount ?? 0)) {
          throw new DatasetMovedError();
        }
        const at = now();
        const change = { datasetName: key.datasetName, modifiedBy: nameOf(caller), now: at, limits };
        const { dataset, records } = applyPatches(snapshot, toWrite, change);
        const event = recordsEvent(key, dataset, records, offloading);
        const spend = { session, forgetBefore: at - CLOCK_SKEW_MS };
        const answer = { records, syncCount: dataset.syncCount };
        return { update: { dataset, records, spend, event }, answer };
      });
      const { answer, outboxId, subscribed } = changed;
      return { answer: answer.records, outboxId, countToPush: subscribed ? answer.syncCount : null };
    };
    const functionArn = patches.length === 0 ? null : await findSyncTrigger(pools, key, caller);
    const { answer, outboxId, countToPush } =
      functionArn === null
        ? await write(patches)
        : await writeThroughTrigger(
            { store, invokeFunction, now, limits },
            { functionArn, key, session, patches },
            write,
          );
    await Promise.all([
      afterCommit(outboxId, afterWrite),
      countToPush !== null && pushToDevices(push, { ...key, syncCount: countToPush }, input.DeviceId),
    ]);
    return { Records: answer };
  };
}

interface Applied {
  records: SyncRecord[];
  /** The dataset's. */
  syncCount: number;
}
