import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commonText } from '../../../lib/rules/inspect/overlap.ts';
import { compileGlob } from '../../../lib/rules/match-glob.ts';

const globs = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 7 });
const LETTERS = ['a', 'b'];

/** Yields all texts of these letters up to a length, the shortest first. */
function* textsUpTo(maxLength: number): Generator<string> {
  let texts = [''];
  for (let length = 0; length <= maxLength; length += 1) {
    yield* texts;
    texts = texts.flatMap((text) => LETTERS.map((letter) => text + letter));
  }
}

describe('the common text of two globs', () => {
  it.each([
    ['level-*', '*-stars', 'level-stars'],
    ['ab*', '*bc', 'abc'],
    ['a*a', 'a', null],
    ['a*', 'b*', null],
    ['*', '**', ''],
    ['*a*b*', '*b*a*', 'aba'],
    ['score', 'sc*', 'score'],
    ['score', 'scores', null],
    ['', '*', ''],
  ])('%s and %s: %o', (a, b, text) => {
    expect(commonText(a, b)?.length).toBe(text?.length);
    if (text !== null) expect(compileGlob(a)(text) && compileGlob(b)(text)).toBe(true);
  });

  it('is the shortest text that both match, if any', () => {
    fc.assert(
      fc.property(globs, globs, (a, b) => {
        const found = commonText(a, b);
        // If none was found, no text of up to 8 letters may match both.
        const [shortest = null] = textsUpTo(found?.length ?? 8).filter(
          (text) => compileGlob(a)(text) && compileGlob(b)(text),
        );
        expect(found?.length).toBe(shortest?.length);
        if (found !== null) expect(compileGlob(a)(found) && compileGlob(b)(found)).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is determined even for long globs', () => {
    expect(commonText('*a'.repeat(300), '*b'.repeat(300))).toBeNull();
    expect(commonText(`${'*a'.repeat(300)}*`, `${'*b'.repeat(300)}*`)).toHaveLength(600);
  });
});
