import { describe, expect, it } from 'vitest';
import { SetupError } from '../../../lib/common/errors.ts';
import { toConnectionSettings } from '../../../lib/database/drivers/pg/connection-settings.ts';
import { createSecretSettings } from '../../../lib/database/drivers/pg/secret-settings.ts';

const URL_ALONE = 'postgres://host:6432/query?sslmode=verify-full&application_name=x';
const LOGIN = { username: 'user', password: 'hunter2' };
const json = (fields: object) => JSON.stringify(fields);

describe('the text of a secret', () => {
  it('is an address that says sslmode', () => {
    const connectionString = 'postgres://user:hunter2@host/database?sslmode=verify-full';
    expect(toConnectionSettings(`${connectionString}\n`, null)).toEqual({ connectionString });
  });

  it('is JSON as RDS writes it, which stands for TLS with a verified server', () => {
    const of = { engine: 'postgres', dbInstanceIdentifier: 'query-store' };
    expect(
      toConnectionSettings(
        json({ ...LOGIN, ...of, host: 'h.rds.amazonaws.com', port: 6432, dbname: 'q' }),
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

  it('has port 5432 and the database postgres, unless it says others', () => {
    expect(toConnectionSettings(json({ ...LOGIN, host: 'h' }), null)).toMatchObject({
      port: 5432,
      database: 'postgres',
    });
    expect(toConnectionSettings(json({ ...LOGIN, host: 'h', port: '6432' }), null)).toMatchObject({
      port: 6432,
    });
  });

  it('is user and password alone, where the address says the rest', () => {
    expect(toConnectionSettings(json(LOGIN), URL_ALONE)).toEqual({
      connectionString: 'postgres://user:hunter2@host:6432/query?sslmode=verify-full&application_name=x',
    });
    expect(
      toConnectionSettings(json({ ...LOGIN, host: 'other' }), 'postgres://old@host?sslmode=disable'),
    ).toEqual({
      connectionString: 'postgres://user:hunter2@host/postgres?sslmode=disable',
    });
  });

  it('may hold any character, and the user of the secret counts', () => {
    const login = { username: 'a@b', password: `%41:/?#[]@'" é` };
    const settings = toConnectionSettings(json(login), `${URL_ALONE}&user=other`);
    const url = new URL('connectionString' in settings ? settings.connectionString : '');
    expect(decodeURIComponent(url.username)).toBe(login.username);
    expect(decodeURIComponent(url.password)).toBe(login.password);
    expect(url.searchParams.has('user')).toBe(false);
  });

  it.each<[string, string, string | null, RegExp]>([
    ['garbage', 'hunter2', null, /neither an address .* nor JSON/],
    ['an address of something else', 'mysql://user:hunter2@host/x', null, /neither an address/],
    ['broken JSON', '{"password":"hunter2', null, /neither an address/],
    ['JSON that is a list', '["hunter2"]', null, /neither an address/],
    ['nothing', '', null, /neither an address/],
    ['no user', json({ password: 'hunter2' }), URL_ALONE, /without a non-empty string "username"/],
    [
      'an empty password',
      json({ username: 'hunter2', password: '' }),
      URL_ALONE,
      /without a non-empty string "password"/,
    ],
    ['no host', json(LOGIN), null, /without "host"; set DATABASE_URL/],
    ['a host that is none', json({ ...LOGIN, host: 1 }), null, /without a non-empty string "host"/],
    ['a port that is none', json({ ...LOGIN, host: 'h', port: 'hunter2' }), null, /invalid "port"/],
    ['a port that is too large', json({ ...LOGIN, host: 'h', port: 65_536 }), null, /invalid "port"/],
    [
      'a database that is none',
      json({ ...LOGIN, host: 'h', dbname: {} }),
      null,
      /without a non-empty string "dbname"/,
    ],
    [
      'an address beside another',
      'postgres://u:hunter2@h/d?sslmode=disable',
      URL_ALONE,
      /DATABASE_URL is set as well/,
    ],
    ['an address without sslmode', 'postgres://u:hunter2@h/d', null, /it has no sslmode; .*verify-full/],
    [
      'an address with another sslmode',
      'postgres://u:hunter2@h/d?sslmode=require',
      null,
      /sslmode is not supported/,
    ],
    [
      'an address that says it twice',
      'postgres://u:hunter2@h/d?sslmode=verify-full&sslmode=disable',
      null,
      /more than one sslmode/,
    ],
  ])('is refused with %s, and never quoted', (_, text, url, reason) => {
    let refusal: unknown;
    try {
      toConnectionSettings(text, url);
    } catch (error) {
      refusal = error;
    }
    if (!(refusal instanceof SetupError)) throw new TypeError('it is not refused');
    expect(refusal.message).toMatch(reason);
    expect(refusal.stack).not.toContain('hunter2');
    expect(refusal.cause).toBeUndefined();
  });
});

describe('what a secret says', () => {
  const MINUTE_MS = 60_000;
  const text = (password: string) => json({ ...LOGIN, password, host: 'h' });
  /** Reads one text after the other, of which an error is thrown. */
  function scripted(...answers: (string | Error)[]) {
    let reads = 0;
    const read = async () => {
      const answer = answers[reads++] ?? new Error('read too often');
      if (answer instanceof Error) throw answer;
      return answer;
    };
    return { read, reads: () => reads };
  }

  it('is kept for five minutes', async () => {
    let now = 0;
    const secret = scripted(text('first'), text('second'));
    const settings = createSecretSettings({ ...secret, url: null, now: () => now });
    expect(await settings.get()).toMatchObject({ isCached: false, settings: { password: 'first' } });
    now = 5 * MINUTE_MS - 1;
    expect(await settings.get()).toMatchObject({ isCached: true, settings: { password: 'first' } });
    now += 1;
    expect(await settings.get()).toMatchObject({ isCached: false, settings: { password: 'second' } });
  });

  it('is read once for all that ask at the same time', async () => {
    const secret = scripted(text('first'));
    const settings = createSecretSettings({ ...secret, url: null, now: () => 0 });
    await Promise.all([settings.get(), settings.get(), settings.get()]);
    expect(secret.reads()).toBe(1);
  });

  it('is read anew where it was of no use, once for all that found so', async () => {
    const secret = scripted(text('first'), text('second'));
    const settings = createSecretSettings({ ...secret, url: null, now: () => 0 });
    const { settings: first } = await settings.get();
    settings.invalidate(first);
    await settings.get();
    settings.invalidate(first);
    expect(await settings.get()).toMatchObject({ isCached: true, settings: { password: 'second' } });
  });

  it('is asked for again after it could not be read', async () => {
    const secret = scripted(new Error('gone'), text('first'));
    const settings = createSecretSettings({ ...secret, url: null, now: () => 0 });
    await expect(settings.get()).rejects.toThrow('gone');
    expect(await settings.get()).toMatchObject({ isCached: false });
  });
});
