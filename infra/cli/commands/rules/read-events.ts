import { SetupError } from '../../../../lib/common/errors.ts';
import { isObject } from '../../../../lib/common/json.ts';
import type { DatasetRecord, SyncTriggerEvent } from '../../../../lib/rules/sync-trigger-event.ts';
import type { Members } from '../../../../lib/stream/members.ts';

const REGION = 'us-east-1';
/** What a typed-in event need not say. */
const DEFAULTS = {
  version: 2,
  eventType: 'SyncTrigger',
  identityPoolId: `${REGION}:00000000-0000-4000-8000-000000000001`,
  identityId: `${REGION}:00000000-0000-4000-8000-000000000002`,
} as const;

/**
 * The sync trigger's events that a text holds: one, a list of them, or one a line. Recorded ones stay as they are. Of a
 * typed-in one `datasetName` and `datasetRecords` are needed, where a text is a value written anew, and an object tells by
 * `oldValue` and `newValue` what changes.
 *
 * @throws {SetupError} it holds anything else; no value is quoted
 */
export function readEvents(written: string): SyncTriggerEvent[] {
  const text = written.replace(/^\ufeff/, '');
  if (text.trim() === '') throw new SetupError('there is no event: what was read is empty');
  const documents = parseDocuments(text);
  if (documents.length === 0) throw new SetupError('there is no event: the list is empty');
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
    throw new SetupError(`what was read is not JSON${whole.problem}`);
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
    // The rest of the message quotes the text.
    const [at] = /at position \d+( \(line \d+ column \d+\))?/.exec(String(error)) ?? [];
    return { problem: at === undefined ? '' : `, as is seen ${at}` };
  }
}

function readEvent(document: unknown, what: string): SyncTriggerEvent {
  if (!isObject(document)) throw new SetupError(`${what} is not an object`);
  const event: Members = { ...DEFAULTS, ...document };
  const { eventType, datasetName, datasetRecords } = event;
  if (eventType !== DEFAULTS.eventType) {
    throw new SetupError(
      `${what} is of the type ${JSON.stringify(eventType)}; rules are for SyncTrigger alone, and others are answered as they come`,
    );
  }
  if (typeof datasetName !== 'string' || datasetName === '') {
    throw new SetupError(`${what} has no datasetName that is text`);
  }
  for (const name of ['identityPoolId', 'identityId'] as const) {
    if (typeof event[name] !== 'string') throw new SetupError(`${what} has an ${name} that is no text`);
  }
  if (!isObject(datasetRecords)) throw new SetupError(`${what} has no datasetRecords that are an object`);
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
    // What future versions have besides stays.
    ...document,
    datasetName,
    datasetRecords: Object.fromEntries(records),
  };
}

function regionOf(identityPoolId: unknown): string {
  return (typeof identityPoolId === 'string' && identityPoolId.split(':')[0]) || REGION;
}

/** One with an `op` is a recorded one, null among them: whatever it holds is for the rules to judge. */
function readRecord(record: unknown, what: string): unknown {
  if (record === null || (isObject(record) && 'op' in record)) return record;
  if (typeof record === 'string') return added(record);
  if (!isObject(record)) throw new SetupError(`${what} is no text, object or null`);
  const { oldValue, newValue, ...others } = record;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw new SetupError(`${what} has neither op, nor oldValue and newValue alone, but ${unknown}`);
  }
  if (!isTextOrAbsent(oldValue) || !isTextOrAbsent(newValue)) {
    throw new SetupError(`${what} has an oldValue or newValue that is no text`);
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
