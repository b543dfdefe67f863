import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { BatchReport } from './projection/batch-report.ts';
import type { Decision } from './trigger/verdict.ts';

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

/** Turns decisions of sync rules into CloudWatch metrics: how many each rule made of each kind, by its place and action. */
export function createDecisionReporter(functionName: string): (decisions: readonly Decision[]) => void {
  const metrics = new Metrics({ namespace: NAMESPACE, serviceName: functionName });
  return (decisions) => {
    const byRule = Map.groupBy(decisions, ({ rule, action }) => JSON.stringify([rule, action]));
    for (const alike of byRule.values()) {
      const [first] = alike;
      if (!first) continue;
      const metric = metrics.singleMetric();
      metric.addDimensions({ rule: toDimension(first.rule), action: first.action });
      metric.addMetric('Decisions', MetricUnit.Count, alike.length);
    }
  };
}

/** CloudWatch takes ASCII alone, and no more. */
const NOT_ASCII = /[^ -~]/g;
const MAX_DIMENSION_LENGTH = 1_024;

function toDimension(rule: string): string {
  return rule.replace(NOT_ASCII, '?').slice(0, MAX_DIMENSION_LENGTH);
}
