import { isObject } from '../common/json.ts';
import { type Entry, readEntry } from './read-entry.ts';
import type { DatasetOfRule, DatasetRule, OnRuleError, RecordValues, SyncRules } from './rules-model.ts';
import type { DatasetRecord, SyncTriggerEvent } from './sync-trigger-event.ts';
import type { RuleDecision } from './verdict.ts';

/** One event on its way through the rules of its dataset. */
export interface RuledCall {
  event: SyncTriggerEvent;
  about: DatasetOfRule;
  dataset: DatasetRule;
  onRuleError: OnRuleError;
  /** What can be judged, in the event's order. */
  entries: ReadonlyMap<string, Entry>;
  /** As they were before the call. */
  storedRecords: () => RecordValues;
  /** Values that are to be others than the event's; null is none. */
  outcomes: Map<string, string | null>;
  decisions: RuleDecision[];
}

/** An event of which nothing is decided yet. */
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

/** The dataset as it will be by what is decided so far. */
export function currentRecords({ entries, outcomes }: RuledCall): RecordValues {
  return toRecordValues([...valuesOf(entries, 'newValue'), ...outcomes]);
}

/** The event with what was decided in it; what the rules made anew comes last. */
export function answerOf({ event, outcomes }: RuledCall): SyncTriggerEvent {
  if (outcomes.size === 0) return event;
  // Without a prototype, so that even the key `__proto__` becomes a member of its own; and the engine makes a dictionary of
  // it, not a shape for keys that it has never seen, which takes 2 ms for 1,024 of them.
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

/** Of one key, the last value counts. Without a prototype, so that no key finds what is not there. */
function toRecordValues(values: readonly (readonly [key: string, value: string | null])[]): RecordValues {
  const records: Record<string, string> = Object.create(null);
  for (const [key, value] of values) {
    if (value === null) delete records[key];
    else records[key] = value;
  }
  return Object.freeze(records);
}
