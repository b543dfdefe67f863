import { describe, expect, it } from 'vitest';
import { numericColumns, toBars } from '../../../infra/console/page/chart-data.ts';

const tableOf = (...rows: (string | null)[][]) => ({
  columns: (rows[0] ?? []).map((_, index) => ({ name: `c${index}`, type: 'text' })),
  rows,
});

describe('numericColumns', () => {
  it.each([
    ['numbers', ['1', '-2.5', '.5', '1.', '1e6', '99999999999999999999'], [0]],
    ['numbers, null and special values', ['1', null, 'NaN', 'Infinity', '-Infinity'], [0]],
    ['only null', [null, null], []],
    ['only special values', ['NaN', 'Infinity'], []],
    ['a number and a text', ['1', 'one'], []],
    ['empty texts', ['', ''], []],
    ['texts that only JavaScript reads as numbers', ['0x10', ' 5 '], []],
  ])('for a column of %s', (_, values, expected) => {
    expect(numericColumns(tableOf(...values.map((value) => [value])))).toEqual(expected);
  });

  it('reads a text of one million digits that is not a number in seconds', () => {
    const startedAt = performance.now();
    for (const end of ['x', '.x', '.5x', 'ex'])
      expect(numericColumns(tableOf([`${'1'.repeat(1_000_000)}${end}`]))).toEqual([]);
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });
});

describe('toBars', () => {
  const sizes = (...values: (string | null)[]) =>
    toBars(
      values.map((value) => ['a', value]),
      { name: 0, value: 1 },
    ).map(({ size }) => size);

  it('compares the bars with the largest absolute value', () => {
    expect(sizes('5', '-10', '0')).toEqual([0.5, 1, 0]);
    expect(sizes('0', '-0')).toEqual([0, 0]);
    expect(sizes('5e-324')).toEqual([1]);
  });

  it('draws no bar for null and NaN, and the longest bar for values beyond the range of a number', () => {
    expect(sizes('5', null, 'NaN', '10')).toEqual([0.5, null, null, 1]);
    expect(sizes('5', 'Infinity', '-Infinity', `1${'0'.repeat(400)}`, '1e400')).toEqual([1, 1, 1, 1, 1]);
    expect(sizes('NaN', 'Infinity')).toEqual([null, 1]);
  });

  it('keeps all digits of a value', () => {
    expect(toBars([[null, '12345678901234567890.10']], { name: 0, value: 1 })).toEqual([
      { name: null, value: '12345678901234567890.10', size: 1 },
    ]);
  });
});
