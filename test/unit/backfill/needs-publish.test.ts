import { describe, expect, it } from 'vitest';
import { beganBeforeGapEnd, needsPublishAfter } from '../../../lib/backfill/needs-publish.ts';

const projected = (startedAt: number) => ({ startedAt, completeness: 'projected' as const });

describe('a pool with gaps (periods whose removals may be missing)', () => {
  const gaps = [
    { since: 1, until: 9 },
    { since: 2, until: 5 },
  ];

  it('needs a projected bulk publish that started when the last gap ended, or later', () => {
    expect(needsPublishAfter(gaps, [])).toBe(9);
    expect(needsPublishAfter(gaps, [projected(8)])).toBe(9);
    expect(needsPublishAfter(gaps, [{ startedAt: 10, completeness: 'waiting' }])).toBe(9);
    expect(needsPublishAfter(gaps, [projected(9)])).toBeNull();
    expect(needsPublishAfter(gaps, [projected(8), projected(10)])).toBeNull();
  });

  it('needs no bulk publish without a gap, nor while a gap continues', () => {
    expect(needsPublishAfter([], [])).toBeNull();
    expect(needsPublishAfter([...gaps, { since: 3, until: null }], [])).toBeNull();
  });

  it('may lack data even after a bulk publish if that bulk publish started before the last gap ended', () => {
    expect(beganBeforeGapEnd({ startedAt: 8 }, gaps)).toBe(true);
    expect(beganBeforeGapEnd({ startedAt: 9 }, gaps)).toBe(false);
    expect(beganBeforeGapEnd({ startedAt: 10 }, [{ since: 3, until: null }])).toBe(true);
    expect(beganBeforeGapEnd({ startedAt: 10 }, [])).toBe(false);
  });
});
