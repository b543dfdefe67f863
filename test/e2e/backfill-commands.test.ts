import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type CognitoSyncClient,
  DeleteDatasetCommand,
  ListDatasetsCommand,
  ListIdentityPoolUsageCommand,
} from '@aws-sdk/client-cognito-sync';
import pLimit from 'p-limit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPg } from '../../lib/database/drivers/pg/open-pg.ts';
import { createPostgresDatabase } from '../fixtures/database/databases.ts';
import { startCloud } from '../fixtures/local/local-cloud.ts';
import { type StartedProcess, startProcess } from '../fixtures/local/npm-start.ts';
import { operate, operateProcess } from '../fixtures/local/operator.ts';
import { POOL } from '../fixtures/sync/stream-events.ts';
import { createSyncClient, remove, set, write } from '../fixtures/wire/sync-client.ts';

/** The documented scale is 2,000 identities; the default is smaller to keep the test short. */
const IDENTITIES = Number(process.env.BACKFILL_IDENTITIES ?? 40);
const DATASETS = ['profile', 'settings', 'savegame', 'scores', 'friends'];
const TIMEOUT_MS = 60_000 + IDENTITIES * 300;

const identityOf = (number: number) => `us-east-1:${String(number).padStart(12, '0')}`;
const identities = Array.from({ length: IDENTITIES }, (_, number) => identityOf(number));
const TRIGGER = 'arn:aws:lambda:us-east-1:000000000000:function:sync-trigger';

describe(`the backfill commands with ${IDENTITIES} identities of five datasets each`, () => {
  let dataDir: string;
  let cloud: StartedProcess;
  let client: CognitoSyncClient;
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'backfill-'));
    await start();
  });
  afterAll(async () => {
    client.destroy();
    await cloud.end('SIGKILL');
    await rm(dataDir, { recursive: true, force: true });
  });

  async function start(): Promise<void> {
    cloud = await startProcess({ DATA_DIR: dataDir });
    client = createSyncClient(cloud.url);
  }
  const env = () => ({ DATA_DIR: dataDir, AWS_ENDPOINT_URL: cloud.url });
  const command = (...args: string[]) => operate(args, env());
  const onPool = (...args: string[]) => command(...args, '--pool', POOL);
  const sql = async <Row>(query: string): Promise<Row[]> => {
    const reader = openPg({ connectionString: cloud.sqlUrl, maxConnections: 1 });
    try {
      return (await reader.query<Row>(query)).rows;
    } finally {
      await reader.close();
    }
  };
  const one = async <Row>(query: string) => (await sql<Row>(query))[0];

  it('connect a pool that does not stream, and do nothing when run again', {
    timeout: TIMEOUT_MS,
  }, async () => {
    expect(await onPool('disconnect', '--yes')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        /ENABLED on cognito-sync {2}-> {2}DISABLED, was on cognito-sync\n.*\n.*\n.*This starts a gap/,
      ),
    });
    const limit = pLimit(8);
    await Promise.all(
      identities.map((identityId, number) => limit(() => writeDatasets(client, identityId, number))),
    );

    expect(await onPool('connect')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('nothing was changed'),
    });
    expect((await onPool('bulk-publish', 'start')).stderr).toContain('does not stream');
    expect(await onPool('connect', '--trigger', TRIGGER, '--yes')).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(
        /DISABLED, was on cognito-sync {2}-> {2}ENABLED on cognito-sync\n[\s\S]*Done\.\n$/,
      ),
    });
    expect(await onPool('connect', '--trigger', TRIGGER)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/Nothing to change\.\n$/),
    });
    expect(await one('SELECT count(*) AS records FROM query.records')).toEqual({ records: 0 });
  });

  it('start a bulk publish that survives a kill, and watch it until it is projected', {
    timeout: TIMEOUT_MS,
  }, async () => {
    expect(await onPool('bulk-publish', 'watch')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('was never published'),
    });
    expect(await onPool('bulk-publish', 'start')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/: started at 2.*Z\n$/),
    });
    await expect.poll(() => projectedBy(cloud), { timeout: TIMEOUT_MS, interval: 5 }).toBeGreaterThan(20);
    client.destroy();
    await cloud.end('SIGKILL');
    await start();

    const watched = await onPool('bulk-publish', 'watch', '--timeout', String(TIMEOUT_MS / 1000), '--json');
    expect(watched).toMatchObject({ code: 0 });
    expect(JSON.parse(watched.stdout)).toMatchObject({ status: 'SUCCEEDED', completeness: 'projected' });
    expect(await countsInSql()).toEqual(await countsOfService(client));
  });

  it('reject another bulk publish within a day', async () => {
    const [run] = await sql<{ completed_at: Date }>('SELECT completed_at FROM query.bulk_publishes');
    const next = new Date((run?.completed_at.getTime() ?? 0) + 24 * 60 * 60 * 1000).toISOString();
    const again = await onPool('bulk-publish', 'start', '--json');
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining(`${next.slice(0, 19)}Z`) });
    expect(JSON.parse(again.stdout)).toMatchObject({ nextAllowedAt: next });
    expect(await onPool('bulk-publish', 'watch')).toMatchObject({ code: 0 });
    expect((await onPool('bulk-publish', 'status')).stdout).toMatch(/\n {2}started .*, projected .*\n$/);
  });

  it('report removals missed while streaming was off, and repair them with reconcile', {
    timeout: TIMEOUT_MS,
  }, async () => {
    // Repairs a gap (a period whose removals may be missing in SQL) that the poller of the pool's settings may have
    // recorded for the time before the pool was connected.
    await onPool('reconcile', '--rate', '1000');
    expect(await onPool('status', '--check')).toMatchObject({ code: 0, stderr: '' });
    await onPool('disconnect', '--yes');
    const [first = '', second = ''] = identities;
    await write(client, identity(first), 'scores', [remove('best', 1)]);
    await client.send(new DeleteDatasetCommand({ ...identity(second), DatasetName: 'scores' }));
    await expectOneGap('SELECT count(*) AS gaps FROM query.gaps WHERE until IS NULL');
    expect((await onPool('status', '--check')).stdout).toMatch(
      /removals may be missing since .*once the pool streams again, run `reconcile/,
    );
    await onPool('connect', '--yes');
    await expectOneGap(
      'SELECT count(*) AS gaps FROM query.gaps WHERE until IS NOT NULL AND mended_at IS NULL',
    );

    const gapReport = await onPool('status', '--check');
    expect(gapReport).toMatchObject({ code: 1, stderr: 'cognito-sync-backend: 2 items need attention\n' });
    expect(gapReport.stdout).toMatch(
      /removals may be missing since \S+Z until \S+Z, .*: run `reconcile --pool/,
    );
    expect(await countsInSql()).not.toEqual(await countsOfService(client));
    const repaired = await onPool('reconcile', '--rate', '1000', '--json');
    expect(JSON.parse(repaired.stdout)).toMatchObject({ end: 'finished', repaired: 2, gapsRepaired: 1 });
    expect(await countsInSql()).toEqual(await countsOfService(client));
    // Only a bulk publish finds identities created during the gap, and the next bulk publish is not allowed until a day
    // after the last one.
    expect(JSON.parse(repaired.stdout).bulkPublishNeededAfter).toEqual(expect.any(String));
    const needed = await onPool('status', '--check');
    expect(needed).toMatchObject({ code: 1, stderr: 'cognito-sync-backend: 1 item needs attention\n' });
    expect(needed.stdout).toMatch(
      /a bulk publish is needed: no bulk publish that started after \S+Z is in the query store/,
    );
    expect(await onPool('bulk-publish', 'watch')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("it started before the pool's last gap ended"),
    });
  });

  it('resume a reconciliation that Ctrl+C interrupted', { timeout: TIMEOUT_MS }, async () => {
    const stopped = await operateProcess(['reconcile', '--pool', POOL, '--rate', '100'], env(), {
      interruptAt: /^0 of .*\n[1-9]\d* of .* compared/,
    });
    expect(stopped).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('the next run continues where this one stopped'),
    });
    const soFar = async () => {
      const report = JSON.parse((await onPool('status', '--json')).stdout);
      return report.identityPools[0].reconciliation;
    };
    // The cloud stops the reconciliation before the next dataset, possibly after the command has exited.
    await expect.poll(async () => (await soFar()).compared, { timeout: 10_000 }).toBeGreaterThan(0);
    const { startedAt, finishedAt } = await soFar();
    expect(finishedAt).toBeNull();
    const { stdout, stderr } = await onPool('reconcile', '--rate', '1000', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ end: 'finished', startedAt, repaired: 0 });
    expect(stderr).toMatch(/^[1-9]\d* of /);
  });

  it('erase an identity, but only with --yes', { timeout: TIMEOUT_MS }, async () => {
    const [, , erased = '', other = ''] = identities;
    const rowsOf = (identityId: string) =>
      one(`SELECT count(*) AS rows FROM query.datasets WHERE identity_id = '${identityId}'`);
    const erase = (...more: string[]) => onPool('erase', '--identity', erased, ...more);
    expect(await erase()).toMatchObject({ code: 2, stdout: '' });
    expect(await erase('--json')).toMatchObject({ code: 2, stdout: '' });
    expect(await rowsOf(erased)).toEqual({ rows: 5 });
    const { code, stdout } = await erase('--yes', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      identityId: erased,
      found: { queryStore: { datasets: 5, records: 5 }, tables: { datasets: 5 } },
      left: { queryStore: { datasets: 0, records: 0 }, tables: { datasets: 0, records: 0 } },
      remains: [{ kind: 'stream' }],
    });
    expect(await rowsOf(erased)).toEqual({ rows: 0 });
    expect(await rowsOf(other)).toEqual({ rows: 5 });
  });

  it.each([
    ['status'],
    ['pools'],
    ['indexes'],
    ['indexes', 'drop', 'text'],
    ['redrive'],
    ['pools', 'add', 'us-east-1:0', '--no-stream'],
    ['bulk-publish', 'status', '--pool', POOL],
    ['connect', '--pool', POOL],
  ])('%s %s %s prints one object with --json', async (...args) => {
    const { code, stdout, stderr } = await command(...args.filter(Boolean), '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.endsWith('}\n') && stdout.indexOf('\n') === stdout.length - 1).toBe(true);
    expect(JSON.parse(stdout)).toBeTypeOf('object');
  });

  const ENDPOINT = { AWS_ENDPOINT_URL: 'http://127.0.0.1:1' };
  it.each([
    {
      args: ['connect', '--pool', 'us-east-1:99'],
      code: 1,
      message: 'there is no identity pool us-east-1:99 at http',
    },
    {
      args: ['status', '--pool', 'us-east-1:99'],
      code: 1,
      message: 'there is no identity pool us-east-1:99 at http',
    },
    {
      args: ['reconcile', '--pool', 'us-east-1:99'],
      code: 1,
      message: 'there is no identity pool us-east-1:99',
    },
    {
      args: ['connect', '--pool', POOL, '--stream', 'nowhere', '--yes'],
      code: 1,
      message: 'a stream that exists',
    },
    {
      args: ['connect', '--pool', POOL],
      with: ENDPOINT,
      code: 1,
      message: 'http://127.0.0.1:1 cannot be reached (check AWS_',
    },
    {
      args: ['connect', '--pool', POOL],
      with: { AWS_ACCESS_KEY_ID: 'unknown', AWS_SECRET_ACCESS_KEY: 'hunter2' },
      code: 1,
      message: 'the credentials are expired, invalid or missing',
    },
    {
      args: ['connect', '--pool', POOL],
      with: { AWS_ENDPOINT_URL: '', AWS_REGION: 'eu-west-1' },
      code: 2,
      message: `${POOL} is in us-east-1, but AWS_REGION=eu-west-1`,
    },
  ])('$args fails with one line on stderr', async ({ args, with: more = {}, code, message }) => {
    const result = await operate(args, { ...env(), ...more } as Record<string, string>);
    expect(result.code).toBe(code);
    expect(result.stderr).toMatch(/^cognito-sync-backend: [^\n]+\n$/);
    expect(result.stderr).toContain(message);
    expect(result.stderr).not.toContain('hunter2');
  });

  it('report the last known status when the cloud is not running', { timeout: TIMEOUT_MS }, async () => {
    const run = (...args: string[]) => operate(args, { DATA_DIR: dataDir });
    await cloud.end('SIGINT');
    const status = await run('status');
    expect(status).toMatchObject({ code: 0, stderr: '' });
    expect(status.stdout).toContain(
      'The service was not queried: the local cloud is not running on this data directory',
    );
    expect(status.stdout).toMatch(
      /ENABLED on cognito-sync when seen at .*\n {2}bulk publish {2}started .*projected /,
    );
    expect(await run('reconcile', '--pool', POOL)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        'the local cloud is not running on this data directory; start it with `npx cognito-sync-backend start`',
      ),
    });
  });

  /** Waits until the query counts one gap. The poller runs every five seconds. */
  async function expectOneGap(query: string): Promise<void> {
    await expect.poll(() => one(query), { timeout: 20_000, interval: 200 }).toEqual({ gaps: 1 });
  }

  async function countsInSql(): Promise<Counts> {
    const counts = await one<Counts>(
      `SELECT (SELECT count(*) FROM query.datasets WHERE NOT deleted) AS datasets,
         (SELECT count(*) FROM query.records) AS records,
         (SELECT coalesce(sum(octet_length(record_key) + octet_length(record_value)), 0)::bigint
          FROM query.records) AS bytes`,
    );
    return counts ?? { datasets: 0, records: 0, bytes: 0 };
  }
});

describe('the backfill commands on a PostgreSQL server', () => {
  it('query the service directly, instead of the cloud on the data directory', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'backfill-'));
    const databaseUrl = await createPostgresDatabase();
    const cloud = await startCloud({ dataDir, databaseUrl });
    const client = createSyncClient(cloud.url);
    try {
      const env = { DATABASE_URL: databaseUrl, AWS_ENDPOINT_URL: cloud.url };
      const onPool = (args: string[], more: Record<string, string> = {}, interruptAt?: RegExp) =>
        operate([...args, '--pool', POOL], { ...env, ...more }, { ...(interruptAt && { interruptAt }) });
      for (const number of [1, 2, 3, 4]) await writeDatasets(client, identityOf(number), number);
      expect(await onPool(['bulk-publish', 'start'])).toMatchObject({ code: 0, stderr: '' });
      expect(await onPool(['bulk-publish', 'watch'])).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^cognito-sync-backend: FAILURE_DESTINATION is not set; [^\n]+\n$/),
      });
      const failures = { FAILURE_DESTINATION: join(dataDir, 'event-source-mappings', 'failures') };
      expect(await onPool(['bulk-publish', 'watch'], failures)).toMatchObject({ code: 0 });
      expect(await onPool(['status', '--check'])).toMatchObject({ code: 0, stderr: '' });

      const stopped = await onPool(['reconcile', '--rate', '5'], {}, /\n[1-9]/);
      expect(stopped).toMatchObject({
        code: 1,
        stdout: expect.stringMatching(/: \d+ of 20 datasets compared/),
      });
      expect(stopped.stderr).toContain('the next run continues where this one stopped');
      const rest = await onPool(['reconcile', '--rate', '1000', '--json']);
      expect(JSON.parse(rest.stdout)).toMatchObject({ end: 'finished', compared: 20, repaired: 0 });
      expect(rest.stderr).toMatch(/^[1-9]\d* of 20 /);
    } finally {
      client.destroy();
      await cloud.close();
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});

interface Counts {
  datasets: number;
  records: number;
  /** Total size of keys and values. */
  bytes: number;
}

const identity = (IdentityId: string) => ({ IdentityPoolId: POOL, IdentityId });

async function writeDatasets(client: CognitoSyncClient, identityId: string, number: number): Promise<void> {
  for (const datasetName of DATASETS) {
    await write(client, identity(identityId), datasetName, [set('best', `${datasetName} of ${number}`)]);
  }
}

/** Counts through the API of the service. */
async function countsOfService(client: CognitoSyncClient): Promise<Counts> {
  const limit = pLimit(8);
  const datasets = await Promise.all(
    identities.map((identityId) =>
      limit(async () => {
        const page = await client.send(new ListDatasetsCommand({ ...identity(identityId), MaxResults: 60 }));
        return page.Datasets ?? [];
      }),
    ),
  );
  const { IdentityPoolUsages = [] } = await client.send(new ListIdentityPoolUsageCommand({}));
  const usage = IdentityPoolUsages.find(({ IdentityPoolId }) => IdentityPoolId === POOL);
  return {
    datasets: datasets.flat().length,
    records: datasets.flat().reduce((sum, { NumRecords = 0 }) => sum + NumRecords, 0),
    bytes: usage?.DataStorage ?? 0,
  };
}

async function projectedBy({ url }: StartedProcess): Promise<number> {
  const health: unknown = await (await fetch(`${url}/healthz`)).json();
  return (health as { projection: { events: number } }).projection.events;
}
