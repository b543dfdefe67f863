import { describe, expect, it } from 'vitest';
import type { SyncRecord } from '../../../lib/sync/model.ts';
import { API_OPERATIONS } from '../../../lib/wire/api-model.ts';
import { encodeInParts, encodeOutput } from '../../../lib/wire/encode-output.ts';
import { NEW_YEAR } from '../../fixtures/sync/stream-events.ts';

const listRecords = API_OPERATIONS.find(({ name }) => name === 'ListRecords');
if (!listRecords) throw new Error('the API model has no ListRecords');
const { output } = listRecords;

const record = (Key: string, Value: string | null = '"\u2028'): SyncRecord => ({
  Key,
  Value,
  SyncCount: 1,
  LastModifiedDate: NEW_YEAR + 123,
  LastModifiedBy: null,
  DeviceLastModifiedDate: null,
});
const page = (Records: SyncRecord[]) => ({
  Records,
  NextToken: null,
  Count: Records.length,
  DatasetSyncCount: 3,
  LastModifiedBy: 'writer',
  MergedDatasetNames: ['game.us-east-1:0'],
  DatasetExists: true,
  DatasetDeletedAfterRequestedSyncCount: false,
  SyncSessionToken: 'token',
});

async function encodeParts(first: SyncRecord[], ...parts: SyncRecord[][]): Promise<string[]> {
  async function* rest() {
    yield* parts;
  }
  const texts: string[] = [];
  for await (const text of encodeInParts(output, page(first), { member: 'Records', rest: rest() })) {
    texts.push(text);
  }
  return texts;
}

describe('a listing in parts', () => {
  it.each<[string, string[][]]>([
    ['several parts', [['a', 'é'], ['b'], ['c', 'd']]],
    ['an empty part in between', [['a'], [], ['b'], []]],
    ['no records at first', [[], ['a'], ['b']]],
    ['no records at all', [[], [], []]],
  ])('has the same text as if the whole listing were encoded at once: %s', async (_, keys) => {
    const [first = [], ...rest] = keys.map((part) => part.map((key) => record(key)));
    const texts = await encodeParts(first, ...rest);
    expect(texts.join('')).toBe(encodeOutput(output, page([first, ...rest].flat()), 'null'));
  });

  it('is encoded part by part; each part is read and encoded only when the caller asks for its text', async () => {
    let taken = 0;
    async function* rest() {
      for (taken = 1; taken < 10; taken += 1) yield [record(`${taken}`, null)];
    }
    const texts = encodeInParts(output, page([]), { member: 'Records', rest: rest() });
    await texts.next();
    expect(taken).toBe(0);
    await texts.next();
    expect(taken).toBe(1);
    await texts.return(undefined);
  });
});
