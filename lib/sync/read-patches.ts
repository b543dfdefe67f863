import { MAX_DATE_MS, MAX_KEY_LENGTH, MIN_DATE_MS } from '../common/bounds.ts';
import { invalidParameter, ServiceError } from '../common/errors.ts';
import { isLongerThan, isStorable } from '../common/text.ts';
import { checkSyncCount } from './errors.ts';
import type { RecordPatch } from './model.ts';

/** A valid patch. A value of null removes the record. */
export interface Patch {
  key: string;
  value: string | null;
  syncCount: number;
  deviceLastModifiedDate: number | null;
}

/**
 * Validates the patches of one call and returns them in the same order.
 * @throws {ServiceError} InvalidParameterException naming the invalid member; LimitExceededException if there are
 *   too many patches
 */
export function readPatches(patches: readonly RecordPatch[], maxPatches: number): Patch[] {
  if (patches.length > maxPatches) {
    throw new ServiceError(
      'LimitExceededException',
      `too many record patches: ${patches.length}, but the limit is ${maxPatches} per call; send them in several calls`,
    );
  }
  const seen = new Set<string>();
  return patches.map((patch, index) => {
    const path = `recordPatches.${index + 1}.member`;
    const read = readPatch(patch, path);
    if (seen.has(read.key)) throw invalidParameter(`${path}.key`, 'Member must not occur twice in one call');
    seen.add(read.key);
    return read;
  });
}

function readPatch(patch: RecordPatch, path: string): Patch {
  checkText(patch.Key, `${path}.key`);
  if (patch.Key === '' || isLongerThan(patch.Key, MAX_KEY_LENGTH)) {
    throw invalidParameter(`${path}.key`, `Member must have length between 1 and ${MAX_KEY_LENGTH}`);
  }
  return {
    key: patch.Key,
    value: patch.Op === 'remove' ? null : readValue(patch.Value, `${path}.value`),
    syncCount: checkSyncCount(patch.SyncCount, `${path}.syncCount`),
    deviceLastModifiedDate: readDate(patch.DeviceLastModifiedDate, `${path}.deviceLastModifiedDate`),
  };
}

function readValue(value: string | undefined, path: string): string {
  if (value === undefined) throw invalidParameter(path, 'Member must not be null');
  checkText(value, path);
  return value;
}

function checkText(text: string, path: string): void {
  if (!isStorable(text)) {
    throw invalidParameter(path, 'Member must not hold NUL or unpaired surrogates');
  }
}

/** Rounds a date to whole milliseconds, because clients send fractions. */
function readDate(date: number | undefined, path: string): number | null {
  if (date === undefined) return null;
  const ms = Math.round(date);
  if (!(ms >= MIN_DATE_MS && ms <= MAX_DATE_MS)) {
    throw invalidParameter(path, 'Member must be a date of the years 1 to 9999');
  }
  return ms + 0;
}
