import type { SyncTriggerEvent } from '../../lib/rules/sync-trigger-event.ts';
import type { SyncOperations } from '../../lib/sync/model.ts';
import { FunctionError, type InvokeFunction } from '../../lib/sync/ports/functions.ts';
import { DEVELOPER } from '../fixtures/sync/sync-service.ts';
import { findRule, MEANWHILE, runRule } from './trigger-rules.ts';

/** The functions of `trigger-rules.ts` as the service invokes them. */
export function createSyncTrigger() {
  let invocations: object[] = [];
  let other: SyncOperations | undefined;
  let meanwhile = 0;

  const invoke: InvokeFunction = async (functionArn, event) => {
    const rule = findRule(functionArn);
    if (!rule) throw new FunctionError('not-found', 'there is no such function');
    invocations.push(event);
    const asked = event as SyncTriggerEvent;
    if (rule.meddles && invocations.length === 1 && other && (await meddle(other, asked))) meanwhile += 1;
    return runRule(rule, asked);
  };

  return {
    invoke,
    /** Before a call. @param at where who meddles writes */
    begin(at: SyncOperations): void {
      invocations = [];
      other = at;
      meanwhile = 0;
    },
    /** The events of the call. */
    invocations: () => invocations,
    /** Changes of the dataset during the call. */
    meanwhile: () => meanwhile,
  };
}

/** @returns whether the dataset could be written to */
async function meddle(operations: SyncOperations, event: SyncTriggerEvent): Promise<boolean> {
  const { identityPoolId: IdentityPoolId, identityId: IdentityId, datasetName: DatasetName } = event;
  const dataset = { IdentityPoolId, IdentityId, DatasetName };
  const { SyncSessionToken, DatasetSyncCount } = await operations.ListRecords(dataset, DEVELOPER);
  const RecordPatches = [{ ...MEANWHILE, SyncCount: DatasetSyncCount }];
  try {
    await operations.UpdateRecords({ ...dataset, SyncSessionToken, RecordPatches }, DEVELOPER);
    return true;
  } catch {
    return false;
  }
}
