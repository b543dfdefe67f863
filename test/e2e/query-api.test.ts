import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { type CognitoSyncClient, DeleteDatasetCommand } from '@aws-sdk/client-cognito-sync';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { prepareCommand } from '../../infra/cli/run-command.ts';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import { noProgress } from '../../lib/move/ports/move-store.ts';
import { createMoveStore } from '../../lib/move/store/move-store.ts';
import { createOptionalIndexes } from '../../lib/projection/store/optional-indexes.ts';
import { commandDeps } from '../fixtures/local/command-deps.ts';
import { CLOUDS } from '../fixtures/local/local-cloud.ts';
import { type Validate, validatorOf } from '../fixtures/query/validator.ts';
import {
  createSyncClient,
  type Identity,
  newIdentity,
  remove,
  set,
  write,
} from '../fixtures/wire/sync-client.ts';

const HOSTILE = `<script>alert("1")</script>' OR 1=1 --`;

interface Answer {
  status: number;
  body: { items: Record<string, unknown>[]; next: string | null; message?: string };
}

describe.each(CLOUDS)('the query API, $name', ({ open }) => {
  let cloud: LocalCloud;
  let client: CognitoSyncClient;
  let validate: Validate;
  const ada = newIdentity();
  const bob = newIdentity();

  beforeAll(async () => {
    cloud = await open();
    client = createSyncClient(cloud.url);
    const description = await (await fetch(`${cloud.url}/query/openapi.json`)).json();
    validate = validatorOf(description);
    await write(client, ada, 'game', [set('score', '42'), set(HOSTILE, HOSTILE)]);
    await write(client, ada, 'settings', [set('language', 'it')]);
    await write(client, bob, 'game', [set('score', '7'), set('language', 'de')]);
    await vi.waitUntil(async () => (await get('/changes')).body.items.length === 5, { timeout: 20_000 });
  });
  afterAll(async () => {
    client.destroy();
    // A client that still listens does not keep the service from stopping.
    const { response } = await listen(`${cloud.url}/query/changes`);
    await cloud.close();
    await expect(response.text()).rejects.toThrow();
  });

  /** Reads a route, and checks its response against the API's own description. */
  async function get(path: string, parameters: Record<string, string> = {}): Promise<Answer> {
    const response = await fetch(`${cloud.url}/query${path}?${new URLSearchParams(parameters)}`);
    const body = (await response.json()) as Answer['body'];
    expect(validate(path, response.status, body)).toBeUndefined();
    return { status: response.status, body };
  }
  async function postSql(request: unknown): Promise<{ status: number; body: unknown }> {
    const response = await fetch(`${cloud.url}/query/sql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: typeof request === 'string' ? request : JSON.stringify(request),
    });
    const body = await response.json();
    expect(validate('/sql', response.status, body, 'post')).toBeUndefined();
    return { status: response.status, body };
  }
  const of = ({ IdentityPoolId, IdentityId }: Identity) => ({ pool: IdentityPoolId, identity: IdentityId });

  it('lists pools, identities, datasets and records', async () => {
    const { pool, identity } = of(ada);
    expect((await get('/pools')).body.items).toEqual([{ identityPoolId: pool }]);
    const identities = (await get('/identities', { pool })).body.items.map((item) => item.identityId);
    expect(identities).toEqual([ada.IdentityId, bob.IdentityId].toSorted());
    const datasets = (await get('/datasets', of(ada))).body.items.map((item) => item.datasetName);
    expect(datasets).toEqual(['game', 'settings']);
    const { items } = (await get('/records', { ...of(ada), dataset: 'game' })).body;
    expect(items).toHaveLength(2);
    expect(items).toContainEqual(
      expect.objectContaining({ identityId: identity, recordKey: HOSTILE, recordValue: HOSTILE }),
    );
    expect((await get('/records', { ...of(ada), dataset: HOSTILE })).body).toEqual({ items: [], next: null });
  });

  it('lists a leaderboard once the index exists', async () => {
    const missing = await get('/records-by-key', { key: 'score' });
    expect(missing).toMatchObject({
      status: 409,
      body: { message: expect.stringContaining('indexes add numeric') },
    });
    await createOptionalIndexes(cloud.database).add('numeric');
    const first = await get('/records-by-key', { key: 'score', limit: '1' });
    expect(first.body.items).toMatchObject([{ identityId: ada.IdentityId, numericValue: '42' }]);
    const second = await get('/records-by-key', { key: 'score', limit: '1', cursor: first.body.next ?? '' });
    expect(second.body.items).toMatchObject([{ identityId: bob.IdentityId, numericValue: '7' }]);
    const bounded = await get('/records-by-key', { key: 'score', max: '41.5' });
    expect(bounded.body.items).toMatchObject([{ recordValue: '7' }]);
  });

  it('returns the changes since a cursor, including a removal and a deletion', async () => {
    const before = (await get('/changes', { since: '2020-01-01T00:00:00Z' })).body.next ?? '';
    await write(client, bob, 'game', [remove('language', 1), set('score', '8', 1)]);
    await client.send(new DeleteDatasetCommand({ ...ada, DatasetName: 'settings' }));
    const changes = () => get('/changes', { cursor: before });
    await expect
      .poll(async () => (await changes()).body.items.map((item) => item.recordValue).sort(), {
        timeout: 20_000,
      })
      .toEqual(['8', null, null].sort());
  });

  it('lists the progress of the projection, and returns empty lists if nothing is in quarantine or missing', async () => {
    expect((await get('/progress')).body.items).not.toEqual([]);
    for (const path of ['/quarantine', '/bulk-publishes', '/gaps', '/migrations']) {
      expect(await get(path)).toEqual({ status: 200, body: { items: [], next: null } });
    }
  });

  it('lists the migrations, with what `move status` prints', async () => {
    const store = createMoveStore(cloud.database, { offloading: null, now: Date.now });
    const pools = Array.from({ length: 11 }, () => `us-east-1:${randomUUID()}`).toSorted();
    for (const pool of pools) {
      const about = { origin: 'https://origin.example', holder: 'move copy', now: Date.now() };
      const lease = await store.takeLease(pool, { ...about, until: Date.now() + 60_000 });
      if (!('leaseId' in lease)) throw new Error('the lease is taken');
      await store.finishCopy(lease, { ...noProgress(), phase: 'done' }, Date.now());
    }
    const first = (await get('/migrations')).body;
    const second = (await get('/migrations', { cursor: first.next ?? '' })).body;
    expect(first.items).toHaveLength(10);
    expect(second).toMatchObject({ items: { length: 1 }, next: null });
    const lines: string[] = [];
    const status = await prepareCommand(['move', 'status', '--json']);
    await status(commandDeps({ database: cloud.database, print: (line) => lines.push(line) }));
    expect(JSON.parse(lines.join('\n'))).toEqual({ identityPools: [...first.items, ...second.items] });
    expect(first.items[0]).toMatchObject({ phase: 'done', countsAreMinimums: false });
  });

  it('counts the rows of each kind that the query store contains', async () => {
    const { body } = await get('/counts');
    const exact = (count: number) => ({ count, isEstimate: false });
    expect(body).toMatchObject({
      pools: exact(1),
      identities: exact(2),
      datasets: exact(2),
      records: exact(3),
      quarantined: exact(0),
      gaps: exact(0),
      lagMs: expect.any(Number),
      projectedAt: expect.any(String),
    });
  });

  it('sends changes as server-sent events, and continues after the last event that a client has received', async () => {
    const carol = newIdentity();
    const start = (await get('/changes', { since: new Date().toISOString() })).body.next ?? '';
    const first = await listen(`${cloud.url}/query/changes?cursor=${start}`);
    expect(first.response.headers.get('content-type')).toBe('text/event-stream');
    await write(client, carol, 'game', [set('score', HOSTILE)]);
    const change = await first.next();
    expect(JSON.parse(change.data)).toMatchObject({
      identityId: carol.IdentityId,
      recordKey: 'score',
      recordValue: HOSTILE,
    });
    await first.close();
    await write(client, carol, 'game', [set('score', '2', 1)]);
    const second = await listen(`${cloud.url}/query/changes?cursor=${start}`, { 'last-event-id': change.id });
    expect(JSON.parse((await second.next()).data)).toMatchObject({ recordValue: '2' });
    await second.close();
    const invalid = { accept: 'text/event-stream', 'last-event-id': 'nonsense' };
    expect((await fetch(`${cloud.url}/query/changes`, { headers: invalid })).status).toBe(400);
  }, 60_000);

  it('accepts 16 listeners, and answers 429 to the next one until the others are closed', async () => {
    const open = await Promise.all(
      Array.from({ length: 16 }, () => listen(`${cloud.url}/query/changes?limit=1`)),
    );
    const headers = { accept: 'text/event-stream' };
    const refused = await fetch(`${cloud.url}/query/changes`, { headers });
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
    await refused.text();
    await Promise.all(open.map((listener) => listener.close()));
    // The service notices a moment later that the clients are gone.
    await expect
      .poll(
        async () => {
          const again = await fetch(`${cloud.url}/query/changes?limit=1`, { headers });
          await again.body?.cancel();
          return again.status;
        },
        { timeout: 20_000 },
      )
      .toBe(200);
  }, 60_000);

  it('runs SQL that reads, limits its rows, and reports where an SQL error is', async () => {
    const sql = "select record_key, record_value from query.records where record_key like '<%'";
    expect(await postSql({ sql })).toMatchObject({
      status: 200,
      body: {
        columns: [
          { name: 'record_key', type: 'text' },
          { name: 'record_value', type: 'text' },
        ],
        rows: [[HOSTILE, HOSTILE]],
        truncated: false,
        milliseconds: expect.any(Number),
      },
    });
    const many = 'select * from generate_series(1, 1000000)';
    const { body } = await postSql({ sql: many });
    expect(body).toMatchObject({ truncated: true, rows: { length: 1_000 } });
    expect((await postSql({ sql: many, maxRows: 10_000 })).body).toMatchObject({ rows: { length: 10_000 } });
    expect(await postSql({ sql: 'select oops' })).toMatchObject({
      status: 400,
      body: { message: 'column "oops" does not exist', code: '42703', position: 8 },
    });
    for (const request of [{}, { sql: '' }, { sql: 1 }, { sql: many, maxRows: 10_001 }, { sql: '\0' }]) {
      expect((await postSql(request)).status).toBe(400);
    }
    expect((await postSql('{')).status).toBe(400);
  });

  it.each<[problem: string, path: string, parameters: Record<string, string>, named: string]>([
    ['a missing pool', '/identities', {}, 'pool'],
    ['a limit of 0', '/pools', { limit: '0' }, 'limit'],
    ['a limit above 1,000', '/pools', { limit: '1001' }, 'limit'],
    ['a limit that is no number', '/pools', { limit: 'ten' }, 'limit'],
    ['a time that is no date', '/changes', { since: 'yesterday' }, 'since'],
    ['an unknown order', '/records-by-key', { key: 'score', order: 'random' }, 'order'],
    ['a bound that is no number', '/records-by-key', { key: 'score', min: '1e9; drop table' }, 'min'],
    [
      'a bound with an order by text',
      '/records-by-key',
      { key: 'score', order: 'text', min: '1' },
      'order number',
    ],
    ['a value with an order by number', '/records-by-key', { key: 'score', value: '1' }, 'order text'],
    ['a key that is too long', '/records-by-key', { key: 'k'.repeat(1_025) }, 'key'],
    ['a NUL character', '/identities', { pool: '\0' }, 'character'],
    ['a cursor that is no cursor', '/pools', { cursor: 'nonsense' }, 'cursor'],
  ])('rejects %s', async (_, path, parameters, named) => {
    const { status, body } = await get(path, parameters);
    expect({ status, message: body.message }).toEqual({
      status: 400,
      message: expect.stringContaining(named),
    });
  });

  it('rejects a cursor that was changed, or that belongs to another query', async () => {
    const parameters = { ...of(ada), dataset: 'game', limit: '1' };
    const { next } = (await get('/records', parameters)).body;
    const cursor = next ?? '';
    expect((await get('/records', { ...parameters, cursor })).status).toBe(200);
    for (const changed of [
      { ...parameters, ...of(bob) },
      { ...parameters, dataset: 'settings' },
    ]) {
      expect((await get('/records', { ...changed, cursor })).status).toBe(400);
    }
    for (const tampered of [`${cursor}A`, cursor.slice(1), cursor.replace('.', 'A.'), 'A'.repeat(10_000)]) {
      expect((await get('/records', { ...parameters, cursor: tampered })).status).toBe(400);
    }
  });

  it('rejects unknown paths, other methods, other origins and other hosts', async () => {
    expect((await fetch(`${cloud.url}/query/unknown`)).status).toBe(404);
    for (const method of ['HEAD', 'OPTIONS', 'DELETE']) {
      expect((await fetch(`${cloud.url}/query/pools`, { method })).status).toBe(405);
    }
    expect((await fetch(`${cloud.url}/query/pools`, { method: 'POST' })).status).toBe(405);
    expect((await fetch(`${cloud.url}/query/sql`)).status).toBe(405);
    const foreignPage = { method: 'POST', headers: { origin: 'https://example.com' } };
    expect((await fetch(`${cloud.url}/query/sql`, foreignPage)).status).toBe(403);
    const foreign = { origin: 'https://example.com' };
    expect((await fetch(`${cloud.url}/query/pools`, { headers: foreign })).status).toBe(403);
    expect(await statusOf(`${cloud.url}/query/pools`, { host: 'example.com' })).toBe(403);
  });
});

/** Follows server-sent events. */
async function listen(url: string, more: Record<string, string> = {}) {
  const stopped = new AbortController();
  const response = await fetch(url, {
    headers: { accept: 'text/event-stream', ...more },
    signal: stopped.signal,
  });
  const events = response.ok ? readEvents(response) : undefined;
  return {
    response,
    async next(): Promise<{ id: string; data: string }> {
      const event = await events?.next();
      if (event === undefined || event.done) throw new Error('the events have ended');
      return event.value;
    },
    async close() {
      stopped.abort();
      await response.body?.cancel().catch(() => undefined);
    },
  };
}

async function* readEvents(response: Response): AsyncGenerator<{ id: string; data: string }, void> {
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const lines = block.split('\n');
      const field = (name: string) => lines.find((line) => line.startsWith(name))?.slice(name.length) ?? '';
      const data = field('data: ');
      if (data !== '') yield { id: field('id: '), data };
    }
  }
}

/** `fetch` does not let callers set the header Host. */
function statusOf(url: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    outgoing.once('error', reject).end();
  });
}
