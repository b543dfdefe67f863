import { describe, expect, it } from 'vitest';
import { createCurrentRequest } from '../../../infra/local/activity/watch-calls.ts';
import { watchFunctions } from '../../../infra/local/activity/watch-functions.ts';
import type { InvokeLocalFunction } from '../../../infra/local/functions/local-functions.ts';
import type { TimedActivity } from '../../../lib/query/activity.ts';
import { createActivityFeed } from '../../../lib/query/activity-feed.ts';
import { FunctionError } from '../../../lib/sync/ports/functions.ts';
import { buildSyncTriggerEvent } from '../../../lib/sync/trigger/build-sync-trigger-event.ts';
import { IDENTITY, POOL } from '../../fixtures/sync/stream-events.ts';

const EVENT = buildSyncTriggerEvent(
  { identityPoolId: POOL, identityId: IDENTITY, datasetName: 'game' },
  [
    { Key: 'old', Value: '1' },
    { Key: 'kept', Value: '1' },
  ],
  [
    { key: 'old', value: '2' },
    { key: 'new', value: '2' },
  ],
);

/** Runs a function through the observer. @returns the activity that the observer reports */
async function observe(invoke: InvokeLocalFunction): Promise<TimedActivity | undefined> {
  const feed = createActivityFeed({ now: () => 0 });
  const received: TimedActivity[] = [];
  feed.listen({ identityPoolId: null, identityId: null }, (_, activity) => received.push(activity));
  const run = watchFunctions(feed, invoke, { current: createCurrentRequest(), now: () => 0 });
  const options = { identityId: IDENTITY, timeoutMs: 5_000, onStart: () => undefined };
  await run('arn:aws:lambda:us-east-1:1:function:own', EVENT, options).catch(() => undefined);
  expect(received).toHaveLength(1);
  return received[0];
}

/** Runs a function without rules that answers with these records in addition to those of the event. */
const answering = (records: Record<string, object | null>) =>
  observe(async () => ({ ...EVENT, datasetRecords: { ...EVENT.datasetRecords, ...records } }));

describe('the decisions of a function without rules', () => {
  it.each([
    ['accepted', {}, { old: 'accepted', new: 'accepted' }],
    ['changed', { old: { newValue: '1', op: 'replace' } }, { old: 'reverted', new: 'accepted' }],
    ['changed', { old: null, new: null }, { old: 'reverted', new: 'dropped' }],
    ['changed', { old: { op: 'remove' }, new: { op: 'remove' } }, { old: 'removed', new: 'dropped' }],
    ['changed', { new: { newValue: '3', op: 'replace' } }, { old: 'accepted', new: 'rewritten' }],
    [
      'changed',
      { kept: { op: 'remove' }, more: { newValue: '1', op: 'replace' } },
      { old: 'accepted', new: 'accepted', kept: 'removed', more: 'derived' },
    ],
  ])('are %s if it answers with %j', async (outcome, answer, expected) => {
    const activity = await answering(answer);
    expect(activity).toMatchObject({ kind: 'trigger', outcome, reason: null });
    const records = activity?.kind === 'trigger' ? activity.records : [];
    expect(Object.fromEntries(records.map(({ key, decision }) => [key, decision]))).toEqual(expected);
  });

  it('are empty if it fails, and the activity has the reason', async () => {
    const failed = await observe(() => Promise.reject(new FunctionError('threw', 'boom')));
    expect(failed).toMatchObject({ outcome: 'rejected', reason: 'boom', records: [], recordCount: 0 });
  });
});

describe('the decisions of sync rules', () => {
  it('keep their actions if they reject the update', async () => {
    const rejected = await observe((_, __, { onDecisions }) => {
      onDecisions?.([
        { rule: 'a', key: 'old', action: 'rule-error', reason: 'it threw' },
        { rule: 'b', key: 'new', action: 'rejected', reason: 'no' },
      ]);
      return Promise.reject(new FunctionError('threw', 'new: no'));
    });
    expect(rejected).toMatchObject({
      outcome: 'rejected',
      reason: 'new: no',
      records: [
        { key: 'old', decision: 'rule-error', rule: 'a' },
        { key: 'new', decision: 'rejected', rule: 'b' },
      ],
    });
  });
});
