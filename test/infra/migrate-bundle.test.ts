import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateSecretCommand,
  GetSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readServiceKeysJson } from '../../lib/common/service-keys.ts';
import { openPg } from '../../lib/database/drivers/pg/open-pg.ts';
import { type MotoServer, noMoto, startMotoServer } from '../fixtures/aws/moto-server.ts';
import { createEmptyPostgresDatabase } from '../fixtures/database/databases.ts';
import { packageOnce } from '../fixtures/stack/deployable-copy.ts';
import { runBundle } from '../fixtures/stack/run-bundle.ts';

const CREDENTIALS = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'secret' };

let directory: string;
beforeAll(async () => {
  ({ directory } = await packageOnce());
}, 120_000);

const invoke = (name: string, env: Record<string, string>) =>
  runBundle(join(directory, `unpacked/functions/${name}.mjs`), env);

describe('the packaged function migrate', () => {
  it('creates the tables without any file but its bundle, and changes nothing when it runs again', async () => {
    const url = await createEmptyPostgresDatabase();
    expect(await invoke('migrate', { DATABASE_URL: url })).toEqual({
      result: {
        migrations: expect.arrayContaining(['0001-query-store.sql', '0008-backfill.sql']),
        skipped: [],
      },
    });
    expect(await invoke('migrate', { DATABASE_URL: url })).toEqual({
      result: { migrations: [], skipped: [] },
    });
    const database = openPg({ connectionString: url });
    expect((await database.query('SELECT * FROM query.records')).rows).toEqual([]);
    await database.close();
  });

  it('fails if the database does not respond or rejects the connection, and hides the password', async () => {
    const unreachable = await invoke('migrate', {
      DATABASE_URL: 'postgres://user:hunter2@127.0.0.1:1/query',
    });
    expect(unreachable).toEqual({
      error: expect.stringMatching(/^the database query at 127\.0\.0\.1:1 does not answer \(.*ECONNREFUSED/),
    });
    const url = new URL(await createEmptyPostgresDatabase());
    url.pathname = '/not_there';
    const rejected = await invoke('migrate', { DATABASE_URL: url.href });
    expect(rejected).toEqual({ error: expect.stringContaining('the database not_there at') });
    expect(JSON.stringify([unreachable, rejected])).not.toContain('hunter2');
  });
});

describe.skipIf(noMoto)('the packaged function migrate, with the service', () => {
  let moto: MotoServer;
  beforeAll(async () => {
    moto = await startMotoServer(tmpdir());
  }, 60_000);
  afterAll(() => moto.close());

  it("migrates the service's own database too, and writes keys that it neither returns nor replaces", async () => {
    const client = new SecretsManagerClient({
      endpoint: moto.endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' },
    });
    await client.send(new CreateSecretCommand({ Name: 'service-keys' }));
    const keys = async () =>
      (await client.send(new GetSecretValueCommand({ SecretId: 'service-keys' }))).SecretString ?? '';
    const own = await createEmptyPostgresDatabase();
    const env = {
      ...CREDENTIALS,
      AWS_REGION: 'us-east-1',
      AWS_ENDPOINT_URL: moto.endpoint,
      DATABASE_URL: await createEmptyPostgresDatabase(),
      SERVICE_DATABASE_URL: own,
      SERVICE_KEYS_SECRET: 'service-keys',
    };
    const first = await invoke('migrate', env);
    expect(first).toHaveProperty('result');
    const database = openPg({ connectionString: own });
    expect((await database.query('SELECT * FROM sync.datasets')).rows).toEqual([]);
    await database.close();
    const written = await keys();
    const { developers = [], tokenKeys = [] } = readServiceKeysJson({ SERVICE_KEYS: written });
    expect([developers.length, tokenKeys.length]).toEqual([1, 1]);
    expect(JSON.stringify(first)).not.toContain(developers[0]?.secretAccessKey);
    expect(await invoke('migrate', env)).toEqual({ result: { migrations: [], skipped: [] } });
    expect(await keys()).toBe(written);
    client.destroy();
  });
});

describe('the packaged functions', () => {
  it("sign requests to Aurora DSQL with the function's credentials, and report missing ones", async () => {
    // The region does not exist, so only a DNS query leaves this machine.
    const DSQL_ENDPOINT = 'unknown.dsql.xx-nowhere-1.on.aws';
    expect(await invoke('migrate', { DSQL_ENDPOINT })).toEqual({
      error: expect.stringContaining(
        `the Aurora DSQL cluster ${DSQL_ENDPOINT} does not answer (Failed to generate DSQL token: Error: AWS_ACCESS_KEY_ID`,
      ),
    });
    const unreachable = await invoke('migrate', { DSQL_ENDPOINT, ...CREDENTIALS });
    expect(unreachable).toEqual({ error: expect.stringMatching(/does not answer \((?!Failed to generate)/) });
    expect(JSON.stringify(unreachable)).not.toContain('X-Amz-Signature');
  });
});
