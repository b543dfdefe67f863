import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createProjectStream, type ProjectStreamHandler } from '../../functions/project-stream.ts';
import { createLambdaContext } from '../../infra/local/lambda-context.ts';
import { createLogger } from '../../lib/aws/telemetry.ts';
import type { Database } from '../../lib/database/database.ts';
import { createQueryStore } from '../../lib/projection/store/query-store.ts';
import { checkPayloadUrl } from '../../lib/stream/payload-url.ts';
import { DATABASES } from '../fixtures/database/databases.ts';
import { deleteRows } from '../fixtures/database/delete-rows.ts';
import { deliver, toBytes, toKinesisEvent, wireEvent, wireRecord } from '../fixtures/sync/stream-events.ts';
import { anyData, eventJson, MARKER, MARKER_NUMBER, payloadBehind } from './stream-data.ts';

/** Number of random batches. Set `FUZZ_RUNS=20000` for a long run. */
const RUNS = Number(process.env.FUZZ_RUNS ?? 150);

/** The time is long enough to shrink a counterexample. */
vi.setConfig({ testTimeout: 120_000 + RUNS * 1_000 });

const REASON =
  /^(not-json|not-a-cognito-event|kpl-aggregated|offloaded-payload|unstorable-text|date-in-the-future|value-refused): [\x20-\x7e]{1,200}$/;
const POLICY = { regions: ['us-east-1'], ownOrigin: null };

let database: Database;
let handler: ProjectStreamHandler;
let output = '';

beforeAll(async () => {
  vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'DEBUG');
  const [embedded] = DATABASES;
  if (!embedded) throw new Error('no database');
  database = await embedded.open();
  handler = createProjectStream({
    store: createQueryStore(database),
    fetchPayload: async (url) => {
      checkPayloadUrl(url, POLICY);
      return payloadBehind(url);
    },
    parallelizationFactor: 1,
    report: () => undefined,
    logger: createLogger('project-stream'),
  });
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await database.close();
});
beforeEach(clear);

function clear(): Promise<void> {
  const tables = ['datasets', 'records', 'quarantine', 'dated_removals'];
  return deleteRows(
    database,
    tables.map((table) => `projection.${table}`),
  );
}

/** Runs the handler on one batch, and stores everything that it logs in `output`. */
async function run(deliveries: ReturnType<typeof deliver>[]) {
  output = '';
  const write = (chunk: unknown) => {
    output += String(chunk);
    return true;
  };
  const spies = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, 'write').mockImplementation(write),
  );
  try {
    return await handler(toKinesisEvent(deliveries), createLambdaContext('project-stream', 'us-east-1'));
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

interface Quarantined {
  sequence_number: string;
  reason: string;
  payload: Uint8Array;
}

/**
 * Projects the data in one batch, with a valid event before, between and after the data. Checks what must be true for
 * any data.
 * @returns for each item of the data, the reason why it was quarantined; null if it was projected
 */
async function project(data: readonly Uint8Array[]): Promise<(string | null)[]> {
  const valid = Array.from({ length: data.length + 1 }, (_, index) => deliver(neighbour(index)));
  const tested = data.map((bytes) => deliver(bytes));
  const batch = valid.flatMap((delivery, index) => [delivery, ...tested.slice(index, index + 1)]);

  expect(await run(batch)).toEqual({ batchItemFailures: [] });

  const { rows: quarantined } = await database.query<Quarantined>('SELECT * FROM projection.quarantine');
  const reasons = tested.map(({ position, data }) => {
    const [row, ...more] = quarantined.filter((one) => one.sequence_number === position.sequenceNumber);
    expect(more).toEqual([]);
    if (!row) return null;
    expect(Buffer.from(row.payload).equals(data)).toBe(true);
    expect(row.reason).toMatch(REASON);
    for (const marker of [MARKER, MARKER_NUMBER]) expect(row.reason).not.toContain(marker);
    return row.reason;
  });
  // No valid event was quarantined.
  expect(quarantined).toHaveLength(reasons.filter((reason) => reason !== null).length);
  await expectRows(data.filter((_, index) => reasons[index] === null));
  expect(await countNeighbours()).toBe(valid.length);
  if (quarantined.length > 0) expect(output).toContain('"message":"quarantined events;');
  // The random id of the request is removed, because it can contain the digits of a marker by chance.
  const logged = output.replaceAll(/"function_request_id":"[^"]*"/g, '');
  for (const marker of [MARKER, MARKER_NUMBER]) expect(logged).not.toContain(marker);
  return reasons;
}

function neighbour(index: number): Uint8Array {
  const kinesisSyncRecords = [wireRecord({ key: 'neighbour', value: `${MARKER} ${index}` })];
  return toBytes(wireEvent({ datasetName: `neighbour-${index}`, kinesisSyncRecords }));
}

async function countNeighbours(): Promise<number> {
  const { rows } = await database.query<{ record_value: string; dataset_name: string }>(
    "SELECT record_value, dataset_name FROM query.records WHERE record_key = 'neighbour'",
  );
  return rows.filter((row) => row.record_value === `${MARKER} ${row.dataset_name.slice('neighbour-'.length)}`)
    .length;
}

/** Expects a row for every dataset and key that was not quarantined. */
async function expectRows(projected: readonly Uint8Array[]): Promise<void> {
  const { rows } = await database.query<Record<string, string>>(
    'SELECT * FROM projection.datasets LEFT JOIN projection.records USING (dataset_id)',
  );
  const nameOf = (...parts: unknown[]) => JSON.stringify(parts);
  const stored = new Set(
    rows.flatMap((row) => {
      const dataset = [row.identity_pool_id, row.identity_id, row.dataset_name];
      return [nameOf(...dataset), nameOf(...dataset, row.record_key)];
    }),
  );
  for (const data of projected) {
    const event = JSON.parse(new TextDecoder().decode(data));
    const dataset = [event.identityPoolId, event.identityId, event.datasetName ?? event.dataSetName];
    const inline = event.kinesisSyncRecords ?? [];
    const isOffloaded = inline.length === 0 && event.kinesisSyncRecordsURL;
    const records = isOffloaded
      ? JSON.parse(new TextDecoder().decode(payloadBehind(event.kinesisSyncRecordsURL)))
      : inline;
    for (const name of [
      nameOf(...dataset),
      ...records.map(({ key }: { key: unknown }) => nameOf(...dataset, key)),
    ])
      expect(stored).toContain(name);
  }
}

const key = (text: string) => ({ key: JSON.stringify(text) });
const value = (text: string) => ({ value: JSON.stringify(text) });
const events = (...records: Record<string, string>[]) => eventJson({}, records);
const numbered = (count: number) => Array.from({ length: count }, (_, index) => key(`${MARKER}${index}`));
const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
// An object with a member called `__proto__`. In an object literal, this name would set the prototype.
const PROTO = Object.fromEntries([['__proto__', '{"key":"","syncCount":-1}']]);
const KPL = Buffer.from([0xf3, 0x89, 0x9a, 0xc2]);

describe('the stream handler', () => {
  it('projects or quarantines random data, and projects all valid events of the same batch', async () => {
    await fc.assert(
      fc
        .asyncProperty(fc.array(anyData, { minLength: 1, maxLength: 12 }), async (data) => {
          await project(data);
        })
        .beforeEach(clear),
      { numRuns: RUNS },
    );
  });

  it.each([
    ['a key of 1,024 CJK characters', events(key('鍵'.repeat(1024)))],
    ['a key of 1,024 emoji', events(key('\u{1F600}'.repeat(1024)))],
    ['keys named __proto__ and constructor', events(key('__proto__'), key('constructor'))],
    ['members named __proto__ and constructor', eventJson(PROTO, [{ ...PROTO, constructor: '{}' }])],
    ['a value of 1 MB', events(value(MARKER.repeat((1024 * 1024) / MARKER.length)))],
    ['a number of a million digits as a value', events(value(MARKER_NUMBER.repeat(200_000)))],
    ['1,024 records', events(...numbered(1024))],
    ['5,000 records', events(...numbered(5000))],
    ['a key 1,024 times', events(...Array.from({ length: 1024 }, (_, index) => value(`${index}`)))],
    ['a member nested 10,000 levels deep', eventJson({ extra: nested(10_000) }, [{ extra: nested(10_000) }])],
    [
      'a sync count and a date of -0',
      eventJson({ syncCount: '-0', lastModifiedDate: '-0' }, [{ syncCount: '-0' }]),
    ],
    ['a sync count of 2^53 - 1', events({ syncCount: String(2 ** 53 - 1) })],
    ['a date of the year 1', events({ lastModifiedDate: String(Date.parse('0001-01-01')) })],
    ['a device date of the year 9999', events({ deviceLastModifiedDate: String(Date.parse('9999-12-31')) })],
  ])('projects %s', async (_, json) => {
    expect(await project([Buffer.from(json)])).toEqual([null]);
  });

  it.each([
    ['no bytes', '', 'not-json'],
    ['a key of 1,025 CJK characters', events(key('鍵'.repeat(1025))), 'not-a-cognito-event'],
    ['a key of 1,025 emoji', events(key('\u{1F600}'.repeat(1025))), 'not-a-cognito-event'],
    ['an empty key', events(key('')), 'not-a-cognito-event'],
    ['a NUL in a key', events(key(`${MARKER}\0`)), 'unstorable-text'],
    ['a NUL in a value', events(value(`${MARKER}\0`)), 'unstorable-text'],
    ['a lone surrogate in a value', events(value(`${MARKER}\ud83d`)), 'unstorable-text'],
    ['a NUL in a name', eventJson({ datasetName: `"${MARKER}\\u0000"` }, [{}]), 'not-a-cognito-event'],
    ['a member named __proto__', '{"__proto__":{"identityPoolId":"x"}}', 'not-a-cognito-event'],
    ['10,000 levels of nesting', nested(10_000), 'not-a-cognito-event'],
    ['10,000 levels of nesting as a key', events({ key: nested(10_000) }), 'not-a-cognito-event'],
    ['a sync count of 2^53', events({ syncCount: String(2 ** 53) }), 'not-a-cognito-event'],
    ['a sync count of 1e999', eventJson({ syncCount: '1e999' }, [{}]), 'not-a-cognito-event'],
    ['a fraction of a millisecond', events({ lastModifiedDate: '0.5' }), 'not-a-cognito-event'],
    [
      'a date of the year 0',
      events({ lastModifiedDate: String(Date.parse('0000-12-31')) }),
      'not-a-cognito-event',
    ],
    ['a date of the year 10000', events({ lastModifiedDate: '253402300800000' }), 'not-a-cognito-event'],
    ['a date of the year 9999', events({ lastModifiedDate: '253402300799999' }), 'date-in-the-future'],
  ])('quarantines %s', async (_, json, prefix) => {
    expect(await project([Buffer.from(json)])).toEqual([expect.stringContaining(`${prefix}: `)]);
  });

  it.each([
    ['the magic number only', KPL],
    ['the magic number and an aggregated record', Buffer.concat([KPL, Buffer.from(`${MARKER}\0\x12\x01`)])],
    ['the magic number and an event', Buffer.concat([KPL, toBytes(wireEvent())])],
  ])('quarantines data as KPL-aggregated by its first bytes: %s', async (_, data) => {
    expect(await project([data])).toEqual([expect.stringMatching(/^kpl-aggregated: /)]);
  });
});
