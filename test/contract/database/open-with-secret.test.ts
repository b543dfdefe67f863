import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { openWithSecret } from '../../../lib/database/drivers/pg/open-with-secret.ts';
import { openForOperator, requireTables } from '../../../lib/database/open-for-operator.ts';
import { makeServerCertificate, noOpenssl } from '../../fixtures/database/server-certificate.ts';
import { type LoginServer, startLoginServer } from '../../fixtures/wire/login-server.ts';

const WHO = 'SELECT current_user AS who';
/** The content of a secret, or the error of reading it. */
type Content = { username: string; password: string; host?: string; port?: number } | string | Error;

/** Creates a secret whose content a test can change. Counts how often it is read. */
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
  if (!(outcome instanceof Error)) throw new TypeError('expected a failure');
  return outcome;
}

describe('a PostgreSQL database whose login is in a secret', () => {
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

  /** Returns no rows if the query fails. Queries fail while the pool still has connections that the server ended. */
  const queryUser = (database: Database) =>
    database.query(WHO).then(
      ({ rows }) => rows,
      () => [],
    );

  it('connects as the user in the secret, and reads the secret once, on the first query', async () => {
    const secret = scriptedSecret({ username, password });
    const database = open(secret);
    expect(secret.reads).toBe(0);
    const results = await Promise.all([1, 2, 3, 4, 5, 6].map(() => database.query(WHO)));
    expect(results.map(({ rows }) => rows)).toEqual(results.map(() => [{ who: username }]));
    const inOne = await database.transaction(async (transaction) => transaction.query(WHO));
    expect(inOne.rows).toEqual([{ who: username }]);
    expect(secret.reads).toBe(1);
  });

  it('keeps using an open connection after a password change, and reads the new password for the next connection', async () => {
    const secret = scriptedSecret({ username, password });
    const database = open(secret);
    await database.query(WHO);
    secret.content = { username, password: await server.rotate(username) };
    // An open connection keeps working, and the secret is not read.
    expect((await database.query(WHO)).rows).toEqual([{ who: username }]);
    expect(secret.reads).toBe(1);
    await server.disconnect(username);
    await expect.poll(() => queryUser(database)).toEqual([{ who: username }]);
    expect(secret.reads).toBe(2);
  });

  it('reads the secret once if concurrent callers need the new password', async () => {
    const secret = scriptedSecret({ username, password });
    const database = open(secret);
    // The outer transaction holds its connection, so each of the other queries opens a new connection.
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
    ['was dropped', 'DROP ROLE'],
    ['may no longer log in', 'ALTER ROLE'],
  ])('switches to the alternate user when the previous user %s', async (_, statement) => {
    const secret = scriptedSecret({ username, password });
    const database = open(secret);
    await database.query(WHO);
    const other = `${username}_clone`;
    secret.content = { username: other, password: await server.createUser(other) };
    await server.admin.query(`${statement} ${username}${statement === 'ALTER ROLE' ? ' NOLOGIN' : ''}`);
    await server.disconnect(username);
    await expect.poll(() => queryUser(database)).toEqual([{ who: other }]);
    expect(secret.reads).toBe(2);
  });

  it('does not retry a login that was just read and rejected; the next query reads the secret again', async () => {
    const secret = scriptedSecret({ username, password: 'hunter2' });
    const database = open(secret);
    expect(await failure(database.query(WHO))).toMatchObject({ code: '28P01' });
    expect(secret.reads).toBe(1);
    secret.content = { username, password };
    expect((await database.query(WHO)).rows).toEqual([{ who: username }]);
  });

  it('fails if the login is still rejected after the secret was read again', async () => {
    const secret = scriptedSecret({ username, password });
    const database = open(secret);
    await database.transaction(async (transaction) => {
      await transaction.query(WHO);
      await server.rotate(username);
      expect(await failure(database.query(WHO))).toMatchObject({ code: '28P01' });
    });
    expect(secret.reads).toBe(2);
  });

  it('reports a secret that cannot be read, and keeps using open connections', async () => {
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
    ['invalid content', 'hunter2 and more'],
    ['a URL without sslmode', 'postgres://user:hunter2@127.0.0.1:1/query'],
    ['a URL that no server listens on', 'postgres://user:hunter2@127.0.0.1:1/query?sslmode=disable'],
    ['a URL with an unknown host', 'postgres://user:hunter2@unknown.invalid/query?sslmode=verify-full'],
  ])('never quotes the secret in an error: %s', async (_, content) => {
    const error = await failure(open(scriptedSecret(content), { url: null }).query(WHO));
    expect([error.message, error.stack, JSON.stringify(error)].join()).not.toContain('hunter2');
  });

  it('accepts a complete URL in the secret', async () => {
    const complete = new URL(url);
    complete.username = username;
    complete.password = encodeURIComponent(password);
    const { rows } = await open(scriptedSecret(complete.href), { url: null }).query(WHO);
    expect(rows).toEqual([{ who: username }]);
  });

  it("also serves the operator's commands, which name the secret when tables are missing", async () => {
    const address = { kind: 'secret', secretId: 'query-store', region: null, url } as const;
    const requested: unknown[] = [];
    const { database } = openForOperator(address, (id) => {
      requested.push(id);
      return scriptedSecret({ username, password }).read;
    });
    opened.push(database);
    // Both pools, the one for writes of records too.
    const secret = expect.objectContaining({ secretId: 'query-store', region: null });
    expect(requested).toEqual([secret, secret]);
    expect((await failure(requireTables(database, address))).message).toBe(
      `the database postgres at 127.0.0.1:${server.port}, as the user of the secret query-store, has no schema projection; run \`npm run deploy\` to create it`,
    );
  });

  it('is rejected if the secret contains a host and the server has no TLS', async () => {
    const content = { username, password, host: '127.0.0.1', port: server.port };
    const error = await failure(open(scriptedSecret(content), { url: null }).query(WHO));
    expect(error.message).toContain('does not support SSL');
  });
});

describe.skipIf(noOpenssl)('a PostgreSQL server with TLS', () => {
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
  async function querySsl(content: Content, url: string | null) {
    const database = openWithSecret({ read: scriptedSecret(content).read, url });
    try {
      return (await database.query(ENCRYPTED)).rows;
    } finally {
      await database.close();
    }
  }
  const urlOf = (host: string, mode: string) => `postgres://${host}:${server.port}/postgres?sslmode=${mode}`;

  it('is queried over TLS if the secret contains a host, or if the URL has sslmode=verify-full', async () => {
    expect(await querySsl({ ...login, host: 'localhost', port: server.port }, null)).toEqual([{ ssl: true }]);
    expect(await querySsl(login, urlOf('localhost', 'verify-full'))).toEqual([{ ssl: true }]);
  });

  it('is rejected if its certificate lacks the host that the secret or the URL names', async () => {
    const byAddress = { ...login, host: '127.0.0.1', port: server.port };
    expect(await failure(querySsl(byAddress, null))).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    const error = await failure(querySsl(login, urlOf('127.0.0.1', 'verify-full')));
    expect(error).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  });

  it('is queried over TLS with sslmode=no-verify, even if its certificate lacks the host in the URL', async () => {
    expect(await querySsl(login, urlOf('127.0.0.1', 'no-verify'))).toEqual([{ ssl: true }]);
  });

  it('is rejected if its certificate is not trusted', async () => {
    const withServerCertificate = getCACertificates('default');
    setDefaultCACertificates(trusted);
    const error = await failure(querySsl(login, urlOf('localhost', 'verify-full')));
    setDefaultCACertificates(withServerCertificate);
    expect(error).toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  });

  it('rejects a login with sslmode=disable', async () => {
    expect(await failure(querySsl(login, urlOf('127.0.0.1', 'disable')))).toMatchObject({ code: '28000' });
  });
});
