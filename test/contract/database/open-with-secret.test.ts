import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { openWithSecret } from '../../../lib/database/drivers/pg/open-with-secret.ts';
import { openForOperator, requireTables } from '../../../lib/database/open-for-operator.ts';
import { makeServerCertificate, noOpenssl } from '../../fixtures/database/server-certificate.ts';
import { type LoginServer, startLoginServer } from '../../fixtures/wire/login-server.ts';

const WHO = 'SELECT current_user AS who';
/** What a secret holds, or how it cannot be read. */
type Content = { username: string; password: string; host?: string; port?: number } | string | Error;

/** A secret that can be changed, and that counts how often it is read. */
function scriptedSecret(content: Content) {
  const secret = {
    content,
    reads: 0,
    async read() {
      secret.reads += 1;
      if (secret.content instanceof Error) throw secret.content;
      return typeof secret.content === 'string' ? secret.content : JSON.stringify(secret.content);
    },
  };
  return secret;
}

async function failure(work: Promise<unknown>): Promise<Error> {
  const outcome = await work.catch((error: unknown) => error);
  if (!(outcome instanceof Error)) throw new TypeError('it did not fail');
  return outcome;
}

describe('a PostgreSQL whose login is in a secret', () => {
  let server: LoginServer;
  let url: string;
  beforeAll(async () => {
    server = await startLoginServer();
    url = `postgres://127.0.0.1:${server.port}/postgres?sslmode=disable`;
  }, 60_000);
  afterAll(() => server.close());

  let users = 0;
  let username: string;
  let password: string;
  let opened: Database[];
  beforeEach(async () => {
    opened = [];
    username = `user_${++users}`;
    password = await server.createUser(username);
  });
  afterEach(async () => {
    for (const database of opened) await database.close();
  });
  function open(
    secret: { read(): Promise<string> },
    of: { url: string | null; now?: () => number } = { url },
  ): Database {
    const database = openWithSecret({ read: secret.read, ...of });
    opened.push(database);
    return database;
  }

  /** Nothing where it fails, as it does while the pool still has connections that were ended. */
  const asked = (database: Database) =>
    database.query(WHO).then(
      ({ rows }) => rows,
      () => [],
    );

  it('is asked as its user, and reads the secret when it is first asked something, once', async () => {
    const secret = scriptedSecret({ username, password });
    const database = open(secret);
    expect(secret.reads).toBe(0);
    const asked = await Promise.all([1, 2, 3, 4, 5, 6].map(() => database.query(WHO)));
    expect(asked.map(({ rows }) => rows)).toEqual(asked.map(() => [{ who: username }]));
    const inOne = await database.transaction(async (transaction) => transaction.query(WHO));
    expect(inOne.rows).toEqual([{ who: username }]);
    expect(secret.reads).toBe(1);
  });

  it('goes on with a new password, without a failure', async () => {
    const secret = scriptedSecret({ username, password });
    const database = open(secret);
    await database.query(WHO);
    secret.content = { username, password: await server.rotate(username) };
    // A connection that is there works on, and reads nothing.
    expect((await database.query(WHO)).rows).toEqual([{ who: username }]);
    expect(secret.reads).toBe(1);
    await server.disconnect(username);
    await expect.poll(() => asked(database)).toEqual([{ who: username }]);
    expect(secret.reads).toBe(2);
  });

  it('goes on with a new password for all that ask at the same time', async () => {
    const secret = scriptedSecret({ username, password });
    const database = open(secret);
    // Held, so that each of the others makes a connection of its own.
    const [rows] = await database.transaction(async (transaction) => {
      await transaction.query(WHO);
      secret.content = { username, password: await server.rotate(username) };
      return Promise.all([
        database.transaction((another) => another.query(WHO)),
        database.query(WHO),
        database.transaction((another) => another.query(WHO)),
      ]);
    });
    expect(rows?.rows).toEqual([{ who: username }]);
    expect(secret.reads).toBe(2);
  });

  it.each([
    ['is gone', 'DROP ROLE'],
    ['may log in no more', 'ALTER ROLE'],
  ])('goes on where the user alternates, and the one before %s', async (_, statement) => {
    const secret = scriptedSecret({ username, password });
    const database = open(secret);
    await database.query(WHO);
    const other = `${username}_clone`;
    secret.content = { username: other, password: await server.createUser(other) };
    await server.admin.query(`${statement} ${username}${statement === 'ALTER ROLE' ? ' NOLOGIN' : ''}`);
    await server.disconnect(username);
    await expect.poll(() => asked(database)).toEqual([{ who: other }]);
    expect(secret.reads).toBe(2);
  });

  it('is tried once with what was just read, and read anew the next time', async () => {
    const secret = scriptedSecret({ username, password: 'hunter2' });
    const database = open(secret);
    expect(await failure(database.query(WHO))).toMatchObject({ code: '28P01' });
    expect(secret.reads).toBe(1);
    secret.content = { username, password };
    expect((await database.query(WHO)).rows).toEqual([{ who: username }]);
  });

  it('gives up where what is read anew is refused, too', async () => {
    const secret = scriptedSecret({ username, password });
    const database = open(secret);
    await database.transaction(async (transaction) => {
      await transaction.query(WHO);
      await server.rotate(username);
      expect(await failure(database.query(WHO))).toMatchObject({ code: '28P01' });
    });
    expect(secret.reads).toBe(2);
  });

  it('says that the secret is gone, and works on with what connections there are', async () => {
    let now = 0;
    const secret = scriptedSecret(new Error('the secret query-store cannot be read: gone'));
    const database = open(secret, { url, now: () => now });
    expect((await failure(database.query(WHO))).message).toBe('the secret query-store cannot be read: gone');
    secret.content = { username, password };
    await database.query(WHO);
    secret.content = new Error('gone');
    now = 60 * 60 * 1000;
    expect((await database.query(WHO)).rows).toEqual([{ who: username }]);
  });

  it.each([
    ['garbage', 'hunter2 and more'],
    ['an address without sslmode', 'postgres://user:hunter2@127.0.0.1:1/query'],
    ['an address that nobody answers at', 'postgres://user:hunter2@127.0.0.1:1/query?sslmode=disable'],
    ['a name that is not there', 'postgres://user:hunter2@nobody.invalid/query?sslmode=verify-full'],
  ])('never quotes the secret: %s', async (_, content) => {
    const error = await failure(open(scriptedSecret(content), { url: null }).query(WHO));
    expect([error.message, error.stack, JSON.stringify(error)].join()).not.toContain('hunter2');
  });

  it('takes a whole address from the secret', async () => {
    const whole = new URL(url);
    whole.username = username;
    whole.password = encodeURIComponent(password);
    const { rows } = await open(scriptedSecret(whole.href), { url: null }).query(WHO);
    expect(rows).toEqual([{ who: username }]);
  });

  it('is the one of the operator, too, who hears by the name of the secret what is missing', async () => {
    const address = { kind: 'secret', secretId: 'query-store', region: null, url } as const;
    const asked: unknown[] = [];
    const database = openForOperator(address, (id) => {
      asked.push(id);
      return scriptedSecret({ username, password }).read;
    });
    opened.push(database);
    expect(asked).toEqual([expect.objectContaining({ secretId: 'query-store', region: null })]);
    expect((await failure(requireTables(database, address))).message).toBe(
      `the database postgres at 127.0.0.1:${server.port}, as the user of the secret query-store, has no schema projection; run \`npm run deploy\` to create it`,
    );
  });

  it('without TLS is refused to JSON that tells all', async () => {
    const content = { username, password, host: '127.0.0.1', port: server.port };
    const error = await failure(open(scriptedSecret(content), { url: null }).query(WHO));
    expect(error.message).toContain('does not support SSL');
  });
});

describe.skipIf(noOpenssl)('a PostgreSQL with TLS', () => {
  const trusted = getCACertificates('default');
  let server: LoginServer;
  let login: { username: string; password: string };
  beforeAll(async () => {
    const certificate = await makeServerCertificate();
    server = await startLoginServer(certificate);
    login = { username: 'of_tls', password: await server.createUser('of_tls') };
    setDefaultCACertificates([...trusted, certificate.certificate]);
  }, 60_000);
  afterAll(async () => {
    setDefaultCACertificates(trusted);
    await server.close();
  });

  const ENCRYPTED = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()';
  async function ask(content: Content, url: string | null) {
    const database = openWithSecret({ read: scriptedSecret(content).read, url });
    try {
      return (await database.query(ENCRYPTED)).rows;
    } finally {
      await database.close();
    }
  }
  const urlOf = (host: string, mode: string) => `postgres://${host}:${server.port}/postgres?sslmode=${mode}`;

  it('is asked over TLS by JSON that tells all, and by an address with verify-full', async () => {
    expect(await ask({ ...login, host: 'localhost', port: server.port }, null)).toEqual([{ ssl: true }]);
    expect(await ask(login, urlOf('localhost', 'verify-full'))).toEqual([{ ssl: true }]);
  });

  it('is not asked under a name that is not in its certificate', async () => {
    const byAddress = { ...login, host: '127.0.0.1', port: server.port };
    expect(await failure(ask(byAddress, null))).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    const error = await failure(ask(login, urlOf('127.0.0.1', 'verify-full')));
    expect(error).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  });

  it('is asked under any name with no-verify, encrypted', async () => {
    expect(await ask(login, urlOf('127.0.0.1', 'no-verify'))).toEqual([{ ssl: true }]);
  });

  it('is not asked where nobody trusts its certificate', async () => {
    const ours = getCACertificates('default');
    setDefaultCACertificates(trusted);
    const error = await failure(ask(login, urlOf('localhost', 'verify-full')));
    setDefaultCACertificates(ours);
    expect(error).toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  });

  it('refuses who asks without', async () => {
    expect(await failure(ask(login, urlOf('127.0.0.1', 'disable')))).toMatchObject({ code: '28000' });
  });
});
