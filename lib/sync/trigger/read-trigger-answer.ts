import { MAX_KEY_LENGTH, MAX_VALUE_LENGTH } from '../../common/bounds.ts';
import { ServiceError } from '../../common/errors.ts';
import { isObject } from '../../common/json.ts';
import { isLongerThan, isStorable, showKey } from '../../common/text.ts';
import type { SyncTriggerEvent } from '../../rules/sync-trigger-event.ts';
import type { Members } from '../../stream/read-members.ts';
import type { SyncRecord } from '../model.ts';
import type { Patch } from '../read-patches.ts';

/** The request that the sync trigger answers, with the state of the dataset at that time. */
export interface Asked {
  /** The event sent to the function. */
  event: SyncTriggerEvent;
  /** The device's patches. Each key occurs once. */
  patches: readonly Patch[];
  /** The dataset's count when the event was built. */
  syncCount: number;
  /** The dataset's live records when the event was built, by key. The map may also contain tombstones. */
  stored: ReadonlyMap<string, Pick<SyncRecord, 'Value'>>;
  /** Maximum patches of one call. */
  maxPatches: number;
}

/**
 * Determines the patches to write from a sync trigger's answer:
 *
 * - If the answer omits a key or maps it to null, the key keeps its stored record. The device's patch is dropped.
 * - For every other key with a patch of the device, that patch is written with the value in the answer.
 * - For a key without a patch of the device, an additional patch is written if the answer changes the value. Such an
 *   additional patch is never stale.
 *
 * Old values in the answer are ignored.
 *
 * @param answer any JSON value
 * @returns the remaining patches of the device in their order, then the additional patches of the function
 * @throws {ServiceError} InvalidLambdaFunctionOutputException; its message names the invalid member and quotes no value
 */
export function readTriggerAnswer(
  answer: unknown,
  { event, patches, syncCount, stored, maxPatches }: Asked,
): Patch[] {
  const wanted = readRecords(readDatasetRecords(answer, event));
  const kept = patches.flatMap((patch) => {
    const value = wanted.get(patch.key);
    return value === undefined ? [] : [{ ...patch, value }];
  });
  for (const { key } of patches) wanted.delete(key);
  const own = [...wanted]
    .filter(([key, value]) => value !== (stored.get(key)?.Value ?? null))
    // With the dataset's count, these patches are not stale: they are written only while the dataset has this count.
    .map(([key, value]) => ({ key, value, syncCount, deviceLastModifiedDate: null }));
  if (kept.length + own.length > maxPatches) {
    throw invalidOutput('datasetRecords', `must not change more than ${maxPatches} records`);
  }
  return [...kept, ...own];
}

const UNCHANGEABLE = [
  'version',
  'eventType',
  'region',
  'identityPoolId',
  'identityId',
  'datasetName',
] as const satisfies (keyof SyncTriggerEvent)[];

/**
 * Returns the records of an answer. Rejects the answer if it changes a member that must not change. Members other than
 * the records may be missing, because they are not needed.
 */
function readDatasetRecords(answer: unknown, event: SyncTriggerEvent): Members {
  if (!isObject(answer)) throw invalidOutput('the answer', 'must be an object');
  for (const name of UNCHANGEABLE) {
    const member = answer[name] ?? event[name];
    if (member !== event[name]) throw invalidOutput(name, 'must not be changed');
  }
  const { datasetRecords } = answer;
  if (!isObject(datasetRecords)) throw invalidOutput('datasetRecords', 'must be an object');
  return datasetRecords;
}

/** Returns the new value of each key that the answer contains. A value of null removes the record. */
function readRecords(datasetRecords: Members): Map<string, string | null> {
  const wanted = new Map<string, string | null>();
  for (const [key, record] of Object.entries(datasetRecords)) {
    if (record === null || record === undefined) continue;
    checkKey(key);
    wanted.set(key, readRecord(key, record));
  }
  return wanted;
}

/** Rejects an invalid key. The message does not quote the key, because its characters may not be displayable. */
function checkKey(key: string): void {
  if (key === '' || isLongerThan(key, MAX_KEY_LENGTH)) {
    throw invalidOutput('a key in datasetRecords', `must have length between 1 and ${MAX_KEY_LENGTH}`);
  }
  if (!isStorable(key)) {
    throw invalidOutput('a key in datasetRecords', 'must not hold NUL or unpaired surrogates');
  }
}

function readRecord(key: string, record: unknown): string | null {
  if (!isObject(record)) throw invalidRecord(key, '', 'must be an object or null');
  const { op, newValue } = record;
  if (op === 'remove') return null;
  if (op !== 'replace') throw invalidRecord(key, '.op', 'must be replace or remove');
  if (newValue === null) return null;
  if (typeof newValue !== 'string') throw invalidRecord(key, '.newValue', 'must be a string or null');
  if (isLongerThan(newValue, MAX_VALUE_LENGTH)) {
    throw invalidRecord(key, '.newValue', `must have length less than or equal to ${MAX_VALUE_LENGTH}`);
  }
  if (!isStorable(newValue)) {
    throw invalidRecord(key, '.newValue', 'must not hold NUL or unpaired surrogates');
  }
  return newValue;
}

function invalidRecord(key: string, member: string, must: string): ServiceError {
  return invalidOutput(`datasetRecords.${showKey(key)}${member}`, must);
}

function invalidOutput(what: string, must: string): ServiceError {
  return new ServiceError(
    'InvalidLambdaFunctionOutputException',
    `SyncTrigger returned an invalid answer: ${what} ${must}`,
  );
}
