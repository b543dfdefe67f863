import type { Environment } from '../common/environment.ts';
import { SetupError } from '../common/errors.ts';
import { isObject } from '../common/json.ts';
import { DEFAULT_LIMITS, type Limits } from './limits.ts';

const CONFIGURABLE = ['rowsPerDataset', 'keyBytesPerDataset', 'devicesPerIdentity'] as const;

/**
 * Reads SYNC_LIMITS: a JSON object with the limits that differ from the defaults, such as `{"rowsPerDataset":32768}`.
 * @throws {SetupError} SYNC_LIMITS is invalid
 */
export function readLimits({ SYNC_LIMITS: text = '' }: Environment): Limits {
  const limits = { ...DEFAULT_LIMITS };
  if (text === '') return limits;
  for (const [name, value] of Object.entries(parseObject(text))) {
    const limit = CONFIGURABLE.find((configurable) => configurable === name);
    if (limit === undefined) throw invalid(`unknown limit "${name}"; use ${CONFIGURABLE.join(', ')}`);
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1) {
      throw invalid(`${limit} is not a positive whole number; the default is ${DEFAULT_LIMITS[limit]}`);
    }
    limits[limit] = value;
  }
  return limits;
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = null;
  }
  if (!isObject(parsed)) throw invalid('it is not a JSON object; use e.g. {"rowsPerDataset":32768}');
  return parsed;
}

function invalid(problem: string): SetupError {
  return new SetupError(`invalid SYNC_LIMITS: ${problem}`);
}
