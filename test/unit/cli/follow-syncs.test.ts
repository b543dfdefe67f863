import { describe, expect, it } from 'vitest';
import { describeSync } from '../../../infra/cli/commands/tail/describe-sync.ts';
import { followSyncs, type SyncFate } from '../../../infra/cli/commands/tail/follow-syncs.ts';
import type {
  ProjectedActivity,
  SyncActivity,
  TimedActivity,
  TriggerActivity,
} from '../../../lib/query/activity.ts';

const START = Date.UTC(2026, 0, 1, 12);
const DATASET = { identityPoolId: 'us-east-1:pool', identityId: 'us-east-1:ada', datasetName: 'game' };

const sync = (more: Partial<SyncActivity> = {}): SyncActivity => ({
  kind: 'sync',
  operation: 'UpdateRecords',
  requestId: 'r1',
  ...DATASET,
  syncCount: 3,
  records: 2,
  durationMs: 4,
  deviceId: null,
  error: null,
  ...more,
});
const projected = (syncCount: number): ProjectedActivity => ({
  kind: 'projected',
  streamName: 'cognito-sync',
  shardId: 'shardId-0',
  events: 1,
  records: 2,
  recordsChanged: 2,
  quarantined: 0,
  batchMs: 5,
  lagMs: 9,
  datasets: [{ ...DATASET, syncCount, isRemoval: false }],
});
const trigger = (more: Partial<TriggerActivity>): TriggerActivity => ({
  kind: 'trigger',
  requestId: 'r1',
  ...DATASET,
  functionName: 'sync-trigger',
  durationMs: 1,
  outcome: 'accepted',
  reason: null,
  records: [],
  recordCount: 0,
  ...more,
});

/** Passes activities to a follower, each at a time in milliseconds after the start. @returns the lines */
function follow(
  activities: [afterMs: number, activity: TriggerActivity | SyncActivity | ProjectedActivity][],
) {
  const fates: SyncFate[] = [];
  const follower = followSyncs((fate) => fates.push(fate));
  for (const [afterMs, activity] of activities) {
    const at = new Date(START + afterMs).toISOString();
    follower.see({ ...activity, at } as TimedActivity, START + afterMs);
  }
  return {
    fates,
    lines: () => fates.map(describeSync),
    giveUp: (ms: number) => follower.giveUp(START + ms),
    stop: follower.stop,
  };
}

describe('tail', () => {
  it('prints a sync once its change is projected, with the time that this took', () => {
    const { lines } = follow([
      [0, sync()],
      [20, projected(2)],
      [38, projected(3)],
      [50, projected(4)],
    ]);
    expect(lines()).toEqual([
      '12:00:00.000  us-east-1:ada  game  UpdateRecords  2 records  sync count 3  4 ms  projected after 38 ms',
    ]);
  });

  it('assigns a projection to a sync that is reported shortly after it, but not to one that is reported much later', () => {
    expect(
      follow([
        [0, projected(3)],
        [2, sync()],
      ]).lines(),
    ).toEqual([expect.stringContaining('projected after 0 ms')]);
    expect(
      follow([
        [0, projected(9)],
        [60_000, sync()],
      ]).lines(),
    ).toEqual([]);
  });

  it('names the rules that changed records, and the time until the change is projected', () => {
    const records = [
      { key: 'score', decision: 'reverted', rule: 'datasets.game.keys.score', reason: 'must not decrease' },
      { key: 'name', decision: 'accepted', rule: null, reason: null },
    ] as const;
    const part = follow([
      [0, trigger({ outcome: 'changed', records: [...records] })],
      [1, sync()],
      [2, projected(3)],
    ]);
    expect(part.lines()).toEqual([
      expect.stringMatching(
        / {2}score reverted by datasets\.game\.keys\.score \(must not decrease\); projected after 1 ms$/,
      ),
    ]);
    const all = follow([
      [0, trigger({ outcome: 'changed', records: records.slice(0, 1) })],
      [1, sync()],
      [3, projected(3)],
    ]);
    expect(all.lines()).toEqual([
      expect.stringMatching(/ {2}score reverted by .*\(must not decrease\); projected after 2 ms$/),
    ]);
  });

  it('names the rule that rejected a sync, or the reason of a function that has no rules', () => {
    const error = { code: 'InvalidLambdaFunctionOutputException', message: 'the function threw' };
    const failed = (more: Partial<TriggerActivity>) =>
      follow([
        [0, trigger({ outcome: 'rejected', reason: 'boom', ...more })],
        [1, sync({ syncCount: null, error })],
      ]).lines();
    expect(failed({})).toEqual([expect.stringMatching(/ {2}rejected: boom$/)]);
    const rule = 'datasets.game.keys.name';
    expect(failed({ records: [{ key: 'name', decision: 'rejected', rule, reason: 'bad' }] })).toEqual([
      expect.stringMatching(/ {2}rejected: name rejected by datasets\.game\.keys\.name \(bad\)$/),
    ]);
  });

  it('prints the conflict of a sync whose records a rule reverted before', () => {
    const error = { code: 'ResourceConflictException', message: 'Current SyncCount for: score is: 2 not: 1' };
    const record = {
      key: 'score',
      decision: 'reverted',
      rule: 'datasets.game.keys.score',
      reason: 'r',
    } as const;
    const { lines } = follow([
      [0, trigger({ outcome: 'changed', records: [record] })],
      [1, sync({ syncCount: null, error })],
    ]);
    expect(lines()).toEqual([expect.stringMatching(/ {2}rejected: ResourceConflictException: Current /)]);
  });

  it('prints without waiting that a sync wrote nothing', () => {
    const record = { key: 'score', decision: 'dropped', rule: null, reason: null } as const;
    const { lines } = follow([
      [0, trigger({ outcome: 'changed', records: [record] })],
      [1, sync({ syncCount: null })],
    ]);
    expect(lines()).toEqual([expect.stringMatching(/ {2}score dropped; nothing written$/)]);
  });

  it('prints conflicts and subscriptions without waiting for a projection, and escapes control characters in names', () => {
    const error = { code: 'ResourceConflictException', message: 'Current SyncCount for: score is 2 not 1' };
    const { lines } = follow([
      [0, sync({ syncCount: null, error, datasetName: 'a\u001b[2J' })],
      [1, sync({ operation: 'SubscribeToDataset', syncCount: null, records: 0 })],
    ]);
    expect(lines()).toEqual([
      expect.stringContaining(
        'a\\u001b[2J  UpdateRecords  2 records  4 ms  rejected: ResourceConflictException: ',
      ),
      expect.stringMatching(/SubscribeToDataset {2}4 ms {2}done$/),
    ]);
  });

  it('prints that a sync was not projected after ten seconds without a projection', () => {
    const { fates, lines, giveUp } = follow([[0, sync()]]);
    giveUp(9_999);
    expect(fates).toEqual([]);
    giveUp(10_000);
    giveUp(20_000);
    expect(lines()).toEqual([expect.stringContaining('not projected within 10 s')]);
  });

  it('prints that the local cloud stopped before it reported the projection', () => {
    const { fates, lines, giveUp, stop } = follow([[0, sync()]]);
    stop();
    stop();
    giveUp(20_000);
    expect(lines()).toEqual([
      expect.stringMatching(/ {2}the local cloud stopped before it reported the projection$/),
    ]);
    expect(fates).toMatchObject([{ projectedAfterMs: null, isCutOff: true }]);
  });
});
