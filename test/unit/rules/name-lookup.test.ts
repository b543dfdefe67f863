import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createNameLookup } from '../../../lib/rules/name-lookup.ts';

/** A simple reference implementation: compares each matching glob with the best glob before it. */
function findByDefinition(names: readonly string[], name: string): string | undefined {
  if (names.includes(name) && !name.includes('*')) return name;
  const literals = (glob: string) => [...glob].filter((letter) => letter !== '*').length;
  let best: string | undefined;
  for (const glob of names) {
    if (!glob.includes('*') || !new RegExp(`^${glob.replaceAll('*', '.*')}$`).test(name)) continue;
    if (best === undefined || literals(glob) > literals(best)) best = glob;
  }
  return best;
}

const lookUpIn = (names: readonly string[]) =>
  createNameLookup(names.map((name): [string, string] => [name, name]));

describe('the name lookup', () => {
  it('finds the same rule as the simple reference implementation on every lookup', () => {
    const written = fc.string({ unit: fc.constantFrom('a', 'b', '*'), minLength: 1, maxLength: 4 });
    const lookedUp = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 5 });
    fc.assert(
      fc.property(fc.uniqueArray(written, { maxLength: 8 }), fc.array(lookedUp), (names, keys) => {
        const find = lookUpIn(names);
        for (const key of [...keys, ...keys]) expect(find(key)).toBe(findByDefinition(names, key));
      }),
      { numRuns: 1_000 },
    );
  });

  it('finds the same rule after more lookups than its cache holds', () => {
    const names = ['*-1', 'key-*', 'key-77'];
    const find = lookUpIn(names);
    const keys = Array.from({ length: 5_000 }, (_, index) => `${index % 3 ? 'key' : 'other'}-${index}`);
    for (const key of [...keys, ...keys]) expect(find(key)).toBe(findByDefinition(names, key));
  });
});
