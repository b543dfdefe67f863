import { describe, expect, it } from 'vitest';
import { summarize } from '../../../infra/console/page/activity-words.ts';
import { toCsv } from '../../../infra/console/page/csv.ts';
import { formatBytes, formatDuration, plural } from '../../../infra/console/page/format.ts';
import { lineEndsOf, restoreLineEnds } from '../../../infra/console/page/line-ends.ts';
import { explainReason } from '../../../infra/console/page/reason-words.ts';
import { formatJson } from '../../../lib/common/format-json.ts';

describe('toCsv', () => {
  const csv = (...row: (string | null)[]) =>
    toCsv({ columns: row.map((_, index) => ({ name: `c${index}`, type: 'text' })), rows: [row] }).split(
      '\r\n',
    )[1];

  it('quotes separators and quotes, and distinguishes null from an empty text', () => {
    expect(csv('a', 'b,c', 'say "x"', null, '')).toBe('a,"b,c","say ""x""",,""');
  });

  it('puts an apostrophe before formulas, so that spreadsheets do not run them, but not before numbers', () => {
    expect(csv('=1+1', '@x', '-5', '+x', '-x')).toBe("'=1+1,'@x,-5,'+x,'-x");
  });
});

describe('line ends', () => {
  it.each([
    ['a\r\nb', 'a\nb\nc', 'a\r\nb\r\nc'],
    ['a\rb', 'a\nb', 'a\rb'],
    ['a\nb', 'a\nb', 'a\nb'],
    ['a', 'a\nb', 'a\nb'],
    ['a\r\nb\nc', 'a\nb\nc\nd', 'a\nb\nc\nd'],
    ['a\r\nb\nc', 'a\r\nb\nc', 'a\r\nb\nc'],
  ])('of %j: an edit to %j is stored as %j', (original, edited, stored) => {
    expect(restoreLineEnds(edited, original)).toBe(stored);
  });

  it('are listed once each', () => {
    expect(lineEndsOf('a\r\nb\rc\nd\r\n')).toEqual(['\r\n', '\r', '\n']);
    expect(lineEndsOf('')).toEqual([]);
  });
});

describe('texts', () => {
  it('describes durations, sizes and counts', () => {
    expect([12, 3_210, 45_000, 240_000, 7_200_000, 172_800_000].map(formatDuration)).toEqual([
      '12 ms',
      '3.2 s',
      '45 s',
      '4 min',
      '2 h',
      '2 d',
    ]);
    expect([formatBytes('ü'), formatBytes('x'.repeat(1_500)), formatBytes('x'.repeat(1_048_575))]).toEqual([
      '2 bytes',
      '1.5 kB',
      '1.0 MB',
    ]);
    expect([plural(1, 'event'), plural(12_345, 'event')]).toEqual(['1 event', '12,345 events']);
  });

  it('formats JSON objects and leaves other texts unchanged', () => {
    expect(formatJson('{"a":[1]}')).toBe('{\n  "a": [\n    1\n  ]\n}');
    expect(['12', '"a"', '{broken'].map(formatJson)).toEqual(['12', '"a"', '{broken']);
  });

  it.each([
    ['numbers', '{"id":12345678901234567890,"large":[1e400,1.0,-0]}'],
    ['members that occur twice', '{"a":1,"a":2}'],
    ['strings', String.raw`["a b: c, {d} \" \u00e9\\", ""]`],
  ])('changes only white space when it formats %s', (_, json) => {
    const tokens = (text: string) => text.replace(/\n */g, '').replaceAll('": ', '":').replaceAll(', ', ',');
    expect(formatJson(json)).not.toBe(json);
    expect(tokens(formatJson(json))).toBe(tokens(json));
  });

  it('formats JSON as JSON.stringify does', () => {
    const value = { a: [{}, [], [[1]], { b: null, 'c"': 'x\\"\n,{' }], d: true };
    expect(formatJson(JSON.stringify(value))).toBe(JSON.stringify(value, null, 2));
    const long = JSON.stringify({ escapes: '"'.repeat(1_000_000) });
    expect(formatJson(long)).toBe(JSON.stringify(JSON.parse(long), null, 2));
    const deep = '['.repeat(5_000) + ']'.repeat(5_000);
    expect(formatJson(deep)).toBe(deep);
  });

  it('explains each reason of quarantine, and unknown ones', () => {
    expect(explainReason('not-json: the data is not JSON')).toContain('not JSON in UTF-8');
    expect(explainReason('something-new')).toBe('The event could not be projected.');
  });
});

describe('summarize', () => {
  it('names the operation, the dataset and the result of a sync', () => {
    const sync = {
      operation: 'UpdateRecords',
      datasetName: 'game',
      records: 2,
      syncCount: 7,
      durationMs: 12,
      error: null,
    };
    expect(summarize('sync', sync)).toBe('UpdateRecords game: 2 records, sync count 7, 12 ms');
    const error = { code: 'ResourceConflictException', message: 'stale' };
    expect(summarize('sync', { ...sync, error })).toBe(
      'UpdateRecords game: ResourceConflictException, stale',
    );
  });

  it('names the rule and the reason of a trigger decision', () => {
    const score = { key: 'score', rule: 'datasets.game.keys.score', reason: 'it must not go down' };
    const name = { key: 'name', decision: 'accepted', rule: null, reason: null };
    const trigger = (outcome: string, reason: string | null, ...records: object[]) =>
      summarize('trigger', { datasetName: 'game', outcome, reason, records, recordCount: records.length });
    expect(trigger('accepted', null, name)).toBe('game accepted: 1 record');
    expect(trigger('changed', null, { ...score, decision: 'reverted' }, name)).toBe(
      'game: score reverted by datasets.game.keys.score (it must not go down)',
    );
    expect(trigger('rejected', 'score: it must not go down', { ...score, decision: 'rejected' })).toBe(
      'game rejected: score rejected by datasets.game.keys.score (it must not go down)',
    );
    expect(trigger('rejected', 'level is too high')).toBe('game rejected: level is too high');
  });

  it('counts the rows of a batch', () => {
    const batch = { events: 2, records: 5, recordsChanged: 4, quarantined: 1, batchMs: 8, lagMs: 90 };
    expect(summarize('projected', batch)).toBe(
      '2 events: 4 rows written, 1 stale, 1 in quarantine, 8 ms to project, 90 ms after arrival',
    );
  });

  it('names the dataset of a batch if all its events belong to it', () => {
    const dataset = { identityPoolId: 'pool', identityId: 'ada', datasetName: 'game', syncCount: 1 };
    const batch = (events: number, ...datasets: object[]) =>
      summarize('projected', { events, records: 1, recordsChanged: 1, quarantined: 0, datasets });
    expect(batch(2, dataset, { ...dataset, syncCount: 2 })).toMatch(/^2 events of game: 1 row written/);
    expect(batch(2, dataset, { ...dataset, identityId: 'bob' })).toMatch(/^2 events: 1 row/);
    // The event that is not in the list cannot be read.
    expect(batch(2, dataset)).toMatch(/^2 events: 1 row/);
  });
});
