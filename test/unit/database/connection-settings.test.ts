import { describe, expect, it } from 'vitest';
import { SetupError } from '../../../lib/common/errors.ts';
import { toConnectionSettings } from '../../../lib/database/drivers/pg/connection-settings.ts';
import { createSecretSettings } from '../../../lib/database/drivers/pg/secret-settings.ts';

const URL_WITHOUT_USER = 'postgres://host:6432/query?sslmode=verify-full&application_name=x';
const LOGIN = { username: 'user', password: 'hunter2' };
const json = (fields: object) => JSON.stringify(fields);

describe('toConnectionSettings', () => {
  it('reads an address with sslmode', () => {
    const connectionString = 'postgres://user:hunter2@host/database?sslmode=verify-full';
    expect(toConnectionSettings(`${connectionString}\n`, null)).toEqual({ connectionString });
  });

  it('reads JSON as RDS writes it, and then verifies the server with TLS', () => {
    const instance = { engine: 'postgres', dbInstanceIdentifier: 'query-store' };
    expect(
      toConnectionSettings(
        json({ ...LOGIN, ...instance, host: 'h.rds.amazonaws.com', port: 6432, dbname: 'q' }),
        null,
      ),
    ).toEqual({
      host: 'h.rds.amazonaws.com',
      port: 6432,
      database: 'q',
      user: 'user',
      password: 'hunter2',
      ssl: true,
    });
  });

  it('defaults to port 5432 and database postgres', () => {
    expect(toConnectionSettings(json({ ...LOGIN, host: 'h' }), null)).toMatchObject({
      port: 5432,
      database: 'postgres',
    });
    expect(toConnectionSettings(json({ ...LOGIN, host: 'h', port: '6432' }), null)).toMatchObject({
      port: 6432,
    });
  });

  it('takes only user and password from the secret if DATABASE_URL is set', () => {
    expect(toConnectionSettings(json(LOGIN), URL_WITHOUT_USER)).toEqual({
      connectionString: 'postgres://user:hunter2@host:6432/query?sslmode=verify-full&application_name=x',
    });
    expect(
      toConnectionSettings(json({ ...LOGIN, host: 'other' }), 'postgres://old@host?sslmode=disable'),
    ).toEqual({
      connectionString: 'postgres://user:hunter2@host/postgres?sslmode=disable',
    });
  });

  it('accepts any character in a login, and prefers the user of the secret to the user in DATABASE_URL', () => {
    const login = { username: 'a@b', password: `%41:/?#[]@'" é` };
    const settings = toConnectionSettings(json(login), `${URL_WITHOUT_USER}&user=other`);
    const url = new URL('connectionString' in settings ? settings.connectionString : '');
    expect(decodeURIComponent(url.username)).toBe(login.username);
    expect(decodeURIComponent(url.password)).toBe(login.password);
    expect(url.searchParams.has('user')).toBe(false);
  });

  it.each<[string, string, string | null, RegExp]>([
    ['garbage', 'hunter2', null, /neither an address .* nor JSON/],
    ['an address of another database system', 'mysql://user:hunter2@host/x', null, /neither an address/],
    ['broken JSON', '{"password":"hunter2', null, /neither an address/],
    ['JSON that is a list', '["hunter2"]', null, /neither an address/],
    ['an empty text', '', null, /neither an address/],
    ['no user', json({ password: 'hunter2' }), URL_WITHOUT_USER, /without a non-empty string "username"/],
    [
      'an empty password',
      json({ username: 'hunter2', password: '' }),
      URL_WITHOUT_USER,
      /without a non-empty string "password"/,
    ],
    ['no host', json(LOGIN), null, /without "host"; set DATABASE_URL/],
    ['an invalid host', json({ ...LOGIN, host: 1 }), null, /without a non-empty string "host"/],
    ['an invalid port', json({ ...LOGIN, host: 'h', port: 'hunter2' }), null, /invalid "port"/],
    ['a port that is too large', json({ ...LOGIN, host: 'h', port: 65_536 }), null, /invalid "port"/],
    [
      'an invalid database',
      json({ ...LOGIN, host: 'h', dbname: {} }),
      null,
      /without a non-empty string "dbname"/,
    ],
    [
      'an address although DATABASE_URL is set',
      'postgres://u:hunter2@h/d?sslmode=disable',
      URL_WITHOUT_USER,
      /DATABASE_URL is set as well/,
    ],
    ['an address without sslmode', 'postgres://u:hunter2@h/d', null, /it has no sslmode; .*verify-full/],
    [
      'an address with an unsupported sslmode',
      'postgres://u:hunter2@h/d?sslmode=require',
      null,
      /sslmode is not supported/,
    ],
    [
      'an address with two sslmodes',
      'postgres://u:hunter2@h/d?sslmode=verify-full&sslmode=disable',
      null,
      /more than one sslmode/,
    ],
  ])('rejects %s without quoting the secret', (_, text, url, reason) => {
    let thrown: unknown;
    try {
      toConnectionSettings(text, url);
    } catch (error) {
      thrown = error;
    }
    if (!(thrown instanceof SetupError)) throw new TypeError('the text was accepted');
    expect(thrown.message).toMatch(reason);
    expect(thrown.stack).not.toContain('hunter2');
    expect(thrown.cause).toBeUndefined();
  });
});

describe('the settings of a secret', () => {
  const MINUTE_MS = 60_000;
  const text = (password: string) => json({ ...LOGIN, password, host: 'h' });
  /** Creates a reader that returns the texts in order, and throws the errors among them. */
  function scripted(...answers: (string | Error)[]) {
    let reads = 0;
    const read = async () => {
      const answer = answers[reads++] ?? new Error('read too often');
      if (answer instanceof Error) throw answer;
      return answer;
    };
    return { read, reads: () => reads };
  }

  it('are cached for five minutes', async () => {
    let now = 0;
    const secret = scripted(text('first'), text('second'));
    const settings = createSecretSettings({ ...secret, url: null, now: () => now });
    expect(await settings.get()).toMatchObject({ isCached: false, settings: { password: 'first' } });
    now = 5 * MINUTE_MS - 1;
    expect(await settings.get()).toMatchObject({ isCached: true, settings: { password: 'first' } });
    now += 1;
    expect(await settings.get()).toMatchObject({ isCached: false, settings: { password: 'second' } });
  });

  it('are read once for concurrent requests', async () => {
    const secret = scripted(text('first'));
    const settings = createSecretSettings({ ...secret, url: null, now: () => 0 });
    await Promise.all([settings.get(), settings.get(), settings.get()]);
    expect(secret.reads()).toBe(1);
  });

  it('are read again after they are invalidated; invalidating the same settings twice has no further effect', async () => {
    const secret = scripted(text('first'), text('second'));
    const settings = createSecretSettings({ ...secret, url: null, now: () => 0 });
    const { settings: first } = await settings.get();
    settings.invalidate(first);
    await settings.get();
    settings.invalidate(first);
    expect(await settings.get()).toMatchObject({ isCached: true, settings: { password: 'second' } });
  });

  it('are read again after a failed read', async () => {
    const secret = scripted(new Error('gone'), text('first'));
    const settings = createSecretSettings({ ...secret, url: null, now: () => 0 });
    await expect(settings.get()).rejects.toThrow('gone');
    expect(await settings.get()).toMatchObject({ isCached: false });
  });
});
