import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import { localKinesis, put } from '../fixtures/aws/kinesis.ts';
import { startCloud } from '../fixtures/local/local-cloud.ts';
import { operate, operateProcess } from '../fixtures/local/operator.ts';
import { type Validate, validatorOf } from '../fixtures/query/validator.ts';
import { wireEvent, wireRecord } from '../fixtures/sync/stream-events.ts';
import { askSigned } from '../fixtures/wire/signing.ts';

const HOSTILE = '<script>alert("1")</script>';
/** An event that is quarantined, because its pool id is a number. */
const broken = (key: string) =>
  JSON.stringify({ ...wireEvent({ kinesisSyncRecords: [wireRecord({ key })] }), identityPoolId: 7 });
const fixed = (key: string) => JSON.stringify(wireEvent({ kinesisSyncRecords: [wireRecord({ key })] }));

let dataDir: string;
let cloud: LocalCloud;
let validate: Validate;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'quarantine-'));
  cloud = await startCloud({ dataDir });
  validate = validatorOf(await (await fetch(`${cloud.url}/query/openapi.json`)).json());
});
afterAll(async () => {
  await cloud.close();
  await rm(dataDir, { recursive: true, force: true });
});

const cli = (...args: string[]) => operate(['quarantine', ...args], { DATA_DIR: dataDir });
const keys = async () =>
  (await cloud.database.query('SELECT record_key FROM query.records ORDER BY 1')).rows.map(
    (row) => row.record_key,
  );

/** Quarantines an event. @returns its id */
async function quarantine(data: string): Promise<string> {
  const before = new Set(await idsOf('--all'));
  const kinesis = localKinesis(cloud.url);
  await put(kinesis, Buffer.from(data));
  kinesis.destroy();
  const added = async () => (await idsOf('--all')).find((id) => !before.has(id));
  await expect.poll(added, { timeout: 20_000, interval: 50 }).toBeDefined();
  return (await added()) ?? '';
}

async function listed(...options: string[]): Promise<{ quarantineId: string; reason: string }[]> {
  return JSON.parse((await cli('list', '--json', ...options)).stdout).events;
}

async function idsOf(...options: string[]): Promise<string[]> {
  return (await listed(...options)).map(({ quarantineId }) => quarantineId);
}

/** Sends a request that the developer signed, and checks the response against the API's own description. */
async function ask(
  method: 'GET' | 'POST',
  path: string,
  body?: unknown,
  credentials?: { accessKeyId: string; secretAccessKey: string },
) {
  const response = await askSigned(cloud.url, method, `/query${path}`, {
    service: 'execute-api',
    headers: { 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(credentials && { credentials }),
  });
  return checked(method, path, response);
}

async function checked(method: string, path: string, response: Response) {
  const body = await response.json();
  const template = path.replace(/[\da-f-]{36}/, '{id}');
  expect(validate(template, response.status, body, method.toLowerCase())).toBeUndefined();
  return { status: response.status, body };
}

describe('the quarantine command', () => {
  it('lists and shows an event with its reason and payload', async () => {
    const id = await quarantine(broken(HOSTILE));
    expect(await listed()).toContainEqual(
      expect.objectContaining({ quarantineId: id, reason: expect.stringMatching(/^not-a-cognito-event: /) }),
    );
    const table = await cli('list');
    expect(table).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringContaining('not-a-cognito-event'),
    });
    const shown = await cli('show', id);
    expect(shown.stdout).toContain(`id           ${id}`);
    expect(shown.stdout).toContain('"key": "<script>alert(');
    expect(JSON.parse((await cli('show', id, '--json')).stdout)).toMatchObject({
      quarantineId: id,
      payload: broken(HOSTILE),
      payloadEncoding: 'utf8',
      redrivenAt: null,
      isDismissed: null,
    });
  });

  it('takes the start of an id if it has at least 8 characters and is unique', async () => {
    const id = await quarantine(broken('by-start'));
    for (const length of [8, 9, 13, 35]) {
      const shown = await cli('show', id.slice(0, length), '--json');
      expect(JSON.parse(shown.stdout)).toMatchObject({ quarantineId: id });
    }
    expect(await cli('show', id.slice(0, 7))).toMatchObject({ code: 2 });
    expect(await cli('show', `${id.slice(0, 8)}0`)).toMatchObject({ code: 2 });
    const copyId = `${id.slice(0, 35)}${id.endsWith('0') ? '1' : '0'}`;
    await cloud.database.query(
      `INSERT INTO projection.quarantine
       SELECT copied.* FROM projection.quarantine original,
         jsonb_populate_record(original, jsonb_build_object('quarantine_id', $2::text, 'sequence_number', '1')) copied
       WHERE original.quarantine_id = $1::uuid`,
      [id, copyId],
    );
    expect(await cli('dismiss', id.slice(0, 8))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        `several events in quarantine have an id that starts with ${id.slice(0, 8)}`,
      ),
    });
    await cloud.database.query('DELETE FROM projection.quarantine WHERE quarantine_id = $1::uuid', [copyId]);
    expect(await cli('dismiss', id.slice(0, 8))).toMatchObject({ code: 0 });
    expect(await idsOf()).not.toContain(id);
    expect(await cli('show', '00000000')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no event in quarantine has the id 00000000'),
    });
  });

  it('shows bytes that are not UTF-8 in base64, opens no editor for them, and escapes control characters', async () => {
    const kinesis = localKinesis(cloud.url);
    const before = new Set(await idsOf());
    await put(kinesis, Buffer.from([0xff, 0xfe, 0x00]));
    kinesis.destroy();
    await expect.poll(async () => (await idsOf()).length, { timeout: 20_000 }).toBe(before.size + 1);
    const id = (await idsOf()).find((other) => !before.has(other)) ?? '';
    expect(JSON.parse((await cli('show', id, '--json')).stdout)).toMatchObject({
      payload: '//4A',
      payloadEncoding: 'base64',
    });
    const editing = operateProcess(['quarantine', 'edit', id], {
      DATA_DIR: dataDir,
      EDITOR: 'printf edited >',
    });
    expect(await editing).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('the payload is not UTF-8 text and cannot be edited; use --file'),
    });
    const controlling = await quarantine('{"a": "\u001b[2J"');
    expect((await cli('show', controlling)).stdout).not.toContain('\u001b');
  });

  it('projects an edited event, and keeps the event if the edit cannot be projected', async () => {
    const id = await quarantine(broken('edited'));
    const file = join(dataDir, 'edited.json');
    await writeFile(file, '{"still": "wrong"}');
    expect(await cli('edit', id, '--file', file)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('cannot be projected: not-a-cognito-event'),
      stderr: expect.stringContaining('the event in quarantine is unchanged'),
    });
    expect(JSON.parse((await cli('show', id, '--json')).stdout)).toMatchObject({ payload: broken('edited') });
    await writeFile(file, fixed('edited'));
    expect(await cli('edit', id, '--file', file)).toMatchObject({ code: 0, stdout: `${id}: projected\n` });
    expect(await keys()).toContain('edited');
    expect(await idsOf()).not.toContain(id);
    expect(await cli('edit', id, '--file', file)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^[\da-f-]+: projected, but 0 rows changed: .*`quarantine edit`\n$/),
    });
  });

  it('opens the editor, and keeps the edited text if it cannot be projected', async () => {
    const id = await quarantine(broken('by-editor'));
    const edit = (editor: string) =>
      operateProcess(['quarantine', 'edit', id], { DATA_DIR: dataDir, EDITOR: editor });
    expect(await edit('true')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('nothing was projected'),
    });
    expect(await edit('false')).toMatchObject({ code: 1, stderr: expect.stringContaining('set EDITOR') });
    const refused = await edit(`sed -i.bak 's/replace/change/'`);
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/the edited text is in \/.*payload\.json/),
    });
    const projected = await edit(
      `sed -i.bak 's/"identityPoolId": 7/"identityPoolId": "us-east-1:00000000-0000-4000-8000-000000000001"/'`,
    );
    expect(projected).toEqual({ code: 0, stdout: `${id}: projected\n`, stderr: '' });
    expect(await keys()).toContain('by-editor');
  });

  it('redrives and dismisses events by id, and exports the others', async () => {
    const [first, second, third] = [
      await quarantine('one'),
      await quarantine('two'),
      await quarantine('three'),
    ];
    expect(await cli('redrive', first)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining(`${first}: cannot be projected: not-json`),
    });
    expect(await cli('dismiss', first, second)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Dismissed: 2 events'),
    });
    expect(await cli('dismiss', first, '--json')).toMatchObject({ code: 0, stdout: '{"dismissed":0}\n' });
    expect(await cli('dismiss', first, second)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Not dismissed: 2 ids, because no event .* waits in quarantine\./),
    });
    const lines = (await cli('export')).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toContainEqual(expect.objectContaining({ quarantineId: third, payload: 'three' }));
    expect(lines.map(({ quarantineId }) => quarantineId)).not.toContain(first);
    expect(await idsOf('--all')).toContain(first);
    const limited = JSON.parse((await cli('list', '--json', '--limit', '1')).stdout);
    expect(limited).toMatchObject({ events: [expect.anything()], isCut: true });
    expect(await cli('redrive', '--json')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('"refused"'),
    });
    expect(await cli('show', '00000000-0000-4000-8000-000000000000')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no event in quarantine has the id'),
    });
  });
});

describe('the query API for operators', () => {
  it('returns the payload only to a developer', async () => {
    const id = await quarantine(broken(HOSTILE));
    const path = `/quarantine/${id}`;
    expect(await ask('GET', path)).toMatchObject({
      status: 200,
      body: { payload: broken(HOSTILE), payloadEncoding: 'utf8' },
    });
    const unsigned = await checked('GET', path, await fetch(`${cloud.url}/query${path}`));
    expect(unsigned).toEqual({ status: 403, body: { message: expect.stringContaining('execute-api') } });
    const wrong = { accessKeyId: 'local', secretAccessKey: 'guessed' };
    for (const credentials of [wrong, { accessKeyId: 'stranger', secretAccessKey: 'local' }]) {
      const response = await askSigned(cloud.url, 'GET', `/query${path}`, {
        service: 'execute-api',
        credentials,
      });
      expect(response.status).toBe(403);
      expect(await response.text()).not.toContain('script');
    }
    const otherService = await askSigned(cloud.url, 'GET', `/query${path}`);
    expect(otherService.status).toBe(403);
  });

  it('projects an edited payload, and reports why another cannot be projected', async () => {
    const id = await quarantine(broken('over-http'));
    const path = `/quarantine/${id}/redrive`;
    expect(await ask('POST', path)).toMatchObject({
      status: 200,
      body: { outcome: 'refused', reason: expect.stringContaining('not-a-cognito-event') },
    });
    expect(await ask('POST', path, { payload: 'nonsense' })).toMatchObject({
      body: { outcome: 'refused', reason: expect.stringContaining('not-json') },
    });
    expect(await ask('POST', path, { payload: fixed('over-http') })).toMatchObject({
      status: 200,
      body: { quarantineId: id, outcome: 'projected', reason: null, records: 1, recordsChanged: 1 },
    });
    expect(await ask('POST', path, { payload: fixed('over-http') })).toMatchObject({ status: 409 });
    expect(await ask('POST', path, { payload: fixed('over-http'), again: true })).toMatchObject({
      status: 200,
      body: { outcome: 'projected', records: 1, recordsChanged: 0 },
    });
    expect(await ask('POST', '/quarantine/redrive', { ids: [id] })).toMatchObject({
      status: 200,
      body: { items: [{ quarantineId: id, outcome: 'settled' }] },
    });
    expect(await keys()).toContain('over-http');
  });

  it('redrives and dismisses many events', async () => {
    const ids = [await quarantine('four'), await quarantine('five')];
    expect(await ask('POST', '/quarantine/redrive', { ids })).toMatchObject({
      status: 200,
      body: { items: ids.map((quarantineId) => ({ quarantineId, outcome: 'refused' })) },
    });
    const waiting = async () => {
      const response = await fetch(`${cloud.url}/query/quarantine?waiting=true`);
      const ids = (await response.text()).match(/"quarantineId":"[^"]+"/g) ?? [];
      return ids.map((id) => id.slice(16, -1));
    };
    expect(await waiting()).toEqual(expect.arrayContaining(ids));
    expect(await ask('POST', '/quarantine/dismiss', { ids })).toEqual({
      status: 200,
      body: { dismissed: 2 },
    });
    expect((await waiting()).filter((id) => ids.includes(id))).toEqual([]);
    expect(await ask('POST', '/quarantine/dismiss', { ids })).toEqual({
      status: 200,
      body: { dismissed: 0 },
    });
  });

  it.each([
    ['an id that is no UUID', '/quarantine/redrive', { ids: ['1; DROP TABLE'] }],
    ['no ids', '/quarantine/dismiss', { ids: [] }],
    [
      'too many ids',
      '/quarantine/dismiss',
      { ids: Array.from({ length: 1_001 }, () => '00000000-0000-4000-8000-000000000000') },
    ],
    ['a body that is no object', '/quarantine/dismiss', 'ids'],
  ])('rejects %s', async (_, path, body) => {
    expect((await ask('POST', path, body)).status).toBe(400);
  });

  it('rejects a body that is not JSON', async () => {
    const response = await askSigned(cloud.url, 'POST', '/query/quarantine/dismiss', {
      service: 'execute-api',
      headers: { 'content-type': 'application/json' },
      body: '{"ids": [',
    });
    expect(await checked('POST', '/quarantine/dismiss', response)).toMatchObject({ status: 400 });
  });

  it.each([
    [
      'an edited payload that is not sent as JSON',
      'application/x-www-form-urlencoded',
      { payload: 'x' },
      415,
    ],
    ['a misspelt member', 'application/json', { paylod: 'x' }, 400],
  ])('does not project the stored event for %s', async (_, contentType, body, status) => {
    const path = '/quarantine/00000000-0000-4000-8000-000000000000/redrive';
    const response = await askSigned(cloud.url, 'POST', `/query${path}`, {
      service: 'execute-api',
      headers: { 'content-type': contentType },
      body: JSON.stringify(body),
    });
    expect((await checked('POST', path, response)).status).toBe(status);
  });

  it('does nothing for requests without a signature', async () => {
    const id = await quarantine('six');
    for (const path of [`/quarantine/${id}/redrive`, '/quarantine/redrive', '/quarantine/dismiss']) {
      const response = await fetch(`${cloud.url}/query${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ids: [id] }),
      });
      expect((await checked('POST', path, response)).status).toBe(403);
    }
    expect(await idsOf()).toContain(id);
    expect((await ask('POST', `/quarantine/00000000-0000-4000-8000-000000000000/redrive`)).status).toBe(404);
  });
});
