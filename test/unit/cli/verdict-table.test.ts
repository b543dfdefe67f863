import { defineRules } from 'cognito-sync-backend/rules';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readEvents } from '../../../infra/cli/commands/rules/read-events.ts';
import { verdictTable } from '../../../infra/cli/commands/rules/verdict-table.ts';
import { formatTable } from '../../../infra/cli/terminal/table.ts';
import { cutTo, widthOf } from '../../../infra/cli/terminal/terminal-text.ts';
import { toSafeLine } from '../../../lib/common/text.ts';
import { evaluateRules } from '../../../lib/rules/evaluate-rules.ts';
import type { DatasetOptions, RulesOptions } from '../../../lib/rules/rules-model.ts';

describe('formatTable', () => {
  it('makes columns as wide as their content', () => {
    expect(
      formatTable(
        [
          ['a', 'bb', 'c'],
          ['aaa', '', 'cc'],
        ],
        undefined,
      ),
    ).toEqual(['a    bb  c', 'aaa      cc']);
    expect(
      formatTable(
        [
          ['名前', 'b'],
          ['a', '👩‍👩‍👧'],
          ['é', 'x'],
        ],
        undefined,
      ),
    ).toEqual(['名前  b', 'a     👩‍👩‍👧', 'é     x']);
  });

  it('wraps cells if the terminal is narrower', () => {
    expect(
      formatTable(
        [
          ['key', 'reason'],
          ['score', 'it must not go down at once'],
        ],
        22,
      ),
    ).toEqual(['key    reason', 'score  it must not go', '       down at once']);
    expect(formatTable([['x'.repeat(20), 'y']], 12)).toEqual(['xxxxxxxxx  y', 'xxxxxxxxx', 'xx']);
  });

  it('is never wider than the terminal and loses no text', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '漢'), maxLength: 60 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 30, max: 90 }),
        (rows, columns) => {
          const lines = formatTable(rows, columns);
          for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(columns);
          const letters = (texts: readonly string[]) =>
            texts.join('').replaceAll(' ', '').split('').toSorted().join('');
          expect(letters(lines)).toBe(letters(rows.flat()));
        },
      ),
    );
  });
});

describe('text for the terminal', () => {
  it('has its control characters escaped', () => {
    expect(toSafeLine('a\u001b[2J\n\r\u007f\u009b\u2028\u202e\ud800é👩‍👩‍👧')).toBe(
      'a\\u001b[2J\\u000a\\u000d\\u007f\\u009b\\u2028\\u202e\\ud800é👩‍👩‍👧',
    );
  });

  it('keeps its value if it is JSON', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(JSON.parse(toSafeLine(JSON.stringify(text)))).toBe(text);
      }),
    );
  });

  it('is cut if it is too long', () => {
    expect(cutTo(5, 'abcde')).toBe('abcde');
    expect(cutTo(5, 'abcdef')).toBe('abcd…');
    expect(cutTo(2, '👩‍👩‍👧👩‍👩‍👧')).toBe('👩‍👩‍👧👩‍👩‍👧');
    expect(cutTo(5, `a${'\u0301'.repeat(1_000_000)}`)).toHaveLength(101);
  });
});

describe('the verdict table', () => {
  const rowsOf = (game: DatasetOptions, datasetRecords: object, others: RulesOptions = {}) => {
    const rules = defineRules({ ...others, datasets: { game } });
    const [event] = readEvents(JSON.stringify({ datasetName: 'game', datasetRecords }));
    if (!event) throw new Error('no event was read');
    return verdictTable(rules, { event, verdict: evaluateRules(rules, event), columns: undefined }).map(
      (line) => line.split(/ {2,}/),
    );
  };
  const HEAD = ['key', 'requested', 'stored', 'rule', 'action', 'reason'];

  it('shows the requested and the stored value, the rule and the reason of each change', () => {
    expect(
      rowsOf(
        {
          unknownKeys: 'drop',
          keys: {
            score: { monotonic: 'increasing' },
            name: { rewrite: ({ value }) => value.trim() },
            badge: { serverOwned: true },
          },
          derive: ({ set }) => set('badge', 'gold'),
        },
        {
          score: { oldValue: '5', newValue: '4' },
          name: 'Ada ',
          other: '',
          same: { oldValue: '1', newValue: '1' },
          gone: { oldValue: '1' },
          odd: null,
        },
      ),
    ).toEqual([
      HEAD,
      ['score', '5 -> 4', '5', 'datasets.game.keys.score', 'reverted', 'it must not go down'],
      ['name', '(none) -> Ada', 'Ada', 'datasets.game.keys.name', 'rewritten', 'rewrite changed the value'],
      [
        'other',
        '(none) -> ""',
        '(none)',
        'datasets.game.unknownKeys',
        'dropped',
        'there is no rule for this key',
      ],
      ['gone', '1 -> (none)', '(none)', 'none', 'accepted'],
      ['badge', 'gold', 'datasets.game.derive', 'derived', 'derive requested the change'],
      ['Unchanged records, not shown: 1.'],
    ]);
  });

  it('shows a second decision on a key in a separate row', () => {
    expect(
      rowsOf(
        { keys: { badge: { serverOwned: true } }, derive: ({ set }) => set('badge', '1') },
        { badge: '2' },
      ),
    ).toEqual([
      HEAD,
      ['badge', '(none) -> 2', '1', 'datasets.game.keys.badge', 'dropped', 'it is server-owned'],
      ['', 'datasets.game.derive', 'derived', 'derive requested the change'],
    ]);
  });

  it('shows that a rejected call stores nothing', () => {
    expect(
      rowsOf(
        { keys: { a: { maxBytes: 1, onInvalid: 'reject' } } },
        { b: { oldValue: '1', newValue: '2' }, a: '10' },
      ),
    ).toEqual([
      HEAD,
      ['b', '1 -> 2', '1', 'none', 'rejected', 'with the whole call'],
      ['a', '(none) -> 10', '(none)', 'datasets.game.keys.a', 'rejected', 'its value is longer than 1 bytes'],
    ]);
  });

  it('shows decisions that concern no key', () => {
    const derive = () => {
      throw new Error('oops');
    };
    expect(rowsOf({ derive }, {}, { onRuleError: 'allow' })).toEqual([
      HEAD,
      ['', 'datasets.game.derive', 'rule-error', 'derive threw'],
    ]);
  });

  it('is empty if nothing changes', () => {
    expect(rowsOf({}, {})).toEqual([]);
  });
});
