import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { CognitoSyncServiceException } from '@aws-sdk/client-cognito-sync';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createPostgresDatabase } from '../fixtures/database/databases.ts';
import { type StartedProcess, startFirst, startProcess } from '../fixtures/local/npm-start.ts';
import { POOL } from '../fixtures/sync/stream-events.ts';
import { createSyncClient, newIdentity, set, write } from '../fixtures/wire/sync-client.ts';

let directory: string;
let started: StartedProcess;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'shutdown-'));
  started = await startFirst({ DATA_DIR: directory, DATABASE_URL: await createPostgresDatabase() });
});
afterAll(async () => {
  started.process.kill('SIGKILL');
  await rm(directory, { recursive: true, force: true });
});

/** Sends the first part of a GetId request. @returns the request, whose rest the caller sends */
function beginGetId(body: string, url = started.url) {
  const sent = request(url, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/x-amz-json-1.1',
      'X-Amz-Target': 'AWSCognitoIdentityService.GetId',
      'Content-Length': Buffer.byteLength(body),
    },
  });
  sent.write(body.slice(0, 10));
  return sent;
}

/** Opens an event stream. */
async function openEvents(path: string): Promise<Response> {
  const response = await fetch(started.url + path, { headers: { accept: 'text/event-stream' } });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  return response;
}

it('a stopping process answers the requests in flight, rejects new ones, and waits for no event stream', async () => {
  const streams = await Promise.all(['/query/changes', '/query/activity'].map(openEvents));
  const body = JSON.stringify({ IdentityPoolId: POOL });
  const sent = beginGetId(body);
  const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
  // The process must have received the first part before the signal.
  await sleep(1_000);
  const ended = started.end('SIGTERM');

  await vi.waitFor(
    async () => {
      const late = await fetch(`${started.url}/identitypools`);
      expect(late.status).toBe(503);
      expect(late.headers.get('retry-after')).toBe('1');
      expect(late.headers.get('x-amzn-requestid')).toMatch(/^[0-9a-f-]{36}$/);
    },
    { timeout: 8_000, interval: 50 },
  );
  const health = await fetch(`${started.url}/healthz`);
  expect({ status: health.status, body: await health.json() }).toMatchObject({
    status: 503,
    body: { service: 'cognito-sync-backend', status: 'stopping' },
  });
  expect((await fetch(`${started.url}/healthz`, { method: 'HEAD' })).status).toBe(503);
  sent.end(body.slice(10));
  const [response] = await answered;
  expect({ status: response.statusCode, body: JSON.parse(await text(response)) }).toEqual({
    status: 200,
    body: { IdentityId: expect.any(String) },
  });
  expect(await ended).toEqual({ code: 0 });
  expect(response.headers.connection).toBe('close');
  // If the process had waited for the streams, the line would report them as cut off after the time limit.
  expect(started.output()).toContain('cognito-sync-backend: stopping; answered 1 of 1 requests in flight\n');
  for (const stream of streams) await expect(stream.text()).rejects.toThrow();
});

it('a second signal ends a stopping process immediately, also if it is another signal', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'shutdown-'));
  const other = await startFirst({ DATA_DIR: dataDir, DATABASE_URL: await createPostgresDatabase() });
  try {
    const sent = beginGetId(JSON.stringify({ IdentityPoolId: POOL }), other.url);
    sent.on('error', () => undefined);
    // The process must have received the first part before the signal.
    await sleep(1_000);
    const ended = other.end('SIGTERM');
    await vi.waitFor(async () => expect((await fetch(`${other.url}/identitypools`)).status).toBe(503), {
      timeout: 8_000,
      interval: 50,
    });
    other.process.kill('SIGINT');
    // Without the second signal, the process would wait for the request, and exit with 0.
    expect(await ended).toEqual({ code: 1 });
  } finally {
    other.process.kill('SIGKILL');
    await rm(dataDir, { recursive: true, force: true });
  }
});

/** Syncs in a loop until the port refuses connections. Counts the results by status or error. */
async function syncUntilRefused(url: string, results: Map<string, number>): Promise<void> {
  const client = createSyncClient(url, { maxAttempts: 1 });
  const identity = newIdentity();
  let last = '';
  for (let n = 0; last !== 'ECONNREFUSED'; n += 1) {
    last = await write(client, identity, 'game', [set(`k${n}`, 'v')]).then(() => '200', describe);
    results.set(last, (results.get(last) ?? 0) + 1);
  }
  client.destroy();
}

function describe(error: unknown): string {
  if (error instanceof CognitoSyncServiceException) return String(error.$metadata.httpStatusCode);
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

it('a stopping process answers every request of clients that sync without a pause', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'shutdown-'));
  const busy = await startProcess({ DATA_DIR: dataDir });
  try {
    const results = new Map<string, number>();
    const clients = Array.from({ length: 20 }, () => syncUntilRefused(busy.url, results));
    await vi.waitFor(() => expect(results.get('200')).toBeGreaterThan(50), { timeout: 30_000, interval: 20 });
    expect(await busy.end('SIGTERM')).toEqual({ code: 0 });
    await Promise.all(clients);
    expect([...results.keys()].sort()).toEqual(['200', '503', 'ECONNREFUSED']);
    expect(results.get('ECONNREFUSED')).toBe(clients.length);
  } finally {
    busy.process.kill('SIGKILL');
    await rm(dataDir, { recursive: true, force: true });
  }
});

it('a stopping process waits less than a second for idle connections', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'shutdown-'));
  const idle = await startProcess({ DATA_DIR: dataDir });
  const client = createSyncClient(idle.url);
  try {
    await write(client, newIdentity(), 'game', [set('k', 'v')]);
    const signalledAt = performance.now();
    const ended = idle.end('SIGTERM');
    await vi.waitFor(() => expect(idle.output()).toContain('stopping; '), { timeout: 5_000, interval: 10 });
    expect(performance.now() - signalledAt).toBeLessThan(900);
    expect(await ended).toEqual({ code: 0 });
  } finally {
    client.destroy();
    idle.process.kill('SIGKILL');
    await rm(dataDir, { recursive: true, force: true });
  }
});
