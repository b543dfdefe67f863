import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { PollOutcome } from '../backfill/poll/poll-model.ts';
import type { CheckOriginOutcome } from '../move/check-origin.ts';
import type { BatchReport } from '../projection/project-batch.ts';
import type { RuleDecision } from '../rules/verdict.ts';
import { ReadableLogger } from './readable-logger.ts';

const SERVICE = 'cognito-sync-backend';

/**
 * Creates a function's structured logger. The variable POWERTOOLS_LOG_LEVEL sets the log level. With LOG_FORMAT=pretty,
 * the logger writes readable lines instead of JSON. Callers must log only ids and counts, never values of records.
 */
export function createLogger(functionName: string): Logger {
  const options = { serviceName: `${SERVICE}/${functionName}` };
  return process.env.LOG_FORMAT === 'pretty' ? new ReadableLogger(options) : new Logger(options);
}

/**
 * Opens a function's metrics, whose only dimension is the name of the function. The metrics are in the namespace of the
 * stack, because two stages may share an account.
 */
function openMetrics(functionName: string): Metrics {
  const namespace = process.env.POWERTOOLS_METRICS_NAMESPACE || SERVICE;
  return new Metrics({ namespace, serviceName: functionName });
}

/**
 * Writes reports of projected batches as CloudWatch metrics, in log lines (embedded metric format). The metrics have
 * one dimension, the name of the function.
 */
export function createReporter(functionName: string): (batch: BatchReport) => void {
  const metrics = openMetrics(functionName);
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

/** Writes the decisions of sync rules as CloudWatch metrics: one count for each combination of rule and action. */
export function createDecisionReporter(functionName: string): (decisions: readonly RuleDecision[]) => void {
  const metrics = openMetrics(functionName);
  return (decisions) => {
    const byRule = Map.groupBy(decisions, ({ rule, action }) => JSON.stringify([rule, action]));
    for (const alike of byRule.values()) {
      const [first] = alike;
      if (!first) continue;
      metrics.addDimensions({ rule: toDimension(first.rule), action: first.action });
      metrics.addMetric('Decisions', MetricUnit.Count, alike.length);
      // Write one line per group, because dimensions apply to all metrics of a line. `singleMetric` would also write
      // one line, but would read the environment again each time.
      metrics.publishStoredMetrics();
    }
  };
}

/**
 * Writes what a poll of the bulk publishes found as CloudWatch metrics. Metrics that show a current state are written
 * at every poll, even if they are 0, so that alarms can use them.
 */
export function createPublishReporter(functionName: string): (outcome: PollOutcome) => void {
  const metrics = openMetrics(functionName);
  return ({ transitions, stalled, failures, notReached, gapsOpen }) => {
    for (const [status, alike] of Map.groupBy(transitions, ({ to }) => to)) {
      metrics.addDimension('status', status);
      metrics.addMetric('BulkPublishTransitions', MetricUnit.Count, alike.length);
      metrics.publishStoredMetrics();
    }
    const failed = new Set(failures.map(({ identityPoolId }) => identityPoolId));
    metrics.addMetric('BulkPublishStalled', MetricUnit.Count, stalled);
    metrics.addMetric('PoolsFailed', MetricUnit.Count, failed.size);
    metrics.addMetric('PoolsNotReached', MetricUnit.Count, notReached.length);
    metrics.addMetric('GapsOpen', MetricUnit.Count, gapsOpen);
    metrics.publishStoredMetrics();
  };
}

/** What one run of the relay did, and the state of the outbox after it. */
export interface RelayReport {
  /** How long the oldest event has been waiting to be published. */
  oldestMs: number;
  /** Number of events that the run published; null if the run failed. */
  published: number | null;
  /** Number of events that are parked now: Kinesis has rejected them permanently. */
  parked: number;
  /** The streams for which events are waiting, although no pool streams to them. */
  unusedStreams: readonly string[];
}

/**
 * Writes the state of the outbox, the table of events that are not published yet, as CloudWatch metrics. Writes them
 * after each run of the relay, even if the values are 0, so that alarms can use them.
 */
export function createRelayReporter(functionName: string): (report: RelayReport) => void {
  const metrics = openMetrics(functionName);
  return ({ oldestMs, published, parked, unusedStreams }) => {
    metrics.addMetric('OutboxAge', MetricUnit.Milliseconds, oldestMs);
    if (published !== null) metrics.addMetric('EventsPublished', MetricUnit.Count, published);
    metrics.addMetric('EventsParked', MetricUnit.Count, parked);
    metrics.addMetric('StreamsGone', MetricUnit.Count, unusedStreams.length);
    metrics.publishStoredMetrics();
  };
}

/** Writes what a check of a migration's origin found as CloudWatch metrics, at each run, even if the values are 0. */
export function createCheckReporter(functionName: string): (found: CheckOriginOutcome) => void {
  const metrics = openMetrics(functionName);
  return ({ notFollowed, withGap, lagMs }) => {
    metrics.addMetric('PoolsNotFollowed', MetricUnit.Count, notFollowed);
    metrics.addMetric('PoolsWithGap', MetricUnit.Count, withGap);
    if (lagMs !== null) metrics.addMetric('FollowLag', MetricUnit.Milliseconds, lagMs);
    metrics.publishStoredMetrics();
  };
}

/**
 * Writes the number of lasting problems of the bridge, which keeps a migrated pool and its origin equal, as a
 * CloudWatch metric. Writes it at each run, even if it is 0.
 */
export function createBridgeReporter(functionName: string): (problems: number) => void {
  const metrics = openMetrics(functionName);
  return (problems) => {
    metrics.addMetric('BridgeProblems', MetricUnit.Count, problems);
    metrics.publishStoredMetrics();
  };
}

/**
 * Creates a function that counts a response of the service with a status of 500 or above, as a CloudWatch metric. AWS's
 * own metric of function URLs does not count requests through other entry points.
 */
export function createServerErrorReporter(functionName: string): () => void {
  const metrics = openMetrics(functionName);
  return () => {
    metrics.addMetric('Responses5xx', MetricUnit.Count, 1);
    metrics.publishStoredMetrics();
  };
}

// CloudWatch accepts only ASCII in a dimension, up to this length.
const NOT_ASCII = /[^ -~]/g;
const MAX_DIMENSION_LENGTH = 1_024;

function toDimension(rule: string): string {
  return rule.replace(NOT_ASCII, '?').slice(0, MAX_DIMENSION_LENGTH);
}
