import { FunctionError, type InvokeFunction } from '../../../lib/sync/ports/functions.ts';
import type { RequestObserver } from '../../../lib/wire/service/observe-requests.ts';
import type { MappingStatus } from '../event-source-mapping/event-source-mapping.ts';
import type { DecisionsMessage } from '../functions/messages.ts';
import type { ProjectionTotals } from '../projection-totals.ts';
import type { ScheduleStatus } from '../schedules/schedule.ts';
import { createCounter, createHistogram } from './counters.ts';
import type { Metric } from './format-metrics.ts';

/** Upper bounds of the buckets for durations of requests, in seconds. A sync trigger may take five seconds. */
const DURATION_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** The state of the pipeline at the time of a scrape. */
interface PipelineState {
  mappings: readonly MappingStatus[];
  schedules: readonly ScheduleStatus[];
  projection: ProjectionTotals;
}

/** Metrics that this process counts itself. Reading them needs no database. */
export interface LocalMetrics {
  requests: RequestObserver;
  onDecisions: (decisions: DecisionsMessage) => void;
  /** Wraps an invoker so that its calls are counted by their outcome. */
  countCalls(invoke: InvokeFunction): InvokeFunction;
  read(pipeline: PipelineState): Metric[];
}

/**
 * Creates the counters. No label is an identity, a pool, a dataset or a key, so the number of time series is bounded.
 */
export function createLocalMetrics(): LocalMetrics {
  const requests = createCounter();
  const durations = createHistogram(DURATION_BOUNDS);
  const decisions = createCounter();
  const calls = createCounter();
  let inFlight = 0;
  return {
    requests: {
      now: () => performance.now(),
      started() {
        inFlight += 1;
      },
      answered({ operation, code, durationMs }) {
        inFlight -= 1;
        requests.add({ operation, code });
        durations.observe({ operation }, durationMs / 1_000);
      },
    },
    onDecisions: ({ rule, action, count }) => decisions.add({ rule, action }, count),
    countCalls: (invoke) => async (arn, event, options) => {
      try {
        const answer = await invoke(arn, event, options);
        calls.add({ outcome: 'answered' });
        return answer;
      } catch (error) {
        calls.add({ outcome: error instanceof FunctionError ? error.reason : 'failed' });
        throw error;
      }
    },
    read: (pipeline) => [
      counter('requests_total', 'Answered requests, by operation and error code.', requests.samples()),
      {
        name: 'cognito_sync_request_duration_seconds',
        type: 'histogram',
        help: 'Time from the head of a request to its complete response.',
        samples: durations.samples(),
      },
      gauge('requests_in_flight', 'Requests that are being answered.', [{ value: inFlight }]),
      counter(
        'trigger_calls_total',
        'Calls of sync triggers, by outcome. A trigger that rejects an update has the outcome threw.',
        calls.samples(),
      ),
      counter('trigger_decisions_total', 'Decisions of the sync rules, by rule.', decisions.samples()),
      ...pipelineMetrics(pipeline),
    ],
  };
}

function pipelineMetrics({ mappings, schedules, projection }: PipelineState): Metric[] {
  const lag = mappings.map(({ functionName, shards }) => ({
    labels: { function: functionName },
    value: Math.max(0, ...shards.map(({ millisBehind }) => millisBehind)) / 1_000,
  }));
  const isFailing = ({ functionName, lastError }: ScheduleStatus) => ({
    labels: { function: functionName },
    value: lastError === null ? 0 : 1,
  });
  return [
    gauge(
      'stream_lag_seconds',
      'Age of the oldest event that was read from the stream but not processed.',
      lag,
    ),
    counter('projected_events_total', 'Events that were projected into the query store.', [
      { value: projection.events },
    ]),
    counter('projected_records_total', 'Records that were written to the query store.', [
      { value: projection.recordsChanged },
    ]),
    counter('quarantined_events_total', 'Events that were quarantined since the start.', [
      { value: projection.eventsQuarantined },
    ]),
    gauge('schedule_failing', '1 if the last run of a scheduled function failed.', schedules.map(isFailing)),
  ];
}

function counter(name: string, help: string, samples: Metric['samples']): Metric {
  return { name: `cognito_sync_${name}`, type: 'counter', help, samples };
}

function gauge(name: string, help: string, samples: Metric['samples']): Metric {
  return { name: `cognito_sync_${name}`, type: 'gauge', help, samples };
}
