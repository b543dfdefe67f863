import { SetupError } from '../../../lib/common/errors.ts';
import deployed from '../../stack/project-stream-mapping.json' with { type: 'json' };
import type { MappingSettings } from './mapping-settings.ts';

/**
 * The settings that `serverless.yml` deploys the stream handler's mapping with, from the same file.
 *
 * @throws {SetupError} AWS would refuse one of them
 */
export function deployedMappingSettings(): MappingSettings {
  return toMappingSettings(deployed);
}

/** The limits of CreateEventSourceMapping; -1, where it is allowed, stands for no limit. */
const RANGES = [
  { name: 'batchSize', least: 1, most: 10_000 },
  { name: 'batchWindow', least: 0, most: 300 },
  { name: 'parallelizationFactor', least: 1, most: 10 },
  { name: 'maximumRetryAttempts', least: 0, most: 10_000, unlimited: -1 },
  { name: 'maximumRecordAgeInSeconds', least: 60, most: 604_800, unlimited: -1 },
] as const;

interface Range {
  name: string;
  least: number;
  most: number;
  unlimited?: number;
}

/** @throws {SetupError} AWS would refuse one of them */
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

function check(value: number, { name, least, most, unlimited }: Range): void {
  if (Number.isInteger(value) && ((value >= least && value <= most) || value === unlimited)) return;
  const or = unlimited === undefined ? '' : `, or ${unlimited}`;
  throw new SetupError(
    `infra/stack/project-stream-mapping.json: ${name} is ${value}; it has to be ${least} to ${most}${or}`,
  );
}
