import { describe, expect, it } from 'vitest';
import { DatabaseError } from '../../../lib/database/database.ts';
import { ProviderUnavailableError } from '../../../lib/identity/ports/fetch-json.ts';
import { PushError } from '../../../lib/sync/ports/push.ts';
import { logByCause } from '../../../lib/wire/log-by-cause.ts';

function createLogged() {
  const clock = { now: 0 };
  const lines: Record<string, unknown>[] = [];
  const error = (message: string, details: Record<string, unknown>) =>
    void lines.push({ message, ...details });
  const logger = logByCause({ error }, () => clock.now);
  const fail = (error: unknown) => logger.error('a request failed', { requestId: 'r', error });
  return { clock, lines, logger, fail };
}

const locked = () => new DatabaseError('canceling statement due to lock timeout', '55P03');

describe('a log by cause', () => {
  it('writes one line a minute for each cause, with the number of failures', () => {
    const { clock, lines, fail } = createLogged();
    for (let count = 0; count < 1_500; count += 1) fail(locked());
    fail(new DatabaseError('sorry, too many clients already', '53300'));
    expect(lines).toEqual([
      {
        message: 'a request failed',
        requestId: 'r',
        cause: 'DatabaseError 55P03: canceling statement due to lock timeout',
        failures: 1,
      },
      expect.objectContaining({ cause: 'DatabaseError 53300: sorry, too many clients already', failures: 1 }),
    ]);
    clock.now = 59_999;
    fail(locked());
    expect(lines).toHaveLength(2);
    clock.now = 60_000;
    fail(locked());
    expect(lines.slice(2)).toEqual([expect.objectContaining({ failures: 1_501 })]);
  });

  it('describes the error of a push channel by its message', () => {
    const { lines, fail } = createLogged();
    for (const reason of ['FCM: 503 UNAVAILABLE', 'FCM: 503 UNAVAILABLE', 'APNs: 403 Forbidden']) {
      fail(new PushError('failed', reason));
    }
    expect(lines).toEqual([
      {
        message: 'a request failed',
        requestId: 'r',
        cause: 'PushError: FCM: 503 UNAVAILABLE',
        failures: 1,
      },
      { message: 'a request failed', requestId: 'r', cause: 'PushError: APNs: 403 Forbidden', failures: 1 },
    ]);
  });

  it('writes the failures between two lines at the level DEBUG, each with its request id', () => {
    const debugged: unknown[] = [];
    const debug = (message: string, details: Record<string, unknown>) =>
      debugged.push({ message, ...details });
    const logger = logByCause({ error: () => undefined, debug }, () => 0);
    for (const requestId of ['a', 'b']) logger.error('a request failed', { requestId, error: locked() });
    expect(debugged).toEqual([
      {
        message: 'a request failed',
        requestId: 'b',
        cause: 'DatabaseError 55P03: canceling statement due to lock timeout',
      },
    ]);
  });

  it('distinguishes errors that are not from a database by the place in the code where they were created', () => {
    const { lines, fail } = createLogged();
    const first = () => new TypeError('x is undefined');
    const second = () => new TypeError('x is undefined');
    const [one, other] = [first(), second()];
    for (const error of [one, first(), other, 'a text', 'another text']) fail(error);
    expect(lines.map(({ error }) => error)).toEqual([one, other, 'a text']);
  });

  it('distinguishes failures of login providers by the provider and the reason', () => {
    const { lines, logger } = createLogged();
    const fail = (provider: string, reason: string) =>
      logger.error('a login provider is unavailable', {
        provider,
        error: new ProviderUnavailableError(reason),
      });
    const down = '127.0.0.1:9229 did not respond in time';
    for (const provider of ['user pool 1', 'user pool 2', 'user pool 1']) fail(provider, down);
    fail('user pool 1', '127.0.0.1:9229 answered 500');
    expect(lines.map(({ provider, error }) => [provider, error])).toEqual([
      ['user pool 1', new ProviderUnavailableError(down)],
      ['user pool 2', new ProviderUnavailableError(down)],
      ['user pool 1', new ProviderUnavailableError('127.0.0.1:9229 answered 500')],
    ]);
  });

  it('forgets all causes when their number reaches the maximum, so that memory is limited', () => {
    const { lines, fail } = createLogged();
    for (let count = 0; count < 1_000; count += 1) fail(new DatabaseError(`relation ${count}`, '42P01'));
    fail(locked());
    expect(lines).toHaveLength(1_001);
  });
});
