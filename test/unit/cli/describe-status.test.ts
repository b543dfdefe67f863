import { describe, expect, it } from 'vitest';
import { describeStatus } from '../../../infra/cli/commands/status/describe-status.ts';
import { findingsOf } from '../../../infra/cli/commands/status/status-findings.ts';
import type { PoolReport, StatusReport } from '../../../infra/cli/commands/status/status-report.ts';
import type { PublishRun, RunFacts } from '../../../lib/backfill/publish-model.ts';
import { cannotBeKnown, failed, projected, published } from '../../../lib/backfill/run-transitions.ts';

const POOL = 'us-east-1:1';
const START = Date.UTC(2026, 0, 1);
const FACTS: RunFacts = {
  identityPoolId: POOL,
  startedAt: START,
  streamName: 'cognito-sync',
  streamCreatedAt: null,
  completedAt: START + 60_000,
  failureMessage: null,
  unmovedSince: null,
  checkedAt: START,
};
const PUBLISHED = published(FACTS);
const STALLED: PublishRun = { ...PUBLISHED, completeness: 'stalled' };
const RUN = projected(PUBLISHED, START + 90_000);
const GOOD: PoolReport = {
  identityPoolId: POOL,
  now: { streaming: { isEnabled: true, streamName: 'cognito-sync', roleArn: null }, syncTrigger: null },
  problem: null,
  seen: null,
  lastRun: RUN,
  gaps: [],
  needsPublishAfter: null,
  reconciliation: null,
  quarantine: [],
};

function reportOf(pool: Partial<PoolReport> = {}, more: Partial<StatusReport> = {}): StatusReport {
  const pools = [{ ...GOOD, ...pool }];
  return { service: 'the service', problem: null, pools, streams: [], ofUnknownPool: [], ...more };
}

describe('the status', () => {
  it('lists no findings if all is well', () => {
    expect(findingsOf(reportOf())).toEqual([]);
    expect(describeStatus(reportOf())).toEqual([
      POOL,
      '  streaming     ENABLED on cognito-sync',
      '  sync trigger  none',
      '  bulk publish  started 2026-01-01T00:00:00Z, published 2026-01-01T00:01:00Z, projected 2026-01-01T00:01:30Z',
      '  gaps          none',
      '  reconciled    never',
      '  quarantine    none',
    ]);
  });

  it.each<[string, Partial<PoolReport>, string | null]>([
    [
      'a gap that has ended',
      { gaps: [{ since: START, until: START + 1_000, cause: 'streaming-off' }] },
      `${POOL}: removals may be missing since 2026-01-01T00:00:00Z until 2026-01-01T00:00:01Z, because the pool did not stream: run \`reconcile --pool ${POOL}\``,
    ],
    [
      'a gap that continues',
      { gaps: [{ since: START, until: null, cause: 'expired' }] },
      'records may have expired from the stream before they were projected, or the stream was deleted and created again: once the waiting events of the stream are projected, run',
    ],
    [
      'a missing bulk publish',
      { needsPublishAfter: START },
      `a bulk publish is needed: no bulk publish that started after 2026-01-01T00:00:00Z is in the query store; run \`bulk-publish start --pool ${POOL}\``,
    ],
    ['a failed bulk publish', { lastRun: failed(FACTS) }, 'has failed'],
    ['a stalled bulk publish', { lastRun: STALLED }, 'has stalled'],
    [
      'events in quarantine',
      {
        quarantine: [
          { identityPoolId: POOL, reason: 'not-json', events: 2 },
          { identityPoolId: POOL, reason: 'unstorable-text', events: 1 },
        ],
      },
      'in quarantine: 2 not-json, 1 unstorable-text; run `redrive` to project them again',
    ],
    ['a pool that could not be queried', { now: null, problem: 'no permission' }, `${POOL}: no permission`],
    ['a bulk publish in progress', { lastRun: PUBLISHED }, null],
    ['a bulk publish with an unknown outcome', { lastRun: cannotBeKnown(PUBLISHED, 'x', START) }, null],
    ['a pool that never streamed', { lastRun: null, now: null }, null],
  ])('lists the findings of %s, if any', (_, pool, finding) => {
    const todo = findingsOf(reportOf(pool));
    expect(todo).toEqual(finding === null ? [] : [expect.stringContaining(finding)]);
    const lines = describeStatus(reportOf(pool));
    expect(lines.includes('Needs attention:')).toBe(finding !== null);
  });

  it('describes streams, quarantined events of an unknown pool, and an unreachable service', () => {
    const shard = { shardId: 'shardId-0', arrivedAt: START, projectedAt: START };
    const report = reportOf(
      { now: null, seen: { isEnabled: true, streamName: 'cognito-sync', checkedAt: START } },
      {
        problem: 'it cannot be reached',
        streams: [
          {
            streamName: 'cognito-sync',
            isStreamedTo: true,
            problem: null,
            shards: [
              { ...shard, waiting: { events: 0, hasMore: false, lagMs: 0 } },
              { ...shard, waiting: { events: 100, hasMore: true, lagMs: 200_000 } },
              { ...shard, arrivedAt: null, waiting: null },
              {
                ...shard,
                arrivedAt: null,
                projectedAt: null,
                waiting: { events: 1, hasMore: false, lagMs: 1_500 },
              },
            ],
          },
        ],
        ofUnknownPool: [{ identityPoolId: null, reason: 'not-json', events: 1 }],
      },
    );
    expect(describeStatus(report)).toEqual(
      expect.arrayContaining([
        'The service was not queried: it cannot be reached',
        '  streaming     ENABLED on cognito-sync when seen at 2026-01-01T00:00:00Z',
        'stream cognito-sync',
        '  shardId-0  projected up to the events that arrived at 2026-01-01T00:00:00Z, nothing waiting',
        '  shardId-0  projected up to the events that arrived at 2026-01-01T00:00:00Z, 100 events or more waiting, the oldest for 3 min',
        '  shardId-0  projected at 2026-01-01T00:00:00Z, position unknown',
        '  shardId-0  nothing projected yet, 1 event waiting, the oldest for 1.5 s',
        'in quarantine, pool unknown: 1 not-json',
      ]),
    );
    expect(findingsOf(report)).toHaveLength(3);
    expect(findingsOf(report)[1]).toContain('check that a function projects this stream');
  });
});
