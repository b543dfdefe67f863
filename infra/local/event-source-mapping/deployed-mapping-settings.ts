import { SetupError } from '../../../lib/common/errors.ts';
import deployed from '../../stack/project-stream-mapping.json' with { type: 'json' };
import type { MappingSettings } from './mapping-settings.ts';

/**
 * Returns the settings of the stream handler's mapping, read from the file that `serverless.yml` deploys.
 *
 * @throws {SetupError} AWS would reject a setting
 */
export function deployedMappingSettings(): MappingSettings {
  return toMappingSettings(deployed);
}

/** The valid ranges of CreateEventSourceMapping. The value -1, if valid, means no limit. */
const RANGES = [
  { name: 'batchSize', min: 1, max: 10_000 },
  { name: 'batchWindow', min: 0, max: 300 },
  { name: 'parallelizationFactor', min: 1, max: 10 },
  { name: 'maximumRetryAttempts', min: 0, max: 10_000, unlimited: -1 },
  { name: 'maximumRecordAgeInSeconds', min: 60, max: 604_800, unlimited: -1 },
] as const;

interface Range {
  name: string;
  min: number;
  max: number;
  unlimited?: number;
}

/** @throws {SetupError} AWS would reject a setting */
export function toMappingSettings(settings: typeof deployed): MappingSettings {
  for (const range of RANGES) check(settings[range.name], range);
  return {
    batchSize: settings.batchSize,
    maximumBatchingWindowMs: settings.batchWindow * 1000,
    startingPosition: settings.startingPosition === 'LATEST' ? 'LATEST' : 'TRIM_HORIZON',
    parallelizationFactor: settings.parallelizationFactor,
    bisectBatchOnFunctionError: settings.bisectBatchOnFunctionError,
    maximumRetryAttempts: settings.maximumRetryAttempts,
    maximumRecordAgeInSeconds: settings.maximumRecordAgeInSeconds,
    reportBatchItemFailures: settings.functionResponseType === 'ReportBatchItemFailures',
  };
}

function check(value: number, { name, min, max, unlimited }: Range): void {
  if (Number.isInteger(value) && ((value >= min && value <= max) || value === unlimited)) return;
  const or = unlimited === undefined ? '' : `, or ${unlimited}`;
  throw new SetupError(
    `infra/stack/project-stream-mapping.json: ${name} is ${value}; use a whole number from ${min} to ${max}${or}`,
  );
}
