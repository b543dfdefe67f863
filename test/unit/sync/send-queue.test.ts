import { beforeEach, describe, expect, it } from 'vitest';
import { type PushDevice, PushError } from '../../../lib/sync/ports/push.ts';
import { createSendQueue, MAX_QUEUED } from '../../../lib/sync/push/send-queue.ts';

const device = (deviceId: string): PushDevice => ({
  deviceId,
  platform: 'GCM',
  endpoint: 'e',
  registeredAt: 0,
});
const busy = (retryAfterMs: number | null = null) => new PushError('temporary', 'FCM: 503', retryAfterMs);

/** The errors of the next attempts, per device. If none is left, an attempt succeeds. */
let failures: Map<string, Error[]>;
let attempts: string[];
let slept: number[];
let sleep: (ms: number) => Promise<void>;
let attempt: (deviceId: string) => Promise<void>;
let send: (deviceId: string) => Promise<void>;
beforeEach(() => {
  failures = new Map();
  attempts = [];
  slept = [];
  sleep = async (ms) => void slept.push(ms);
  attempt = async (deviceId) => {
    const error = failures.get(deviceId)?.shift();
    if (error !== undefined) throw error;
  };
  const queue = createSendQueue({
    send: ({ deviceId }) => {
      attempts.push(deviceId);
      return attempt(deviceId);
    },
    sleep: (ms) => sleep(ms),
    random: () => 0.5,
  });
  send = (deviceId) => queue(device(deviceId), '{}');
});

describe('the queue of a push application', () => {
  it('retries temporary failures with growing waits', async () => {
    failures.set('phone', [busy(), busy(), busy()]);
    await send('phone');
    expect(attempts).toHaveLength(4);
    expect(slept).toEqual([1_000, 4_000, 16_000]);
  });

  it('gives up after four attempts', async () => {
    failures.set('phone', [busy(), busy(), busy(), busy()]);
    await expect(send('phone')).rejects.toThrow('FCM: 503');
    expect(attempts).toHaveLength(4);
  });

  it('waits at least as long as the platform demands, and gives up if that is longer than a minute', async () => {
    failures.set('phone', [busy(30_000)]);
    await send('phone');
    expect(slept).toEqual([31_000]);
    failures.set('phone', [busy(61_000)]);
    await expect(send('phone')).rejects.toThrow('FCM: 503');
    expect(slept).toHaveLength(1);
  });

  it.each([new PushError('disabled', 'gone'), new PushError('failed', 'wrong key'), new TypeError('a bug')])(
    'does not retry other failures: %s',
    async (error) => {
      failures.set('phone', [error]);
      await expect(send('phone')).rejects.toBe(error);
      expect(attempts).toHaveLength(1);
    },
  );

  it('sends other messages while a message waits for its next attempt', async () => {
    const waiting = Promise.withResolvers<void>();
    sleep = () => waiting.promise;
    for (let index = 0; index < 100; index += 1) failures.set(`phone ${index}`, [busy()]);
    const retried = Promise.all(Array.from({ length: 100 }, (_, index) => send(`phone ${index}`)));
    await send('tablet');
    expect(attempts).toHaveLength(101);
    waiting.resolve();
    await retried;
    expect(attempts).toHaveLength(201);
  });

  it('sends at most 50 messages at a time', async () => {
    const responses = Promise.withResolvers<void>();
    attempt = () => responses.promise;
    const sent = Array.from({ length: 60 }, (_, index) => send(`phone ${index}`));
    await expect.poll(() => attempts).toHaveLength(50);
    responses.resolve();
    await Promise.all(sent);
    expect(attempts).toHaveLength(60);
  });

  it('rejects messages while it is full', async () => {
    const responses = Promise.withResolvers<void>();
    attempt = () => responses.promise;
    const sent = Array.from({ length: MAX_QUEUED }, (_, index) => send(`phone ${index}`));
    await expect(send('tablet')).rejects.toMatchObject({
      reason: 'failed',
      message: 'the queue of the push application is full',
    });
    responses.resolve();
    await Promise.all(sent);
    await send('tablet');
    expect(attempts).toHaveLength(MAX_QUEUED + 1);
  });
});
