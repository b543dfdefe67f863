import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileGlob } from '../../../lib/rules/match-glob.ts';

/** A simple reference implementation: tries every length of text for the first `*`. */
function matchesByDefinition(glob: string, text: string): boolean {
  if (glob === '') return text === '';
  if (glob[0] !== '*') return text[0] === glob[0] && matchesByDefinition(glob.slice(1), text.slice(1));
  return Array.from({ length: text.length + 1 }, (_, taken) => text.slice(taken)).some((rest) =>
    matchesByDefinition(glob.slice(1), rest),
  );
}

describe('a glob', () => {
  it.each([
    ['score', 'score', true],
    ['score', 'scores', false],
    ['*', '', true],
    ['**', 'any', true],
    ['level.*', 'level.', true],
    ['level.*', 'levels.1', false],
    ['*.stars', '.stars', true],
    ['*.stars', 'level.stars.1', false],
    ['level.*.stars', 'level.stars', false],
    ['level.*.stars', 'level..stars', true],
    ['a*a', 'a', false],
    ['*aab*', 'aaab', true],
    ['*ab*ab', 'ab', false],
    ['a.c*', 'abc', false],
    ['[a-z]?*', '[a-z]?', true],
    ['[a-z]?*', 'b', false],
  ])('%s matches %s: %s', (glob, text, matches) => {
    expect(compileGlob(glob)(text)).toBe(matches);
  });

  it('matches the same texts as the simple reference implementation', () => {
    const text = (letters: string[]) => fc.string({ unit: fc.constantFrom(...letters), maxLength: 10 });
    fc.assert(
      fc.property(text(['a', 'b', '*']), text(['a', 'b']), (glob, key) => {
        expect(compileGlob(glob)(key)).toBe(matchesByDefinition(glob, key));
      }),
      { numRuns: 2_000 },
    );
  });

  it('matches the same texts as the simple reference implementation, even with long literal parts', () => {
    const part = fc.string({ unit: fc.constantFrom('a', 'a', 'b'), minLength: 14, maxLength: 19 });
    // The text is mostly built from the parts of the glob, so that complete and partial matches occur.
    const partsAndText = fc.array(part, { minLength: 1, maxLength: 2 }).chain((parts) => {
      const piece = fc.oneof(fc.constantFrom(...parts), fc.constantFrom('a', 'b', 'aab'));
      return fc.tuple(fc.constant(parts), fc.array(piece, { maxLength: 4 }));
    });
    fc.assert(
      fc.property(partsAndText, ([parts, pieces]) => {
        const glob = `*${parts.join('*')}*`;
        const key = pieces.join('');
        expect(compileGlob(glob)(key)).toBe(matchesByDefinition(glob, key));
      }),
      { numRuns: 2_000 },
    );
  });

  // Unlimited backtracking would not finish on these.
  it.each([
    '*a*a*a*a*b',
    `${'*a'.repeat(500)}*b`,
    `*${'a'.repeat(15)}b*`,
    `*${'a'.repeat(7)}b${'a'.repeat(8)}*`,
    `*${'a'.repeat(500)}b*`,
    `*${'a'.repeat(500)}b${'*a'.repeat(50)}b`,
  ])('%s finishes on a long text that it does not match', (glob) => {
    expect(compileGlob(glob)('a'.repeat(1_000_000))).toBe(false);
  });
});
