import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type HttpServer, startHttpServer } from '../../../infra/local/http/http-server.ts';
import { createPushRoute } from '../../../infra/local/http/push-route.ts';
import { createPushInbox, type PushInbox } from '../../../infra/local/push-inbox.ts';
import { readPush } from '../../fixtures/sync/push-readers.ts';

const UNKNOWN_DEVICE = '00000000-0000-4000-8000-000000000000';

let inbox: PushInbox;
let port: HttpServer;
let url: string;
let phone: string;
beforeEach(async () => {
  phone = randomUUID();
  inbox = createPushInbox({ randomId: randomUUID });
  await open({});
});

async function open(options: { keepOpenMs?: number }): Promise<void> {
  const devices = { hasDevice: async (deviceId: string) => deviceId !== UNKNOWN_DEVICE };
  const opened = await startHttpServer({
    host: '127.0.0.1',
    port: 0,
    routes: [createPushRoute({ inbox, devices, ...options })],
  });
  onTestFinished(() => opened.close());
  port = opened;
  url = `http://127.0.0.1:${port.port}`;
}

const send = (message: string, deviceId = phone) =>
  inbox.send({ deviceId, platform: 'APNS', endpoint: 'arn:e', registeredAt: 0 }, message);

describe('the push inbox', () => {
  it('returns a new endpoint of the application for each registration', async () => {
    const device = {
      applicationArn: 'arn:aws:sns:us-east-1:000000000000:app/GCM/notes',
      platform: 'GCM' as const,
      token: 'A0-secret-token',
    };
    const endpoint = await inbox.register(device);
    expect(endpoint).toMatch(/^arn:aws:sns:us-east-1:000000000000:endpoint\/GCM\/notes\/[0-9a-f-]{36}$/);
    expect(await inbox.register(device)).not.toBe(endpoint);
  });

  it('keeps the last 100 messages of a device', async () => {
    for (let index = 0; index <= 100; index += 1) await send(`${index}`);
    await send('other', randomUUID());
    const reader = await readPush(url, phone);
    for (let index = 1; index <= 100; index += 1)
      expect(await reader.next()).toMatchObject({ data: `${index}` });
    await send('live');
    expect(await reader.next()).toMatchObject({ data: 'live' });
  });

  it('keeps only the messages of the 1,000 devices that received a message most recently', async () => {
    await send('old');
    const second = randomUUID();
    await send('older', second);
    await send('new');
    for (let index = 0; index < 999; index += 1) await send('x', randomUUID());
    const reader = await readPush(url, phone);
    expect([await reader.next(), await reader.next()]).toMatchObject([{ data: 'old' }, { data: 'new' }]);
    const evicted = await readPush(url, second);
    await send('live', second);
    expect(await evicted.next()).toMatchObject({ data: 'live' });
  });
});

describe('GET /push', () => {
  it('lists the devices that have messages, the device with the newest message first', async () => {
    const tablet = randomUUID();
    await send('a');
    await send('b', tablet);
    await send('c', tablet);
    const response = await fetch(`${url}/push`);
    expect(await response.json()).toEqual({
      devices: [
        { deviceId: tablet, messages: 2 },
        { deviceId: phone, messages: 1 },
      ],
    });
  });
});

describe('GET /push/{deviceId}', () => {
  it('streams stored messages, then new messages, to every reader', async () => {
    await send('{"first":1}');
    const readers = [await readPush(url, phone), await readPush(url, phone)];
    await send('{"second":2}');
    for (const reader of readers) {
      expect(reader.response.status).toBe(200);
      expect(reader.response.headers.get('content-type')).toBe('text/event-stream');
      expect(reader.response.headers.get('cache-control')).toBe('no-store');
      const events = [await reader.next(), await reader.next()];
      expect(events).toEqual([
        { id: expect.stringMatching(/./), event: 'push', data: '{"first":1}' },
        { id: expect.stringMatching(/./), event: 'push', data: '{"second":2}' },
      ]);
      expect(events[0]?.id).not.toBe(events[1]?.id);
    }
  });

  it('responds immediately if there are no messages yet', async () => {
    const reader = await readPush(url, phone);
    expect(await reader.nextComment()).toBe(`the messages of ${phone}`);
  });

  it('continues after the last message that the reader received', async () => {
    for (const message of ['a', 'b', 'c']) await send(message);
    const first = await readPush(url, phone);
    await first.next();
    const { id } = await first.next();
    first.close();
    const again = await readPush(url, phone, { 'Last-Event-ID': id });
    expect(await again.next()).toMatchObject({ data: 'c' });
  });

  it.each(['', '1', 'unknown-1'])(
    'starts from the first message for an unknown Last-Event-ID: "%s"',
    async (id) => {
      await send('a');
      const reader = await readPush(url, phone, { 'Last-Event-ID': id });
      expect(await reader.next()).toMatchObject({ data: 'a' });
    },
  );

  it('starts from the first message if Last-Event-ID is from an earlier run of the server', async () => {
    await send('a');
    const { id } = await (await readPush(url, phone)).next();
    inbox = createPushInbox({ randomId: randomUUID });
    await open({});
    await send('b');
    const reader = await readPush(url, phone, { 'Last-Event-ID': id });
    expect(await reader.next()).toMatchObject({ data: 'b' });
  });

  it('keeps the connection open with periodic comments', async () => {
    await open({ keepOpenMs: 5 });
    const reader = await readPush(url, phone);
    await reader.nextComment();
    expect([await reader.nextComment(), await reader.nextComment()]).toEqual(['', '']);
  });

  it('returns 404 with a remedy for an unknown device', async () => {
    const { response } = await readPush(url, UNKNOWN_DEVICE);
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({ message: expect.stringContaining('RegisterDevice') });
  });

  it('accepts only GET', async () => {
    const response = await fetch(`${url}/push/${phone}`, { method: 'POST' });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET');
    await response.body?.cancel();
  });

  it('rejects web pages of other origins', async () => {
    const { response } = await readPush(url, phone, { Origin: 'https://evil.example' });
    expect(response.status).toBe(403);
    const own = await readPush(url, phone, { Origin: url });
    expect(own.response.status).toBe(200);
    expect([...own.response.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  it('accepts at most eight readers of a device, and another reader when one of the eight has left', async () => {
    const readers = await Promise.all(Array.from({ length: 8 }, () => readPush(url, phone)));
    expect((await readPush(url, phone)).response.status).toBe(429);
    expect((await readPush(url, randomUUID())).response.status).toBe(200);
    readers[0]?.close();
    await expect.poll(async () => (await readPush(url, phone)).response.status).toBe(200);
  });

  it('disconnects a client that stops reading', async () => {
    const socket = connect(port.port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => undefined);
    socket.write(`GET /push/${phone} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    // The response has started, so the client counts as a reader. From here on, the client reads nothing.
    await once(socket, 'data');
    socket.pause();
    const megabyte = 'x'.repeat(1024 * 1024);
    // Once the client no longer counts as a reader, eight other readers are accepted.
    await expect
      .poll(
        async () => {
          for (let index = 0; index < 5; index += 1) await send(megabyte);
          const closes = Array.from({ length: 8 }, () =>
            inbox.open(phone, { read: () => undefined, end: () => undefined }),
          );
          for (const close of closes) close?.();
          return closes.includes(null);
        },
        { timeout: 10_000 },
      )
      .toBe(false);
  });

  it('ends when the inbox is cleared', async () => {
    await send('a');
    const reader = await readPush(url, phone);
    inbox.clear();
    await reader.untilEnd();
    const again = await readPush(url, phone);
    await send('b');
    expect(await again.next()).toMatchObject({ data: 'b' });
  });

  it('ends when the server closes, which does not wait for readers', async () => {
    const reader = await readPush(url, phone);
    await reader.nextComment();
    await port.close();
    await reader.untilEnd();
    expect(inbox.open(phone, { read: () => undefined, end: () => undefined })).not.toBeNull();
  });

  it('ends if the reader disconnects before the device is found', async () => {
    const queried = Promise.withResolvers<void>();
    const found = Promise.withResolvers<boolean>();
    const devices = {
      hasDevice: () => {
        queried.resolve();
        return found.promise;
      },
    };
    const disconnected = Promise.withResolvers<void>();
    const route = createPushRoute({ inbox, devices });
    const slow = await startHttpServer({
      host: '127.0.0.1',
      port: 0,
      routes: [
        {
          ...route,
          answer(request, response) {
            response.once('close', disconnected.resolve);
            return route.answer(request, response);
          },
        },
      ],
    });
    const socket = connect(slow.port, '127.0.0.1');
    socket.write(`GET /push/${phone} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await queried.promise;
    socket.destroy();
    await disconnected.promise;
    const closed = slow.close();
    found.resolve(true);
    await closed;
  });
});
