import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitBody, toPartColumns } from '../../../lib/sync/store/payload-parts.ts';

const KIB = 1024;

describe('splitBody', () => {
  it('returns parts that join to any text, none larger than allowed, and splits no character', () => {
    const text = fc.string({
      unit: fc.oneof(
        fc.constantFrom('a', '"', '\\', '\u0000', 'é', '€', '😀', '\ud83d', '\ude00', '\uffff'),
        fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
      ),
      maxLength: 200,
    });
    fc.assert(
      fc.property(text, fc.integer({ min: 4, max: 40 }), (body, maxBytes) => {
        const parts = splitBody(body, maxBytes);
        expect(parts.join('')).toBe(body);
        expect(Buffer.concat(parts.map((part) => Buffer.from(part)))).toEqual(Buffer.from(body));
        for (const [index, part] of parts.entries()) {
          expect(Buffer.byteLength(part)).toBeLessThanOrEqual(maxBytes);
          const isLast = index === parts.length - 1;
          expect(isLast || Buffer.byteLength(part) > maxBytes - 4).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['an empty text', '', 1],
    ['a text of exactly 512 KiB', 'x'.repeat(512 * KIB), 1],
    ['one byte more', 'x'.repeat(512 * KIB + 1), 2],
    ['characters of three bytes', '€'.repeat(400 * KIB), 3],
  ])('splits %s into parts of 512 KiB', (_, body, count) => {
    const parts = splitBody(body);
    expect([parts.length, parts.join('') === body]).toEqual([count, true]);
  });
});

describe('toPartColumns', () => {
  it('returns the first part of each body, and the remaining parts of all bodies as columns', () => {
    const [x, y] = ['x'.repeat(512 * KIB), 'y'.repeat(512 * KIB)];
    const columns = toPartColumns([
      { payloadId: 'p1', body: `${x}${y}"` },
      null,
      { payloadId: 'p2', body: '[]' },
      { payloadId: 'p3', body: `${y}1` },
    ]);
    expect(columns).toEqual({
      starts: [x, null, '[]', y],
      parts: ['{p1,p1,p3}', '{1,2,1}', `{"${y}","\\"","1"}`],
    });
  });
});
