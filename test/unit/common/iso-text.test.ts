import fc from 'fast-check';
import { expect, it } from 'vitest';
import { toIsoText } from '../../../lib/common/iso-text.ts';

it('toIsoText returns the same text as Date, for every time that Date supports', () => {
  const time = fc.integer({ min: -8.64e15, max: 8.64e15 });
  // The second time is often on the same day, because the function reuses the text of the last day.
  const nextTime = fc.integer({ min: -1e8, max: 1e8 });
  fc.assert(
    fc.property(time, nextTime, (epochMs, distance) => {
      for (const ms of [epochMs, Math.max(-8.64e15, Math.min(8.64e15, epochMs + distance))]) {
        expect(toIsoText(ms)).toBe(new Date(ms).toISOString());
      }
    }),
  );
});

it.each([0, -1, 999, 86_399_999, 86_400_000, 253_402_300_799_999, -62_135_596_800_000])(
  'toIsoText returns the same text as Date for the time %i',
  (epochMs) => expect(toIsoText(epochMs)).toBe(new Date(epochMs).toISOString()),
);
