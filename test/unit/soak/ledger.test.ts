import { describe, expect, it } from 'vitest';
import {
  acknowledge,
  acknowledgeDeletion,
  adopt,
  compare,
  createDatasetLedger,
  doubt,
} from '../../soak/ledger.ts';

const open = () => createDatasetLedger({ IdentityPoolId: 'pool', IdentityId: 'id' }, 'game');
const entry = (value: string | null, syncCount: number) => ({ value, syncCount });

describe('the ledger of a soak run', () => {
  it('finds a key whose acknowledged value is missing or replaced by an older value', () => {
    const dataset = open();
    acknowledge(dataset, [['a', entry('1', 1)]]);
    acknowledge(dataset, [['a', entry('2', 2)]]);
    expect(compare(dataset, new Map([['a', entry('2', 2)]]))).toEqual([]);
    expect(compare(dataset, new Map([['a', entry('1', 1)]]))).toEqual([
      'id game: a is 1, acknowledged was 2',
    ]);
    expect(compare(dataset, new Map())).toEqual(['id game: a is null, acknowledged was 2']);
  });

  it('finds a value that no device wrote, and a removed record that has a value again', () => {
    const dataset = open();
    acknowledge(dataset, [['a', entry('1', 1)]]);
    acknowledge(dataset, [['a', entry(null, 2)]]);
    expect(compare(dataset, new Map([['a', entry(null, 2)]]))).toEqual([]);
    expect(compare(dataset, new Map([['a', entry('1', 1)]]))).toHaveLength(1);
    expect(compare(dataset, new Map([['b', entry('x', 1)]]))).toHaveLength(1);
    acknowledge(dataset, [['a', entry('3', 3)]]);
    acknowledgeDeletion(dataset);
    expect(compare(dataset, new Map())).toEqual([]);
  });

  it('accepts that a change without an answer is stored or not, until its key is written again', () => {
    const dataset = open();
    acknowledge(dataset, [['a', entry('1', 1)]]);
    doubt(dataset, [['a', '2']]);
    const stored = new Map([['a', entry('2', 2)]]);
    expect(compare(dataset, stored)).toEqual([]);
    expect(compare(dataset, dataset.records)).toEqual([]);
    expect(adopt(dataset, 1, new Map([['a', entry('1', 1)]]))).toEqual([]);
    expect(compare(dataset, stored), 'it may still arrive').toEqual([]);
    acknowledge(dataset, [['a', entry('3', 2)]]);
    expect(compare(dataset, stored)).toHaveLength(1);
  });

  it('finds sync counts that do not increase', () => {
    const dataset = open();
    acknowledge(dataset, [['a', entry('1', 2)]]);
    expect(acknowledge(dataset, [['b', entry('2', 2)]])).toHaveLength(1);
    expect(adopt(dataset, 1, dataset.records)).toEqual(['id game: the count went back from 2 to 1']);
  });
});
