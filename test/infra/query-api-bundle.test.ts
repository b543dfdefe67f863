import { createHash, randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProjectStream } from '../../functions/project-stream.ts';
import { createLambdaContext } from '../../infra/local/lambda-context.ts';
import { createLogger } from '../../lib/aws/telemetry.ts';
import { createSigner } from '../../lib/common/signed-text.ts';
import { openPg } from '../../lib/database/drivers/pg/open-pg.ts';
import type { ReadDatabase } from '../../lib/database/read-sql.ts';
import { createOptionalIndexes } from '../../lib/projection/store/optional-indexes.ts';
import { createQueryStore } from '../../lib/projection/store/query-store.ts';
import { FUNCTION_ARN, type FunctionUrl, startFunctionUrl } from '../fixtures/aws/function-url.ts';
import { createPostgresDatabase } from '../fixtures/database/databases.ts';
import { type Validate, validatorOf } from '../fixtures/query/validator.ts';
import { bundleFunction } from '../fixtures/stack/bundle-function.ts';
import {
  deliver,
  IDENTITY,
  NEW_YEAR,
  noPayloads,
  POOL,
  toBytes,
  toKinesisEvent,
  wireEvent,
  wireRecord,
} from '../fixtures/sync/stream-events.ts';

/** Each such character takes seven bytes in the result of a function. */
const LARGE = '\u0001'.repeat(1_000_000);
const DATASET = { pool: POOL, identity: IDENTITY, dataset: 'game' };

/** The members that the tests read; each response has only some of them. */
interface Body {
  items: Record<string, unknown>[];
  next: string | null;
  message: string;
  paths: Record<string, unknown>;
}

let bundle: string;
let database: ReadDatabase;
let env: Record<string, string>;
let functionUrl: FunctionUrl;
let validate: Validate;
beforeAll(async () => {
  bundle = await bundleFunction('query-api');
  const url = new URL(await createPostgresDatabase());
  database = openPg({ connectionString: url.href });
  await project();
  await createOptionalIndexes(database).add('numeric');
  // The function connects as a separate database user, as docs/query.md advises.
  const user = `reader_${randomUUID().replaceAll('-', '')}`;
  await database.query(`CREATE ROLE ${user} LOGIN PASSWORD 'reader' IN ROLE query_reader`);
  url.username = user;
  url.password = 'reader';
  env = { DATABASE_URL: url.href };
  functionUrl = await startFunctionUrl({ bundle, env });
  validate = validatorOf((await get('/openapi.json')).body);
}, 60_000);
afterAll(async () => {
  await functionUrl.close();
  await database.close();
});

/** Projects two records, one with a large value, and an event that is quarantined. */
async function project(): Promise<void> {
  const handler = createProjectStream({
    store: createQueryStore(database),
    fetchPayload: noPayloads,
    parallelizationFactor: 1,
    report: () => undefined,
    logger: createLogger('project-stream'),
  });
  const of = (datasetName: string, record: { key: string; value: string }) =>
    toBytes(wireEvent({ datasetName, kinesisSyncRecords: [wireRecord(record)] }));
  const context = createLambdaContext('project-stream', 'us-east-1');
  const small = [of('game', { key: 'level', value: '7' }), toBytes('not an event')];
  // The large record is in a later batch, so that the first page of the changes can end before it.
  for (const events of [small, [of('large', { key: 'text', value: LARGE })]]) {
    const deliveries = events.map((event) => deliver(event, NEW_YEAR));
    expect(await handler(toKinesisEvent(deliveries), context)).toEqual({ batchItemFailures: [] });
  }
}

async function send(path: string, init: RequestInit = {}) {
  const response = await fetch(`${functionUrl.url}/query${path}`, init);
  const body = (await response.json()) as Body;
  return { status: response.status, headers: response.headers, body };
}

const get = (path: string, parameters: Record<string, string> = {}, headers = {}) =>
  send(`${path}?${new URLSearchParams(parameters)}`, { headers });

const runSql = (sql: string) =>
  send('/sql', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sql }),
  });

describe('the function query-api', () => {
  it('has a bundle of less than 900 kB', async () => {
    expect((await stat(bundle)).size).toBeLessThan(900_000);
  });

  it('answers each list in the form of its own OpenAPI description, with the rights of query_reader', async () => {
    const lists: [path: string, parameters?: Record<string, string>][] = [
      ['/pools'],
      ['/identities', { pool: POOL }],
      ['/datasets', { pool: POOL, identity: IDENTITY }],
      ['/records', DATASET],
      ['/records-by-key', { key: 'level' }],
      ['/quarantine'],
      ['/progress'],
    ];
    for (const [path, parameters] of lists) {
      const { status, headers, body } = await get(path, parameters);
      expect([path, status, validate(path, status, body)]).toEqual([path, 200, undefined]);
      expect(body.items).not.toEqual([]);
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
    }
    expect((await get('/records', DATASET)).body.items).toMatchObject([
      { recordKey: 'level', recordValue: '7' },
    ]);
    for (const path of ['/bulk-publishes', '/gaps', '/counts']) {
      const { status, body } = await get(path);
      expect([path, status, validate(path, status, body)]).toEqual([path, 200, undefined]);
    }
    const changes = await get('/changes', { limit: '1' });
    expect([changes.status, validate('/changes', 200, changes.body)]).toEqual([200, undefined]);
    expect(changes.body.items).toMatchObject([{ recordKey: 'level', recordValue: '7' }]);
  });

  it('runs SQL that reads the views, and nothing else', async () => {
    expect((await runSql('SELECT count(*) FROM query.records')).body).toMatchObject({ rows: [['2']] });
    expect(await runSql('SELECT * FROM projection.records')).toMatchObject({
      status: 400,
      body: { code: '42501' },
    });
    expect(await runSql('DELETE FROM projection.records')).toMatchObject({ status: 400 });
  });

  it('accepts a cursor in another instance, and only for its query', async () => {
    const first = await get('/datasets', { pool: POOL, identity: IDENTITY, limit: '1' });
    expect(first.body.items).toMatchObject([{ datasetName: 'game' }]);
    const cursor = String(first.body.next);
    functionUrl.kill();
    const second = await get('/datasets', { pool: POOL, identity: IDENTITY, limit: '1', cursor });
    expect(second.body.items).toMatchObject([{ datasetName: 'large' }]);
    for (const wrong of [`${cursor}x`, `x${cursor}`]) {
      const parameters = { pool: POOL, identity: IDENTITY, limit: '1', cursor: wrong };
      expect((await get('/datasets', parameters)).status).toBe(400);
    }
    expect((await get('/pools', { cursor })).status).toBe(400);
  });

  it('accepts the cursor of another version of the function', async () => {
    const parameters = { pool: POOL, identity: IDENTITY, limit: '1' };
    const { body } = await get('/datasets', parameters);
    const newVersion = await startFunctionUrl({ bundle, env, arn: `${FUNCTION_ARN}:live` });
    const query = new URLSearchParams({ ...parameters, cursor: String(body.next) });
    const response = await fetch(`${newVersion.url}/query/datasets?${query}`);
    await newVersion.close();
    expect(await response.json()).toMatchObject({ items: [{ datasetName: 'large' }] });
  });

  it('rejects a cursor that the caller signed, if the position in it does not belong to the list', async () => {
    const { sign } = createSigner([createHash('sha256').update(FUNCTION_ARN).digest()]);
    const read = (path: string, content: string) =>
      get(path, { cursor: sign(content, ['query-cursor', path, '{}']) });
    const id = randomUUID();
    expect(await read('/pools', JSON.stringify(['a']))).toMatchObject({ status: 200 });
    expect(await read('/quarantine', JSON.stringify(['infinity', id]))).toMatchObject({ status: 200 });
    for (const [path, position] of [
      ...['text', 'null', '{"length":1}', '"a"', '[1]', '[null]', '[["a"]]', '[]', '["a","b"]'].map(
        (text) => ['/pools', text] as const,
      ),
      ['/progress', '["a"]'],
      ['/quarantine', `["not a time","${id}"]`],
      ['/quarantine', '["infinity","not an id"]'],
      ['/changes', `["-infinity","${id}"]`],
      ['/bulk-publishes', '["pool","not a number"]'],
      ['/gaps', '["pool","1e999","cause"]'],
    ] as const) {
      const { status, body } = await read(path, position);
      expect([path, position, status, body.message]).toEqual([
        path,
        position,
        400,
        expect.stringContaining('cursor is invalid'),
      ]);
    }
  });

  it('refuses a result that Lambda cannot deliver, and says what to do', async () => {
    const { status, body } = await get('/records', { ...DATASET, dataset: 'large' });
    expect(status).toBe(400);
    expect(body.message).toMatch(/larger than 6291456 bytes.* with limit or maxRows$/);
    expect(validate('/records', status, body)).toBeUndefined();
  });

  it('refuses server-sent events, which it cannot send, and does not describe them', async () => {
    const { status, body } = await get('/changes', {}, { accept: 'text/event-stream' });
    expect(status).toBe(501);
    expect(validate('/changes', status, body)).toBeUndefined();
    const description = JSON.stringify((await get('/openapi.json')).body);
    expect(description).not.toContain('text/event-stream');
  });

  it('has neither the routes of operators nor migrations', async () => {
    const [{ quarantineId } = {}] = (await get('/quarantine')).body.items;
    for (const [method, path] of [
      ['GET', `/quarantine/${quarantineId}`],
      ['POST', `/quarantine/${quarantineId}/redrive`],
      ['POST', '/quarantine/redrive'],
      ['POST', '/quarantine/dismiss'],
      ['GET', '/migrations'],
    ] as const) {
      expect([path, (await send(path, { method })).status]).toEqual([path, 404]);
    }
    expect(Object.keys((await get('/openapi.json')).body.paths).join()).not.toMatch(/\{id\}|migrations/);
  });

  it('answers invalid requests with the status of the error', async () => {
    expect((await get('/records', { pool: POOL })).status).toBe(400);
    expect((await send('/pools', { method: 'DELETE' })).status).toBe(405);
    expect((await send('/sql', { method: 'POST', body: '{' })).status).toBe(415);
    expect((await fetch(`${functionUrl.url}//other`)).status).toBe(404);
  });

  it('answers 503 if the database cannot be reached', async () => {
    const unreachable = await startFunctionUrl({
      bundle,
      env: { DATABASE_URL: 'postgres://reader@127.0.0.1:1/query' },
    });
    const response = await fetch(`${unreachable.url}/query/pools`);
    expect([response.status, await response.json()]).toEqual([
      503,
      { message: 'the database does not answer; try again later' },
    ]);
    await unreachable.close();
  });
});
