import { MAX_DATASET_RECORDS } from '../common/bounds.ts';
import { isObject } from '../common/json.ts';
import { attemptRule, Rejection, RevertAll, rejectCall } from './attempt-rule.ts';
import { decideChange } from './decide-change.ts';
import { deriveRecords } from './derive-records.ts';
import { answerOf, currentRecords, openCall, type RuledCall } from './ruled-call.ts';
import type { DatasetRule, SyncRules } from './rules-model.ts';
import type { SyncTriggerEvent } from './sync-trigger-event.ts';
import type { Verdict } from './verdict.ts';

/**
 * Evaluates the rules for an event of the sync trigger. Only changes are judged: stored values stay, even if a rule
 * would refuse them. The answer contains every key of the event. The event is never modified in place.
 *
 * @param event the event as Amazon sends it; an event of another type is returned unchanged
 * @returns the verdict, which is deterministic if the user's functions are deterministic. Nothing is thrown, no matter
 *   what the user's functions do
 */
export function evaluateRules(rules: SyncRules, event: SyncTriggerEvent): Verdict {
  const untouched: Verdict = { kind: 'answer', event, decisions: [] };
  if (!isObject(event) || event.eventType !== 'SyncTrigger') return untouched;
  const dataset =
    typeof event.datasetName === 'string' ? rules.findDatasetRule(event.datasetName) : undefined;
  if (!dataset) return untouched;
  const verdict = isObject(event.datasetRecords)
    ? evaluateDataset(rules, dataset, event)
    : rejectWithoutRecords(dataset);
  return rules.mode === 'observe' ? { ...untouched, decisions: verdict.decisions } : verdict;
}

function evaluateDataset(rules: SyncRules, dataset: DatasetRule, event: SyncTriggerEvent): Verdict {
  const call = openCall(rules, dataset, event);
  try {
    decideDeviceChanges(call);
    derive(call);
  } catch (error) {
    if (error instanceof Rejection) return rejected(call, error);
    if (!(error instanceof RevertAll)) throw error;
    revertAll(call);
  }
  return { kind: 'answer', event: answerOf(call), decisions: call.decisions };
}

/** Decides on the changes of the device, in the order of the event. */
function decideDeviceChanges(call: RuledCall): void {
  for (const [key, { oldValue, newValue }] of call.entries) {
    if (newValue === oldValue) continue;
    const change = { key, oldValue, newValue };
    const decided = decideChange(call, change, { by: 'device', currentValue: oldValue });
    if (decided.value === newValue) continue;
    call.outcomes.set(key, decided.value);
    if (decided.isRefused) continue;
    call.decisions.push({
      rule: decided.rule,
      key,
      action: 'rewritten',
      reason: 'rewrite changed the value',
    });
  }
}

/**
 * Decides on the changes that `derive` makes. These changes are judged like the changes of a device, except that
 * `derive` may change server-owned keys.
 */
function derive(call: RuledCall): void {
  const { dataset, about, entries, outcomes, decisions } = call;
  const { derive: deriveFunction } = dataset;
  if (!deriveFunction) return;
  const rule = `${dataset.path}.derive`;
  const records = currentRecords(call);
  const requested = attemptRule(
    call,
    { rule, key: null },
    () => deriveRecords(deriveFunction, records, about),
    new Map<string, string | null>(),
  );
  let added = 0;
  for (const [key, newValue] of requested) {
    const oldValue = entries.get(key)?.oldValue ?? null;
    const currentValue = records[key] ?? null;
    const change = { key, oldValue, newValue };
    const { value, isRefused } = decideChange(call, change, { by: 'derive', currentValue });
    if (isRefused || value === currentValue) continue;
    outcomes.set(key, value);
    added += Number(value !== null) - Number(currentValue !== null);
    const action = value === null ? 'removed' : 'derived';
    decisions.push({ rule, key, action, reason: 'derive requested the change' });
  }
  if (added > 0) checkCount(call, rule, Object.keys(records).length + added);
}

/**
 * Rejects a call in which `derive` exceeds the record limit. If the device's own records exceed the service's limit,
 * the service rejects the call with its own message.
 */
function checkCount(call: RuledCall, rule: string, count: number): void {
  if (count <= MAX_DATASET_RECORDS) return;
  rejectCall(call, {
    rule,
    key: null,
    reason: `the dataset would have more than ${MAX_DATASET_RECORDS} records`,
  });
}

/** Returns a rejection. Keeps only rejections and rule errors, because the other decisions do not take effect. */
function rejected({ decisions }: RuledCall, { message }: Rejection): Verdict {
  const reported = decisions.filter(({ action }) => action === 'rejected' || action === 'rule-error');
  return { kind: 'rejected', reason: message, decisions: reported };
}

/** Reverts all changes. Of the previous decisions, only the rule errors are kept. */
function revertAll({ dataset, entries, outcomes, decisions }: RuledCall): void {
  const broken = decisions.filter(({ action }) => action === 'rule-error');
  decisions.splice(0, decisions.length, ...broken);
  outcomes.clear();
  for (const [key, { oldValue, newValue }] of entries) {
    if (newValue === oldValue) continue;
    outcomes.set(key, oldValue);
    const action = oldValue === null ? 'dropped' : 'reverted';
    decisions.push({ rule: dataset.path, key, action, reason: 'a rule failed' });
  }
}

function rejectWithoutRecords({ path }: DatasetRule): Verdict {
  const reason = 'the event has no datasetRecords';
  return { kind: 'rejected', reason, decisions: [{ rule: path, key: null, action: 'rejected', reason }] };
}
