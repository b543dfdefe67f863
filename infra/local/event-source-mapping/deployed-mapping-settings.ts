import deployed from '../../project-stream-mapping.json' with { type: 'json' };
import type { MappingSettings } from './mapping-settings.ts';

/** The settings that `serverless.yml` deploys the stream handler's mapping with, from the same file. */
export function deployedMappingSettings(): MappingSettings {
  return {
    batchSize: deployed.batchSize,
    maximumBatchingWindowMs: deployed.batchWindow * 1000,
    startingPosition: deployed.startingPosition === 'LATEST' ? 'LATEST' : 'TRIM_HORIZON',
    reportBatchItemFailures: deployed.functionResponseType === 'ReportBatchItemFailures',
  };
}
