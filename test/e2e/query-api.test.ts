import { request } from 'node:http';
import { type CognitoSyncClient, DeleteDatasetCommand } from '@aws-sdk/client-cognito-sync';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import { isObject } from '../../lib/common/json.ts';
import { createValueIndexes } from '../../lib/projection/store/value-indexes.ts';
import { CLOUDS } from '../fixtures/local/local-cloud.ts';
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
  let validate: (path: string, status: number, body: unknown) => string | undefined;
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
    await cloud.close();
  });

  /** Reads a route, and checks its response against the API's own description. */
  async function get(path: string, parameters: Record<string, string> = {}): Promise<Answer> {
    const response = await fetch(`${cloud.url}/query${path}?${new URLSearchParams(parameters)}`);
    const body = (await response.json()) as Answer['body'];
    expect(validate(path, response.status, body)).toBeUndefined();
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
    await createValueIndexes(cloud.database).add('numeric');
    const first = await get('/records-by-key', { key: 'score', limit: '1' });
    expect(first.body.items).toMatchObject([{ identityId: ada.IdentityId, numericValue: '42' }]);
    const second = await get('/records-by-key', { key: 'score', limit: '1', cursor: first.body.next ?? '' });
    expect(second.body.items).toMatchObject([{ identityId: bob.IdentityId, numericValue: '7' }]);
    const bounded = await get('/records-by-key', { key: 'score', max: '41.5' });
    expect(bounded.body.items).toMatchObject([{ recordValue: '7' }]);
  });

  it('returns what changed since a cursor', async () => {
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

  it('lists the state of the projection', async () => {
    expect((await get('/progress')).body.items).not.toEqual([]);
    for (const path of ['/quarantine', '/bulk-publishes', '/gaps']) {
      expect(await get(path)).toEqual({ status: 200, body: { items: [], next: null } });
    }
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

  it('is served only to this machine, by its own name', async () => {
    expect((await fetch(`${cloud.url}/query/unknown`)).status).toBe(404);
    for (const method of ['HEAD', 'OPTIONS', 'DELETE']) {
      expect((await fetch(`${cloud.url}/query/pools`, { method })).status).toBe(405);
    }
    expect((await fetch(`${cloud.url}/query/pools`, { method: 'POST' })).status).toBe(404);
    const foreign = { origin: 'https://example.com' };
    expect((await fetch(`${cloud.url}/query/pools`, { headers: foreign })).status).toBe(403);
    expect(await statusOf(`${cloud.url}/query/pools`, { host: 'example.com' })).toBe(403);
  });
});

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

/** Creates a check of responses against an OpenAPI description. @returns the errors; undefined for a valid response */
function validatorOf(
  description: unknown,
): (path: string, status: number, body: unknown) => string | undefined {
  const ajv = new Ajv2020({ strict: false, validateFormats: false }).addSchema(
    isObject(description) ? description : {},
    'api',
  );
  return (path, status, body) => {
    const pointer = [
      'paths',
      `/query${path}`,
      'get',
      'responses',
      String(status),
      'content',
      'application/json',
      'schema',
    ];
    const reference = `api#/${pointer.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`;
    return ajv.validate({ $ref: reference }, body) ? undefined : ajv.errorsText();
  };
}
