import { describe, expect, it } from 'vitest';
import { isolate, showInvisible, splitInvisible } from '../../../infra/console/page/invisible.ts';

describe('showInvisible', () => {
  it.each([
    ['characters that change the writing direction', 'a\u202eb\u2066c\u200f', 'a[U+202E]b[U+2066]c[U+200F]'],
    ['zero-width characters', 'a\u200b\u2060\ufeffb', 'a[U+200B][U+2060][U+FEFF]b'],
    ['repetitions', 'a\u200b\u200b\u200bb', 'a[U+200B ×3]b'],
    ['control characters and separators', '\u0007\u0085\u2028', '[U+0007][U+0085][U+2028]'],
    ['characters beyond 16 bits', 'a\u{e0041}\u{e0041}', 'a[U+E0041 ×2]'],
    ['a carriage return without a line feed', 'a\rb', 'a[U+000D]b'],
    ['a joiner that joins no emoji', 'a\u200db', 'a[U+200D]b'],
    ['a variation selector after a letter', 'a\ufe0f', 'a[U+FE0F]'],
    [
      'a variation selector after a digit, # or * that makes no keycap',
      '1\ufe0f2#\ufe0f*\ufe0f\ufe0f\u20e3',
      '1[U+FE0F]2#[U+FE0F]*[U+FE0F ×2]\u20e3',
    ],
  ])('names %s', (_, text, shown) => {
    expect(showInvisible(text)).toBe(shown);
    for (const limit of [0, 1, Number.POSITIVE_INFINITY]) {
      const { parts, rest } = splitInvisible(text, limit);
      expect(parts.map((part) => part.text).join('') + rest).toBe(text);
    }
  });

  it.each([
    ['line ends and tabs', 'a\tb\r\nc\nd'],
    ['letters of other scripts', 'שלום مرحبا Ünï 東京'],
    [
      'emoji of several characters',
      '👩‍👩‍👧 👩🏽‍🚀 ❤️ 🏳️‍🌈 1️⃣ #️⃣ *️⃣ 🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}',
    ],
    ['an empty text', ''],
  ])('leaves %s unchanged', (_, text) => {
    expect(showInvisible(text)).toBe(text);
  });

  // Without limits in the pattern, each of these texts would take minutes.
  it('reads texts of one million characters in seconds', () => {
    const startedAt = performance.now();
    expect(splitInvisible('a\u200b'.repeat(500_000), 500_000).parts).toHaveLength(1_000_000);
    for (const repeated of ['\u{e0041}', '\ufe0f', '👩\u200d', '🏴'])
      expect(showInvisible(`🏴${repeated.repeat(500_000)}`)).toContain('🏴');
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });
});

describe('splitInvisible', () => {
  it('stops at the first invisible character above the limit', () => {
    const mark = { text: '\u200b', mark: 'U+200B' };
    const [a, b] = ['a', 'b'].map((text) => ({ text, mark: null }));
    expect(splitInvisible('a\u200bb\u202ec', 1)).toEqual({ parts: [a, mark, b], rest: '\u202ec' });
    expect(splitInvisible('a\u200bb', 1)).toEqual({ parts: [a, mark, b], rest: '' });
  });
});

describe('isolate', () => {
  it('encloses the text with characters that end the effect of others', () => {
    expect(isolate('\u202ea')).toBe('\u2068[U+202E]a\u2069');
  });
});
