import { describe, expect, it } from 'vitest';
import type { LiveRow } from '../../../infra/console/page/live-rows.ts';
import { isWaiting, stepsOf } from '../../../infra/console/page/live-steps.ts';
import type { ActivityKind } from '../../../infra/console/page/model.ts';

const UPDATE = { operation: 'UpdateRecords', syncCount: 7, durationMs: 12, error: null };

/** A row whose request was answered after one second. */
const rowOf = (...activities: [kind: ActivityKind, details: object, atMs?: number][]): LiveRow => ({
  number: 1,
  at: new Date(1_000),
  activities: activities.map(([kind, details, atMs = 1_000], number) => ({
    kind,
    number,
    at: new Date(atMs),
    details: { ...details },
  })),
});
const textsOf = (row: LiveRow, now = 1_000) =>
  stepsOf(row, now).map(({ text, state }) => `${text} (${state})`);

describe('stepsOf', () => {
  it('names the steps from the device to the row, and measures from the arrival of the request', () => {
    const trigger = { functionName: 'sync-trigger', outcome: 'accepted', reason: null, records: [] };
    const row = rowOf(
      ['trigger', trigger],
      ['sync', UPDATE],
      ['projected', {}, 1_100],
      ['push', {}],
      ['push', {}],
    );
    expect(textsOf(row)).toEqual([
      'received (good)',
      'rules: accepted (good)',
      'stored in 12 ms (good)',
      'projected after 112 ms (good)',
      'pushed to 2 devices (good)',
    ]);
  });

  it('warns if events of the batch are in quarantine, and says how many', () => {
    const stepAfter = (events: number, quarantined: number) =>
      textsOf(rowOf(['sync', UPDATE], ['projected', { events, quarantined }, 1_100])).at(-1);
    expect(stepAfter(3, 0)).toBe('projected after 112 ms (good)');
    expect(stepAfter(3, 1)).toBe('batch of 3 events written after 112 ms, 1 in quarantine (warn)');
    expect(stepAfter(1, 1)).toBe('batch of 1 event written after 112 ms, 1 in quarantine (warn)');
  });

  it('names the first record that the trigger changed, and counts the others', () => {
    const decided = (functionName: string, outcome: string, ...records: object[]) =>
      textsOf(rowOf(['trigger', { functionName, outcome, reason: 'bad', records }]))[1];
    const score = { key: 'score', decision: 'reverted' };
    const accepted = { key: 'name', decision: 'accepted' };
    expect(decided('sync-trigger', 'changed', score, accepted)).toBe('rules: score reverted (warn)');
    expect(decided('sync-trigger', 'changed', score, score)).toBe('rules: score reverted, and 1 more (warn)');
    expect(decided('my-function', 'rejected')).toBe('my-function: rejected, bad (bad)');
    expect(decided('sync-trigger', 'rejected', { key: null, decision: 'rejected' })).toBe(
      'rules: rejected (bad)',
    );
  });

  it('says that a projection is missing after ten seconds', () => {
    const row = rowOf(['sync', UPDATE]);
    expect(textsOf(row, 10_999)).toContain('waiting for the projection (quiet)');
    expect(isWaiting(row, 10_999)).toBe(true);
    expect(textsOf(row, 11_000)).toContain('not projected within 10 s (warn)');
    expect(isWaiting(row, 11_000)).toBe(false);
  });

  it('expects no projection of a sync that wrote nothing', () => {
    const error = { code: 'ResourceConflictException', message: 'stale' };
    expect(textsOf(rowOf(['sync', { ...UPDATE, syncCount: null, error }]))).toEqual([
      'received (good)',
      'ResourceConflictException after 12 ms (bad)',
    ]);
    expect(textsOf(rowOf(['sync', { ...UPDATE, syncCount: null }]))[1]).toBe('nothing to write (quiet)');
    expect(textsOf(rowOf(['sync', { ...UPDATE, operation: 'RegisterDevice', syncCount: null }]))).toEqual([
      'received (good)',
      'done in 12 ms (good)',
    ]);
  });
});
