import { isObject } from '../common/json.ts';
import { type Entry, readEntry } from './read-entry.ts';
import type { DatasetOfRule, DatasetRule, OnRuleError, RecordValues, SyncRules } from './rules-model.ts';
import type { DatasetRecord, SyncTriggerEvent } from './sync-trigger-event.ts';
import type { RuleDecision } from './verdict.ts';

/** The state of one event while the rules of its dataset are evaluated. */
export interface RuledCall {
  event: SyncTriggerEvent;
  about: DatasetOfRule;
  dataset: DatasetRule;
  onRuleError: OnRuleError;
  /** The records that can be judged, in the order of the event. */
  entries: ReadonlyMap<string, Entry>;
  /** The records as they were before the call. */
  storedRecords: () => RecordValues;
  /** Values that replace the values of the event; null removes the record. */
  outcomes: Map<string, string | null>;
  decisions: RuleDecision[];
}

/** Creates the state for an event, before any decision. */
export function openCall(
  { onRuleError }: SyncRules,
  dataset: DatasetRule,
  event: SyncTriggerEvent,
): RuledCall {
  const { identityId, datasetName } = event;
  const entries = new Map<string, Entry>();
  for (const [key, record] of Object.entries(event.datasetRecords)) {
    const entry = readEntry(record);
    if (entry) entries.set(key, entry);
  }
  let stored: RecordValues | undefined;
  return {
    event,
    about: { identityId, datasetName },
    dataset,
    onRuleError,
    entries,
    storedRecords: () => {
      stored ??= toRecordValues(valuesOf(entries, 'oldValue'));
      return stored;
    },
    outcomes: new Map(),
    decisions: [],
  };
}

/** Returns the dataset's records after the decisions so far. */
export function currentRecords({ entries, outcomes }: RuledCall): RecordValues {
  return toRecordValues([...valuesOf(entries, 'newValue'), ...outcomes]);
}

/** Returns the event with the decisions applied. Records that the rules created come last. */
export function answerOf({ event, outcomes }: RuledCall): SyncTriggerEvent {
  if (outcomes.size === 0) return event;
  // Without a prototype, even the key `__proto__` becomes an own member. This is also faster: the JavaScript engine
  // stores such an object as a dictionary. For an object with a prototype, the engine would create hidden classes for
  // keys that it has never seen, which takes 2 ms for 1,024 keys.
  const datasetRecords: SyncTriggerEvent['datasetRecords'] = Object.create(null);
  Object.assign(datasetRecords, event.datasetRecords);
  for (const [key, value] of outcomes) datasetRecords[key] = withValue(datasetRecords[key], value);
  return { ...event, datasetRecords };
}

function withValue(record: DatasetRecord | null | undefined, value: string | null): DatasetRecord {
  const { newValue: _, ...others }: Partial<DatasetRecord> = isObject(record) ? record : {};
  return value === null ? { ...others, op: 'remove' } : { ...others, newValue: value, op: 'replace' };
}

function valuesOf(entries: RuledCall['entries'], which: keyof Entry): [key: string, value: string | null][] {
  return Array.from(entries, ([key, entry]) => [key, entry[which]]);
}

/**
 * Collects values by key; the last value of a key wins. The object has no prototype, so that looking up a key never
 * finds an inherited member.
 */
function toRecordValues(values: readonly (readonly [key: string, value: string | null])[]): RecordValues {
  const records: Record<string, string> = Object.create(null);
  for (const [key, value] of values) {
    if (value === null) delete records[key];
    else records[key] = value;
  }
  return Object.freeze(records);
}
