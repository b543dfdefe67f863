import { describe, expect, it } from 'vitest';
import { addActivity, type LiveRow } from '../../../infra/console/page/live-rows.ts';
import type { ActivityKind, ShownActivity } from '../../../infra/console/page/model.ts';

const DATASET = { identityPoolId: 'pool', identityId: 'ada', datasetName: 'game' };
let number = 0;
const activity = (kind: ActivityKind, details: object, atMs = 0): ShownActivity => {
  number += 1;
  return { kind, number, at: new Date(atMs), details: { ...details } };
};
const sync = (
  requestId: string,
  syncCount: number | null,
  more: { datasetName?: string; atMs?: number } = {},
) => activity('sync', { requestId, ...DATASET, ...more, syncCount }, more.atMs);
const trigger = (requestId: string | null) => activity('trigger', { requestId, ...DATASET });
const batch = (counts: number[], events = counts.length, atMs = 0) =>
  activity(
    'projected',
    { events, datasets: counts.map((syncCount) => ({ ...DATASET, syncCount, isRemoval: false })) },
    atMs,
  );
const removal = (syncCount: number | null) =>
  activity('projected', { events: 1, datasets: [{ ...DATASET, syncCount, isRemoval: true }] });
const push = (syncCount: number) => activity('push', { ...DATASET, syncCount });

/** Returns the kinds of activities in each row, newest row first. */
const kindsOf = (...activities: ShownActivity[]) =>
  activities
    .reduce<readonly LiveRow[]>(addActivity, [])
    .map((row) => row.activities.map(({ kind }) => kind).join(' '));

describe('addActivity', () => {
  it('puts the steps of a sync in one row', () => {
    expect(kindsOf(trigger('r1'), sync('r1', 7), batch([7]), push(7))).toEqual([
      'trigger sync projected push',
    ]);
  });

  it('does not depend on whether the projection and the push message arrive before the answer', () => {
    expect(kindsOf(trigger('r1'), push(7), batch([7]), sync('r1', 7))).toEqual([
      'trigger sync push projected',
    ]);
    expect(kindsOf(batch([7]), sync('r1', 7))).toEqual(['sync projected']);
  });

  it('keeps requests apart', () => {
    expect(kindsOf(sync('r1', 7), sync('r2', 8), batch([7]), batch([8]))).toEqual([
      'sync projected',
      'sync projected',
    ]);
    expect(kindsOf(trigger(null), trigger(null))).toEqual(['trigger', 'trigger']);
  });

  it('adds a batch to each of its syncs, and as a row of its own if it has other events', () => {
    expect(kindsOf(sync('r1', 7), sync('r2', 8), batch([7, 8]))).toEqual([
      'sync projected',
      'sync projected',
    ]);
    expect(kindsOf(sync('r1', 7), batch([6, 7]))).toEqual(['projected', 'sync projected']);
    expect(kindsOf(sync('r1', 7), batch([7], 2))).toEqual(['projected', 'sync projected']);
  });

  it('treats a later count of the dataset, or its removal, as the projection of a sync', () => {
    expect(kindsOf(sync('r1', 7), batch([8]))).toEqual(['projected', 'sync projected']);
    expect(kindsOf(sync('r1', 7), removal(null))).toEqual(['sync projected']);
    expect(kindsOf(sync('r1', 7), batch([7]), batch([8]))).toEqual(['projected', 'sync projected']);
  });

  it('shows a batch that Lambda delivers again in the row of its sync, but not a later publication of the dataset', () => {
    expect(kindsOf(sync('r1', 7), batch([7]), batch([7], 1, 9_999))).toEqual(['sync projected projected']);
    expect(kindsOf(sync('r1', 7), batch([7]), batch([7], 1, 9_999), batch([7], 1, 10_000))).toEqual([
      'projected',
      'sync projected projected',
    ]);
    expect(kindsOf(sync('r1', 7), batch([7], 1, 20_000))).toEqual(['sync projected']);
  });

  it('adds the next removal of a dataset to its deletion, whose answer has no sync count', () => {
    const deletion = activity('sync', {
      requestId: 'r1',
      ...DATASET,
      operation: 'DeleteDataset',
      syncCount: null,
    });
    const failed = activity('sync', { ...deletion.details, requestId: 'r2', error: { code: 'NotFound' } });
    expect(kindsOf(deletion, removal(8))).toEqual(['sync projected']);
    expect(kindsOf(deletion, removal(null))).toEqual(['sync projected']);
    expect(kindsOf(failed, removal(8))).toEqual(['projected', 'sync']);
    expect(kindsOf(sync('r0', 7), deletion, batch([7]))).toEqual(['sync', 'sync projected']);
    expect(kindsOf(batch([7]), deletion)).toEqual(['sync', 'projected']);
    expect(kindsOf(deletion, batch([7]), removal(8))).toEqual(['projected', 'sync projected']);
  });

  it('keeps what belongs to no sync as rows of their own', () => {
    expect(kindsOf(sync('r1', null), batch([7]), push(7))).toEqual(['push', 'projected', 'sync']);
    expect(kindsOf(sync('r1', 7, { datasetName: 'notes' }), batch([7]))).toEqual(['projected', 'sync']);
    expect(kindsOf(batch([7], 1, 0), sync('r1', 7, { atMs: 3_000 }))).toEqual(['sync', 'projected']);
  });
});
