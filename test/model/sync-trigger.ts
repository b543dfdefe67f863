import type { SyncTriggerEvent } from '../../lib/rules/sync-trigger-event.ts';
import type { SyncOperations } from '../../lib/sync/model.ts';
import { FunctionError, type InvokeFunction } from '../../lib/sync/ports/functions.ts';
import { DEVELOPER } from '../fixtures/sync/sync-service.ts';
import { CONCURRENT_PATCH, findRule, runRule } from './trigger-rules.ts';

/** Creates the functions of `trigger-rules.ts` for the service to invoke. */
export function createSyncTrigger() {
  let invocations: object[] = [];
  let other: SyncOperations | undefined;
  let concurrentChanges = 0;

  const invoke: InvokeFunction = async (functionArn, event) => {
    const rule = findRule(functionArn);
    if (!rule) throw new FunctionError('not-found', 'there is no such function');
    invocations.push(event);
    const triggerEvent = event as SyncTriggerEvent;
    if (rule.writesConcurrently && invocations.length === 1 && other) {
      if (await writeConcurrently(other, triggerEvent)) concurrentChanges += 1;
    }
    return runRule(rule, triggerEvent);
  };

  return {
    invoke,
    /** Prepares for a call. @param at receives the concurrent writes */
    reset(at: SyncOperations): void {
      invocations = [];
      other = at;
      concurrentChanges = 0;
    },
    /** Returns the events of the call. */
    invocations: () => invocations,
    /** Returns the number of concurrent changes of the dataset during the call. */
    concurrentChanges: () => concurrentChanges,
  };
}

/** @returns whether the dataset was written */
async function writeConcurrently(operations: SyncOperations, event: SyncTriggerEvent): Promise<boolean> {
  const { identityPoolId: IdentityPoolId, identityId: IdentityId, datasetName: DatasetName } = event;
  const dataset = { IdentityPoolId, IdentityId, DatasetName };
  const { SyncSessionToken, DatasetSyncCount } = await operations.ListRecords(dataset, DEVELOPER);
  const RecordPatches = [{ ...CONCURRENT_PATCH, SyncCount: DatasetSyncCount }];
  try {
    await operations.UpdateRecords({ ...dataset, SyncSessionToken, RecordPatches }, DEVELOPER);
    return true;
  } catch {
    return false;
  }
}
