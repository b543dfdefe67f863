import fc from 'fast-check';
import { expect, it } from 'vitest';
import { histories } from '../property/history.ts';
import { referenceOf } from './reference.ts';

it('applying each published event once, in order, results in the state of the service', () => {
  fc.assert(
    fc.property(histories, ({ published, live, removed }) => {
      const { records, datasets } = referenceOf(published.map((data) => JSON.parse(data)));
      expect(mapped(records, ({ value }) => value)).toEqual(live);
      expect(mapped(datasets, ({ deleted }) => deleted)).toEqual(removed);
    }),
  );
});

function mapped<One, Other>(of: Record<string, One>, change: (one: One) => Other): Record<string, Other> {
  return Object.fromEntries(Object.entries(of).map(([name, one]) => [name, change(one)]));
}
