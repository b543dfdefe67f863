import type { Environment } from './environment.ts';
import { SetupError } from './errors.ts';
import { isObject, tryParseJson } from './json.ts';

/** The limits of the service that an operator can change. Amazon does not document them. */
export interface SyncLimits {
  /** Maximum rows of one dataset: live records and tombstones. */
  rowsPerDataset: number;
  /** Maximum UTF-8 bytes of the keys of a dataset's rows, which are live records and tombstones. */
  keyBytesPerDataset: number;
  /** Maximum devices of one identity. */
  devicesPerIdentity: number;
}

/**
 * The default limits. Amazon documents no limits on rows, key bytes or devices, so this project has chosen them:
 *
 * - Rows: 16 times the live records of a dataset, because each removed record leaves a row (its tombstone). An app that
 *   keeps replacing its keys can remove 15 times as many records as it keeps.
 * - Key bytes: 256 per row, which is twice the length of the longest key that Amazon's client libraries allow.
 * - Devices: as many as are notified of one change (lib/sync/push/push-to-devices.ts).
 */
export const DEFAULT_SYNC_LIMITS: SyncLimits = {
  rowsPerDataset: 16_384,
  keyBytesPerDataset: 4 * 1024 * 1024,
  devicesPerIdentity: 100,
};

const NAMES = ['rowsPerDataset', 'keyBytesPerDataset', 'devicesPerIdentity'] as const;

/**
 * Reads SYNC_LIMITS: a JSON object with the limits that differ from the defaults, such as `{"rowsPerDataset":32768}`.
 * @throws {SetupError} SYNC_LIMITS is invalid
 */
export function readSyncLimits({ SYNC_LIMITS: text = '' }: Environment): SyncLimits {
  const limits = { ...DEFAULT_SYNC_LIMITS };
  if (text === '') return limits;
  for (const [name, value] of Object.entries(parseObject(text))) {
    const limit = NAMES.find((known) => known === name);
    if (limit === undefined) throw invalid(`unknown limit "${name}"; use ${NAMES.join(', ')}`);
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1) {
      throw invalid(`${limit} is not a positive whole number; the default is ${DEFAULT_SYNC_LIMITS[limit]}`);
    }
    limits[limit] = value;
  }
  return limits;
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  const parsed = tryParseJson(text);
  if (!isObject(parsed)) throw invalid('it is not a JSON object; use e.g. {"rowsPerDataset":32768}');
  return parsed;
}

function invalid(problem: string): SetupError {
  return new SetupError(`invalid SYNC_LIMITS: ${problem}`);
}
