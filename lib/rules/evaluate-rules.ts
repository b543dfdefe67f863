import { MAX_RECORDS } from '../common/bounds.ts';
import { isObject } from '../common/json.ts';
import { attemptRule, Rejection, RevertAll, rejectCall } from './attempt-rule.ts';
import { decideChange } from './decide-change.ts';
import { deriveRecords } from './derive-records.ts';
import { answerOf, currentRecords, openCall, type RuledCall } from './ruled-call.ts';
import type { DatasetRule, SyncRules } from './rules-model.ts';
import type { SyncTriggerEvent } from './sync-trigger-event.ts';
import type { Verdict } from './verdict.ts';

/**
 * What rules make of a sync trigger's event. Changes alone are judged: what is stored stays as it is, also where a rule
 * would refuse it. Every key of the event is in the answer, and nothing of the event is changed in place.
 *
 * @param event as Amazon sends it; one of another type is answered as it came
 * @returns the same for the same event, as far as the user's functions answer the same; nothing is thrown, whatever those do
 */
export function evaluateRules(rules: SyncRules, event: SyncTriggerEvent): Verdict {
  const untouched: Verdict = { kind: 'answer', event, decisions: [] };
  if (!isObject(event) || event.eventType !== 'SyncTrigger') return untouched;
  const dataset =
    typeof event.datasetName === 'string' ? rules.findDatasetRule(event.datasetName) : undefined;
  if (!dataset) return untouched;
  const verdict = isObject(event.datasetRecords)
    ? evaluateDataset(rules, dataset, event)
    : noRecords(dataset);
  return rules.mode === 'observe' ? { ...untouched, decisions: verdict.decisions } : verdict;
}

function evaluateDataset(rules: SyncRules, dataset: DatasetRule, event: SyncTriggerEvent): Verdict {
  const call = openCall(rules, dataset, event);
  try {
    judgeDevice(call);
    derive(call);
  } catch (error) {
    if (error instanceof Rejection) return rejected(call, error);
    if (!(error instanceof RevertAll)) throw error;
    revertAll(call);
  }
  return { kind: 'answer', event: answerOf(call), decisions: call.decisions };
}

/** What the device changed, in the event's order. */
function judgeDevice(call: RuledCall): void {
  for (const [key, { oldValue, newValue }] of call.entries) {
    if (newValue === oldValue) continue;
    const change = { key, oldValue, newValue };
    const decided = decideChange(call, change, { by: 'device', withoutIt: oldValue });
    if (decided.value === newValue) continue;
    call.outcomes.set(key, decided.value);
    if (decided.isRefused) continue;
    call.decisions.push({
      rule: decided.rule,
      key,
      action: 'rewritten',
      reason: 'rewrite made another value',
    });
  }
}

/** What `derive` wants is judged like what a device does, but for what the server owns. */
function derive(call: RuledCall): void {
  const { dataset, about, entries, outcomes, decisions } = call;
  const { derive: deriveOfDataset } = dataset;
  if (!deriveOfDataset) return;
  const rule = `${dataset.path}.derive`;
  const records = currentRecords(call);
  const wanted = attemptRule(
    call,
    { rule, key: null },
    () => deriveRecords(deriveOfDataset, records, about),
    new Map<string, string | null>(),
  );
  let added = 0;
  for (const [key, newValue] of wanted) {
    const oldValue = entries.get(key)?.oldValue ?? null;
    const withoutIt = records[key] ?? null;
    const change = { key, oldValue, newValue };
    const { value, isRefused } = decideChange(call, change, { by: 'derive', withoutIt });
    if (isRefused || value === withoutIt) continue;
    outcomes.set(key, value);
    added += Number(value !== null) - Number(withoutIt !== null);
    const action = value === null ? 'removed' : 'derived';
    decisions.push({ rule, key, action, reason: 'derive wants it' });
  }
  if (added > 0) checkCount(call, rule, Object.keys(records).length + added);
}

/** What devices add themselves beyond the limit, the service refuses in its own words, by its own limit. */
function checkCount(call: RuledCall, rule: string, count: number): void {
  if (count <= MAX_RECORDS) return;
  rejectCall(call, {
    rule,
    key: null,
    reason: `the dataset would have more than ${MAX_RECORDS} records`,
  });
}

/** What was decided before the rejection does not come about. */
function rejected({ decisions }: RuledCall, { message }: Rejection): Verdict {
  const told = decisions.filter(({ action }) => action === 'rejected' || action === 'rule-error');
  return { kind: 'rejected', reason: message, decisions: told };
}

/** Nothing but that a rule is broken comes about of what was decided before. */
function revertAll({ dataset, entries, outcomes, decisions }: RuledCall): void {
  const broken = decisions.filter(({ action }) => action === 'rule-error');
  decisions.splice(0, decisions.length, ...broken);
  outcomes.clear();
  for (const [key, { oldValue, newValue }] of entries) {
    if (newValue === oldValue) continue;
    outcomes.set(key, oldValue);
    const action = oldValue === null ? 'dropped' : 'reverted';
    decisions.push({ rule: dataset.path, key, action, reason: 'a rule is broken' });
  }
}

function noRecords({ path }: DatasetRule): Verdict {
  const reason = 'the event has no datasetRecords';
  return { kind: 'rejected', reason, decisions: [{ rule: path, key: null, action: 'rejected', reason }] };
}
