import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createPostgresDatabase } from '../fixtures/database/databases.ts';
import { type StartedProcess, startFirst } from '../fixtures/local/npm-start.ts';
import { POOL } from '../fixtures/sync/stream-events.ts';

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
  sent.end(body.slice(10));
  const [response] = await answered;
  expect({ status: response.statusCode, body: JSON.parse(await text(response)) }).toEqual({
    status: 200,
    body: { IdentityId: expect.any(String) },
  });
  expect(await ended).toEqual({ code: 0 });
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
