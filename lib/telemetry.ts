import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { BatchReport } from './projection/batch-report.ts';

const NAMESPACE = 'cognito-sync-backend';

/** The structured logger of a function. Takes its level from POWERTOOLS_LOG_LEVEL. Logs ids and counts, never values. */
export function createLogger(functionName: string): Logger {
  return new Logger({ serviceName: `${NAMESPACE}/${functionName}` });
}

/** Turns reports into CloudWatch metrics, by lines in the log (embedded metric format); dimension: the function. */
export function createReporter(functionName: string): (batch: BatchReport) => void {
  const metrics = new Metrics({ namespace: NAMESPACE, serviceName: functionName });
  return ({ events, records, recordsChanged, quarantined, batchMs, lagMs }) => {
    metrics.addMetric('Events', MetricUnit.Count, events);
    metrics.addMetric('Records', MetricUnit.Count, records);
    metrics.addMetric('RecordsChanged', MetricUnit.Count, recordsChanged);
    metrics.addMetric('RecordsStale', MetricUnit.Count, records - recordsChanged);
    metrics.addMetric('EventsQuarantined', MetricUnit.Count, quarantined);
    metrics.addMetric('BatchDuration', MetricUnit.Milliseconds, batchMs);
    metrics.addMetric('Lag', MetricUnit.Milliseconds, lagMs);
    metrics.publishStoredMetrics();
  };
}
