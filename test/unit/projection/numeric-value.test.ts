import fc from 'fast-check';
import { expect, it } from 'vitest';
import { numericValue } from '../../../lib/projection/numeric-value.ts';

it.each(['0', '-0', '7', '-12.50', '1e3', '1E-7', '0.1e+2', '9'.repeat(40), `0.${'3'.repeat(39)}`, '1e39'])(
  'numericValue accepts %s as a number',
  (text) => {
    expect(numericValue(text)).toBe(text);
  },
);

it.each([
  '',
  ' 1',
  '1 ',
  '01',
  '+1',
  '.5',
  '5.',
  '1e',
  '0x10',
  'NaN',
  'Infinity',
  '1,5',
  '١',
  '9'.repeat(41),
  '1e40',
  '1e-40',
  '1e999999999',
  `1e${'9'.repeat(400)}`,
])('numericValue treats %s as text', (text) => {
  expect(numericValue(text)).toBeNull();
});

it('numericValue accepts the numbers that JSON.stringify writes', () => {
  fc.assert(
    fc.property(fc.oneof(fc.double({ min: -1e12, max: 1e12, noNaN: true }), fc.integer()), (number) => {
      const text = JSON.stringify(Math.abs(number) < 1e-12 ? 0 : number);
      expect(numericValue(text)).toBe(text);
    }),
  );
});
