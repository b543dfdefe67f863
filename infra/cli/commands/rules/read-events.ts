import { SetupError } from '../../../../lib/common/errors.ts';
import { isObject } from '../../../../lib/common/json.ts';
import type { DatasetRecord, SyncTriggerEvent } from '../../../../lib/rules/sync-trigger-event.ts';
import type { Members } from '../../../../lib/stream/read-members.ts';

const REGION = 'us-east-1';
/** Values that a hand-written event may omit. */
const DEFAULTS = {
  version: 2,
  eventType: 'SyncTrigger',
  identityPoolId: `${REGION}:00000000-0000-4000-8000-000000000001`,
  identityId: `${REGION}:00000000-0000-4000-8000-000000000002`,
} as const;

/**
 * Reads sync trigger events from a text: one event, a JSON array of events, or one event per line. Recorded events are
 * returned unchanged. A hand-written event needs only `datasetName` and `datasetRecords`. Each of its records is either
 * a string (the new value), or an object that describes a change with `oldValue` and `newValue`.
 *
 * @throws {SetupError} the text is anything else; the message quotes no value
 */
export function readEvents(written: string): SyncTriggerEvent[] {
  const text = written.replace(/^\ufeff/, '');
  if (text.trim() === '') throw new SetupError('no event: the input is empty');
  const documents = parseDocuments(text);
  if (documents.length === 0) throw new SetupError('no event: the list is empty');
  return documents.map((document, index) =>
    readEvent(document, documents.length === 1 ? 'the event' : `event ${index + 1}`),
  );
}

function parseDocuments(text: string): unknown[] {
  const whole = parse(text);
  if (!('problem' in whole)) return Array.isArray(whole.value) ? whole.value : [whole.value];
  const lines = text.split('\n').map((line, index) => ({ line, name: `line ${index + 1}` }));
  const [first, ...others] = lines.filter(({ line }) => line.trim() !== '');
  if (!first || others.length === 0 || 'problem' in parse(first.line)) {
    throw new SetupError(`the input is not JSON${whole.problem}`);
  }
  return [first, ...others].map(({ line, name }) => {
    const parsed = parse(line);
    if ('problem' in parsed) throw new SetupError(`${name} is not JSON${parsed.problem}`);
    return parsed.value;
  });
}

function parse(text: string): { value: unknown } | { problem: string } {
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    // Only the position of the error is shown, because the rest of the error's message quotes the text.
    const [at] = /at position \d+( \(line \d+ column \d+\))?/.exec(String(error)) ?? [];
    return { problem: at === undefined ? '' : `: error ${at}` };
  }
}

function readEvent(document: unknown, what: string): SyncTriggerEvent {
  if (!isObject(document)) throw new SetupError(`${what} is not an object`);
  const event: Members = { ...DEFAULTS, ...document };
  const { eventType, datasetName, datasetRecords } = event;
  if (eventType !== DEFAULTS.eventType) {
    throw new SetupError(
      `${what} has the eventType ${JSON.stringify(eventType)}; rules apply only to SyncTrigger, and other events are returned unchanged`,
    );
  }
  if (typeof datasetName !== 'string' || datasetName === '') {
    throw new SetupError(`${what}: datasetName is missing, empty or not a string`);
  }
  for (const name of ['identityPoolId', 'identityId'] as const) {
    if (typeof event[name] !== 'string') throw new SetupError(`${what}: ${name} is not a string`);
  }
  if (!isObject(datasetRecords)) throw new SetupError(`${what}: datasetRecords is missing or not an object`);
  const records = Object.entries(datasetRecords).map(([key, record]) => [
    key,
    readRecord(record, `${what}: the record ${JSON.stringify(key)}`),
  ]);
  return {
    version: 2,
    eventType,
    region: regionOf(event.identityPoolId),
    identityPoolId: DEFAULTS.identityPoolId,
    identityId: DEFAULTS.identityId,
    // All members of the document are copied. This includes unknown members, such as members of future versions.
    ...document,
    datasetName,
    datasetRecords: Object.fromEntries(records),
  };
}

function regionOf(identityPoolId: unknown): string {
  return (typeof identityPoolId === 'string' && identityPoolId.split(':')[0]) || REGION;
}

/**
 * Reads one record. A record that is null, or an object with `op`, comes from a recorded event. Such a record is
 * returned unchanged, and the rules evaluate it.
 */
function readRecord(record: unknown, what: string): unknown {
  if (record === null || (isObject(record) && 'op' in record)) return record;
  if (typeof record === 'string') return added(record);
  if (!isObject(record)) throw new SetupError(`${what} is not a string, an object or null`);
  const { oldValue, newValue, ...others } = record;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw new SetupError(`${what} has the member ${unknown}: use op, or only oldValue and newValue`);
  }
  if (!isTextOrAbsent(oldValue) || !isTextOrAbsent(newValue)) {
    throw new SetupError(`${what} has an oldValue or newValue that is not a string`);
  }
  const before = oldValue === undefined ? {} : { oldValue };
  return newValue === undefined ? { ...before, op: 'remove' } : { ...before, ...added(newValue) };
}

function added(newValue: string): DatasetRecord {
  return { newValue, op: 'replace' };
}

function isTextOrAbsent(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string';
}
