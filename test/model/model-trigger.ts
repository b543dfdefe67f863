import type { RecordPatch } from '../../lib/sync/model.ts';
import { checkCounts } from './model-counts.ts';
import { live, type ModelCall, type ModelDataset, type ModelState, reject } from './model-state.ts';
import { CONCURRENT_PATCH, findRule } from './trigger-rules.ts';

interface TriggerCall {
  dataset: ModelDataset;
  patches: readonly RecordPatch[];
  call: ModelCall;
  /** Writes to the dataset while the simulated trigger function runs. Throws if the write is rejected. */
  write: (dataset: ModelDataset, patch: RecordPatch, call: ModelCall) => void;
}

/** Returns the patches that remain to be written after a sync trigger has run. */
export function runTrigger(state: ModelState, functionArn: string, triggerCall: TriggerCall): RecordPatch[] {
  const { dataset, patches, call, write } = triggerCall;
  const rule = findRule(functionArn);
  const invoke = () => {
    checkCounts(dataset, patches);
    if (rule) state.invocations.push(eventOf(dataset, patches));
  };
  invoke();
  if (rule?.writesConcurrently) {
    const { count } = dataset;
    try {
      write(dataset, CONCURRENT_PATCH, call);
    } catch {
      // The concurrent write was rejected, so the trigger function is not invoked again.
    }
    if (dataset.count > count) invoke();
  }
  if (!rule) reject('InvalidLambdaFunctionOutputException');
  const wanted = new Map(live(dataset).map(({ Key, Value }) => [Key, Value]));
  for (const { Key, Op, Value } of patches) wanted.set(Key, Op === 'remove' ? null : (Value ?? null));
  rule.effect(wanted);
  const left = toPatches(wanted, dataset, patches);
  return left.length > call.process.limits.patchesPerCall
    ? reject('InvalidLambdaFunctionOutputException')
    : left;
}

function toPatches(
  wanted: ReadonlyMap<string, string | null>,
  { records }: ModelDataset,
  patches: readonly RecordPatch[],
): RecordPatch[] {
  const kept = patches
    .filter(({ Key }) => wanted.has(Key))
    .map((patch) => ({ ...patch, ...patchTo(wanted.get(patch.Key) ?? null) }));
  const own = [...wanted]
    .filter(([Key, value]) => value !== (records.get(Key)?.Value ?? null))
    .filter(([Key]) => !patches.some((patch) => patch.Key === Key))
    .map(([Key, value]) => ({ Key, SyncCount: records.get(Key)?.SyncCount ?? 0, ...patchTo(value) }));
  return [...kept, ...own];
}

function patchTo(value: string | null): Pick<RecordPatch, 'Op' | 'Value'> {
  return value === null ? { Op: 'remove', Value: undefined } : { Op: 'replace', Value: value };
}

/** Returns the event with all live records and the changes of the device. */
function eventOf(dataset: ModelDataset, patches: readonly RecordPatch[]): object {
  const old = new Map(live(dataset).map(({ Key, Value }) => [Key, Value]));
  const records = new Map<string, object>();
  for (const [key, value] of old) records.set(key, { oldValue: value, newValue: value, op: 'replace' });
  for (const { Key, Op, Value } of patches) {
    const oldValue = old.has(Key) ? { oldValue: old.get(Key) } : {};
    records.set(Key, {
      ...oldValue,
      ...(Op === 'remove' ? { op: 'remove' } : { newValue: Value, op: 'replace' }),
    });
  }
  return {
    version: 2,
    eventType: 'SyncTrigger',
    region: 'us-east-1',
    identityPoolId: dataset.pool,
    identityId: dataset.identity,
    datasetName: dataset.name,
    datasetRecords: Object.fromEntries(records),
  };
}
