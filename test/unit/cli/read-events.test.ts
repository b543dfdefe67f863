import { describe, expect, it } from 'vitest';
import { readEvents } from '../../../infra/cli/commands/rules/read-events.ts';
import { SetupError } from '../../../lib/common/errors.ts';

const read = (...documents: unknown[]) =>
  readEvents(documents.map((each) => JSON.stringify(each)).join('\n'));
const recordsOf = (datasetRecords: unknown) =>
  read({ datasetName: 'game', datasetRecords })[0]?.datasetRecords;

describe('readEvents', () => {
  it('returns a recorded event unchanged', () => {
    const recorded = {
      version: 3,
      eventType: 'SyncTrigger',
      region: 'eu-west-1',
      identityPoolId: 'eu-west-1:p',
      identityId: 'eu-west-1:i',
      datasetName: 'game',
      datasetRecords: {
        a: { oldValue: '1', newValue: '2', op: 'replace', more: 1 },
        b: null,
        c: { op: 'other' },
      },
      later: true,
    };
    expect(read(recorded)).toEqual([recorded]);
  });

  it('fills in all missing members except the dataset name and the records', () => {
    expect(read({ datasetName: 'game', datasetRecords: {} })).toEqual([
      {
        version: 2,
        eventType: 'SyncTrigger',
        region: 'us-east-1',
        identityPoolId: 'us-east-1:00000000-0000-4000-8000-000000000001',
        identityId: 'us-east-1:00000000-0000-4000-8000-000000000002',
        datasetName: 'game',
        datasetRecords: {},
      },
    ]);
    expect(read({ identityPoolId: 'eu-west-1:p', datasetName: 'game', datasetRecords: {} })).toEqual([
      expect.objectContaining({ region: 'eu-west-1' }),
    ]);
  });

  it('accepts short forms of records', () => {
    expect(
      recordsOf(JSON.parse('{"a":"1","b":{"newValue":"1"},"c":{"oldValue":"1"},"__proto__":"1","d":null}')),
    ).toEqual(
      JSON.parse(
        '{"a":{"newValue":"1","op":"replace"},"b":{"newValue":"1","op":"replace"},"c":{"oldValue":"1","op":"remove"},"__proto__":{"newValue":"1","op":"replace"},"d":null}',
      ),
    );
    expect(recordsOf({ a: { oldValue: '1', newValue: '2' } })).toEqual({
      a: { oldValue: '1', newValue: '2', op: 'replace' },
    });
  });

  it('reads a list, or one event per line', () => {
    const named = (datasetName: string) => ({ datasetName, datasetRecords: {} });
    const names = (events: ReturnType<typeof readEvents>) => events.map(({ datasetName }) => datasetName);
    expect(names(read([named('a'), named('b')]))).toEqual(['a', 'b']);
    expect(names(read(named('a'), named('b')))).toEqual(['a', 'b']);
    expect(names(readEvents(`${JSON.stringify(named('a'))}\r\n\n${JSON.stringify(named('b'))}\n`))).toEqual([
      'a',
      'b',
    ]);
    expect(names(readEvents(JSON.stringify(named('a'), null, 2)))).toEqual(['a']);
    // Some editors write a byte order mark.
    expect(names(readEvents(`\ufeff${JSON.stringify(named('a'))}`))).toEqual(['a']);
  });

  it.each([
    ['', 'the input is empty'],
    [' \n', 'the input is empty'],
    ['[]', 'the list is empty'],
    ['{"a": secret}', 'the input is not JSON'],
    ['{"a":\n "b" "secret"}', 'is not JSON: error at position 11 (line 2 column 6)'],
    ['{"datasetName":"a","datasetRecords":{}}\n{"secret', 'line 2 is not JSON'],
    ['"secret"', 'the event is not an object'],
    ['[{"datasetName":"a","datasetRecords":{}}, "secret"]', 'event 2 is not an object'],
    ['{"eventType":"Other"}', 'the event has the eventType "Other"; rules apply only to SyncTrigger'],
    ['{"datasetRecords":{}}', 'the event: datasetName is missing, empty or not a string'],
    [
      '{"datasetName":"a","identityId":{"toString":1},"datasetRecords":{}}',
      'the event: identityId is not a string',
    ],
    [
      '{"datasetName":"a","identityPoolId":null,"datasetRecords":{}}',
      'the event: identityPoolId is not a string',
    ],
    ['{"datasetName":"a"}', 'the event: datasetRecords is missing or not an object'],
    [
      '{"datasetName":"a","datasetRecords":["secret"]}',
      'the event: datasetRecords is missing or not an object',
    ],
    [
      '{"datasetName":"a","datasetRecords":{"k":5}}',
      'the event: the record "k" is not a string, an object or null',
    ],
    [
      '{"datasetName":"a","datasetRecords":{"k":{"newvalue":"secret"}}}',
      'the record "k" has the member newvalue: use op, or only oldValue and newValue',
    ],
    [
      '{"datasetName":"a","datasetRecords":{"k":{"newValue":5}}}',
      'the record "k" has an oldValue or newValue',
    ],
  ])('rejects %j without quoting a value', (text, error) => {
    expect(() => readEvents(text)).toThrow(SetupError);
    expect(() => readEvents(text)).toThrow(error);
    expect(() => readEvents(text)).not.toThrow('secret');
  });
});
