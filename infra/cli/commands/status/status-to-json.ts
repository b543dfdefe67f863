import { isoOf } from '../../terminal/format.ts';
import { runToJson } from '../bulk-publish/describe-run.ts';
import { findingsOf } from './status-findings.ts';
import type { PoolReport, ShardReport, StatusReport } from './status-report.ts';

/** Converts a status report for a program: an object for JSON, with ISO 8601 times. */
export function statusToJson(report: StatusReport) {
  const { service, problem, pools, streams, ofUnknownPool } = report;
  return {
    service,
    problem,
    identityPools: pools.map(poolToJson),
    streams: streams.map(({ shards, ...stream }) => ({ ...stream, shards: shards.map(shardToJson) })),
    quarantine: ofUnknownPool.map(({ reason, events }) => ({ reason, events })),
    toBeLookedAt: findingsOf(report),
  };
}

function poolToJson(report: PoolReport) {
  const { now, seen, lastRun, gaps, reconciliation, quarantine, needsPublishAfter, ...pool } = report;
  return {
    ...pool,
    streaming: now?.streaming ?? null,
    syncTrigger: now?.syncTrigger ?? null,
    seenStreaming: seen && {
      isEnabled: seen.isEnabled,
      streamName: seen.streamName,
      checkedAt: isoOf(seen.checkedAt),
    },
    lastBulkPublish: lastRun && runToJson(lastRun),
    gaps: gaps.map(({ since, until, cause }) => ({ since: isoOf(since), until: isoOf(until), cause })),
    bulkPublishNeededAfter: isoOf(needsPublishAfter),
    reconciliation: reconciliation && {
      startedAt: isoOf(reconciliation.startedAt),
      finishedAt: isoOf(reconciliation.finishedAt),
      compared: reconciliation.compared,
      repaired: reconciliation.repaired,
    },
    quarantine: quarantine.map(({ reason, events }) => ({ reason, events })),
  };
}

function shardToJson({ shardId, arrivedAt, projectedAt, waiting }: ShardReport) {
  return { shardId, arrivedAt: isoOf(arrivedAt), projectedAt: isoOf(projectedAt), waiting };
}
