import fc from 'fast-check';
import { IDENTITY, NEW_YEAR, POOL } from '../fixtures/sync/stream-events.ts';

/** Part of every value that the suite generates. No log line and no reason in quarantine may contain it. */
export const MARKER = 'mArKeR';

/** Part of every number that the suite generates. No log line and no reason in quarantine may contain it. */
export const MARKER_NUMBER = '73191';

const OBJECT_URL = `https://bucket.s3.us-east-1.amazonaws.com/${MARKER}?X-Amz-Signature=`;

/** Returns a URL that contains its own payload, so that payloads need not be stored. */
function payloadUrl(payload: string): string {
  return OBJECT_URL + Buffer.from(payload).toString('base64url');
}

export function payloadBehind(url: string): Uint8Array {
  return Buffer.from(url.slice(url.lastIndexOf('=') + 1), 'base64url');
}

/** An object's members as JSON text, because `JSON.stringify` cannot write -0, 1e999 or a duplicate name. */
type RawMembers = [name: string, json: string][];

const RECORD: RawMembers = [
  ['key', `"${MARKER} key"`],
  ['value', `"${MARKER} value"`],
  ['syncCount', '1'],
  ['lastModifiedDate', String(NEW_YEAR)],
  ['deviceLastModifiedDate', String(NEW_YEAR)],
  ['op', '"replace"'],
];

const EVENT: RawMembers = [
  ['identityPoolId', `"${POOL}"`],
  ['identityId', `"${IDENTITY}"`],
  ['datasetName', '"game"'],
  ['operation', '"replace"'],
  ['payloadType', '"Inline"'],
  ['lastModifiedDate', String(NEW_YEAR)],
  ['syncCount', '1'],
];

const DATES = ['0000-01-01', '0000-12-31', '0001-01-01', '9999-12-31', '+010000-01-01', '+275760-09-13'];

const numbers = fc.oneof(
  fc.constantFrom('-0', '0', '-1', '0.5', '1e0', '1e999', '-1e999', '1e-7', '9007199254740991'),
  fc.constantFrom('9007199254740992', '1'.repeat(400), `${MARKER_NUMBER}.5`, `-${MARKER_NUMBER}`),
  fc.constantFrom(...DATES.map((date) => String(Date.parse(date)))),
  fc.integer({ min: 0, max: 9 }).map((ms) => String(NEW_YEAR + ms)),
  fc.double().map((number) => `${MARKER_NUMBER}${String(number).replace(/\D/g, '')}`),
);

const texts = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    '\0',
    '\ud800',
    '\udc00x',
    '\uFEFF',
    '__proto__',
    'constructor',
    'remove',
    'S3Url',
  ),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.constantFrom('鍵'.repeat(1024), '鍵'.repeat(1025), '\u{1F600}'.repeat(1024), '\u{1F600}'.repeat(1025)),
);
const textJson = texts.map((text) => JSON.stringify(MARKER + text));
const bareTextJson = texts.map((text) => JSON.stringify(text));

const nested = fc.nat({ max: 300 }).map((levels) => '['.repeat(levels) + ']'.repeat(levels) || '{}');

/** Any JSON text. */
const anyJson: fc.Arbitrary<string> = fc.oneof(
  numbers,
  textJson,
  bareTextJson,
  nested,
  fc.constantFrom('null', 'true', 'false', '{}', '[]', '[null]', '{"__proto__":{"key":"x"}}'),
  fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.stringify([MARKER, value])),
);

/** Generates members of which up to three are missing, invalid, duplicated or renamed. Often all members are valid. */
function damage(members: RawMembers, extra: readonly string[]): fc.Arbitrary<RawMembers> {
  const names = [...members.map(([name]) => name), ...extra];
  const change = fc.record({
    name: fc.constantFrom(...names),
    text: fc.oneof(textJson, bareTextJson),
    number: numbers,
    other: fc.option(anyJson),
    isOfItsType: fc.boolean(),
    position: fc.constantFrom('in its place', 'in its place', 'before', 'after'),
  });
  const changes = fc.array(change, { minLength: 1, maxLength: 3 });
  return fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: changes }).map((all) => {
    let now = members;
    for (const { name, text, number, other, isOfItsType, position } of all) {
      const json = isOfItsType ? (/Date|Count/.test(name) ? number : text) : other;
      const added: RawMembers = json === null ? [] : [[name, json]];
      const others = position === 'in its place' ? now.filter(([known]) => known !== name) : now;
      now = position === 'before' ? [...added, ...others] : [...others, ...added];
    }
    return now;
  });
}

function toJson(members: RawMembers): string {
  return `{${members.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(',')}}`;
}

const recordLists = fc
  .array(fc.oneof({ weight: 15, arbitrary: damage(RECORD, ['__proto__']).map(toJson) }, anyJson), {
    maxLength: 4,
  })
  .map((records) => `[${records.join(',')}]`);

/** Events with invalid, missing and unknown members at every level. */
const damagedEvents = fc
  .record({
    event: damage(EVENT, ['dataSetName', 'kinesisSyncRecords', 'kinesisSyncRecordsURL', '__proto__']),
    records: recordLists,
    isFirst: fc.boolean(),
  })
  .map(({ event, records, isFirst }) => {
    const member: RawMembers = [['kinesisSyncRecords', records]];
    return toJson(isFirst ? [...member, ...event] : [...event, ...member]);
  });

/** Events whose records are behind a URL, with any payload. */
const offloadedEvents = fc
  .oneof({ weight: 3, arbitrary: recordLists }, anyJson, fc.string())
  .chain((payload) =>
    damage(
      [...EVENT, ['kinesisSyncRecordsURL', JSON.stringify(payloadUrl(payload))]],
      ['kinesisSyncRecords'],
    ),
  )
  .map(toJson);

/** Removals of datasets, with a version or without one. */
const removals = fc
  .record({
    event: damage(EVENT, ['kinesisSyncRecords']),
    without: fc.subarray(['lastModifiedDate', 'syncCount']),
  })
  .map(({ event, without }) => {
    const kept = event.filter(([name]) => name !== 'operation' && !without.includes(name));
    return toJson([...kept, ['operation', '"remove"']]);
  });

const bytes = fc.oneof(fc.uint8Array({ maxLength: 64 }), fc.constant(new Uint8Array(0)));
const kplAggregated = bytes.map((tail) => Buffer.from([0xf3, 0x89, 0x9a, 0xc2, ...tail]));

/** A valid event whose bytes have a flipped bit, a part missing or a part duplicated. */
const corrupted = fc
  .record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.nat({ max: 20 }),
    bit: fc.nat({ max: 7 }),
    corruption: fc.constantFrom('flip', 'truncate', 'cut', 'double'),
  })
  .map(({ at, length, bit, corruption }) => {
    const data = Buffer.from(toJson([...EVENT, ['kinesisSyncRecords', `[${toJson(RECORD)}]`]]));
    const from = Math.floor(at * (data.length - 1));
    const [head, part, tail] = [
      data.subarray(0, from),
      data.subarray(from, from + length),
      data.subarray(from + length),
    ];
    if (corruption === 'truncate') return head;
    if (corruption === 'cut') return Buffer.concat([head, tail]);
    if (corruption === 'double') return Buffer.concat([head, part, part, tail]);
    data.writeUInt8(data.readUInt8(from) ^ (1 << bit), from);
    return data;
  });

const toData = (json: string): Uint8Array => Buffer.from(json);

/** Any data that may be on a stream. */
export const anyData: fc.Arbitrary<Uint8Array> = fc
  .oneof(
    { weight: 8, arbitrary: damagedEvents.map(toData) },
    { weight: 3, arbitrary: offloadedEvents.map(toData) },
    { weight: 2, arbitrary: removals.map(toData) },
    { weight: 3, arbitrary: corrupted },
    { weight: 1, arbitrary: fc.oneof(bytes, kplAggregated) },
    { weight: 1, arbitrary: anyJson.map(toData) },
  )
  .map((data) => Object.assign(data, { [fc.toStringMethod]: () => describeData(data) }));

function describeData(data: Uint8Array): string {
  const text = Buffer.from(data).toString();
  return Buffer.from(text).equals(data) ? text : `hex ${Buffer.from(data).toString('hex')}`;
}

/** Creates an event with these records. Members that are not given have valid values. All values are JSON texts. */
export function eventJson(
  members: Record<string, string>,
  records: readonly Record<string, string>[],
): string {
  const list = records.map((record) => toJson(withMembers(RECORD, record)));
  return toJson([...withMembers(EVENT, members), ['kinesisSyncRecords', `[${list.join(',')}]`]]);
}

function withMembers(members: RawMembers, changed: Record<string, string>): RawMembers {
  return Object.entries({ ...Object.fromEntries(members), ...changed });
}
