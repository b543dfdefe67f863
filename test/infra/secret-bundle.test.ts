import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SecretsManager, startSecretsManager } from '../fixtures/aws/secrets-manager.ts';
import { makeServerCertificate, noOpenssl } from '../fixtures/database/server-certificate.ts';
import { packageOnce } from '../fixtures/stack/deployable-copy.ts';
import { type Outcome, runBundle } from '../fixtures/stack/run-bundle.ts';
import { type LoginServer, startLoginServer } from '../fixtures/wire/login-server.ts';

if (noOpenssl)
  console.log('openssl is not on the PATH: the test of bundles with a secret and TLS is skipped');

describe.skipIf(noOpenssl)('a packaged function with a secret', () => {
  const SECRET = 'team/query-store';
  let directory: string;
  let secrets: SecretsManager;
  let server: LoginServer;
  /** PEM file of a certificate to trust in addition to those of Node. It replaces the file that Lambda provides. */
  let certificates: string;
  let unpacked: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'secret-'));
    secrets = await startSecretsManager();
    const certificate = await makeServerCertificate();
    server = await startLoginServer(certificate);
    certificates = join(directory, 'certificates.pem');
    await writeFile(certificates, certificate.certificate);
    unpacked = join((await packageOnce()).directory, 'unpacked');
  }, 120_000);
  afterAll(async () => {
    await server.close();
    await secrets.close();
    await rm(directory, { recursive: true, force: true });
  });

  function call(name: string, env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
    const environment = {
      DATABASE_SECRET: SECRET,
      NODE_EXTRA_CA_CERTS: certificates,
      ...secrets.env,
      ...env,
    };
    return runBundle(join(unpacked, 'functions', `${name}.mjs`), environment);
  }
  const inJson = (login: object) => JSON.stringify({ ...login, host: 'localhost', port: server.port });

  it('connects with the login of the secret, over verified TLS, also after a rotation', async () => {
    const username = 'of_json';
    await secrets.put(SECRET, inJson({ username, password: await server.createUser(username) }));
    expect(await call('migrate')).toMatchObject({ result: { skipped: [] } });
    expect(await call('sweep-query-store')).toMatchObject({ result: { isCutShort: false } });
    await secrets.put(SECRET, inJson({ username, password: await server.rotate(username) }));
    expect(await call('migrate')).toEqual({ result: { migrations: [], skipped: [] } });
  });

  it('combines user and password of the secret with the address in DATABASE_URL', async () => {
    const username = 'of_both';
    await secrets.put(SECRET, JSON.stringify({ username, password: await server.createUser(username) }));
    const location = `postgres://localhost:${server.port}/postgres?sslmode=verify-full`;
    expect(await call('migrate', { DATABASE_URL: location })).toMatchObject({ result: { skipped: [] } });
  });

  it('rejects a server whose certificate is not trusted, without showing the secret', async () => {
    await secrets.put(SECRET, inJson({ username: 'of_json', password: 'hunter2' }));
    const untrusted = await call('migrate', { NODE_EXTRA_CA_CERTS: '' });
    expect(untrusted).toEqual({
      error: expect.stringContaining(
        `the database of the secret ${SECRET} does not answer (self-signed certificate`,
      ),
    });
    expect(await call('migrate')).toEqual({
      error: expect.stringMatching(
        /^the database of the secret .* returned an error \(password authentication failed/,
      ),
    });
    expect(JSON.stringify([untrusted, await call('migrate')])).not.toContain('hunter2');
  });

  it('says what is wrong with the secret and what to do, without quoting the secret', async () => {
    await secrets.put(SECRET, 'hunter2');
    const garbage = await call('migrate');
    expect(garbage).toEqual({
      error: expect.stringMatching(/\(the secret's text is neither an address .*\); check DATABASE_SECRET/),
    });
    expect(JSON.stringify(garbage)).not.toContain('hunter2');
    await secrets.delete(SECRET);
    expect(await call('migrate')).toEqual({
      error: expect.stringContaining(
        `the secret ${SECRET} cannot be read: ResourceNotFoundException: Secrets Manager`,
      ),
    });
  });

  it('reads the secret in the region of its ARN, with the credentials of the function', async () => {
    const DATABASE_SECRET = 'arn:aws:secretsmanager:xx-nowhere-1:123456789012:secret:query-store-AbC123';
    // The region does not exist, so only a DNS query leaves this machine.
    const elsewhere = await call('migrate', { DATABASE_SECRET, AWS_ENDPOINT_URL_SECRETS_MANAGER: '' });
    expect(elsewhere).toEqual({
      error: expect.stringContaining('secretsmanager.xx-nowhere-1.amazonaws.com'),
    });
    const without = await call('migrate', { AWS_ACCESS_KEY_ID: '' });
    expect(without).toEqual({
      error: expect.stringContaining('AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is not set'),
    });
  });
});
