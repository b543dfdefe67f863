import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planIdentity } from '../../infra/cli/commands/seed/plan-identity.ts';
import { seedIdentity } from '../../infra/cli/commands/seed/seed-identity.ts';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import { createCognitoSyncClient, ResourceConflictException } from '../../lib/aws/cognito-sync-client.ts';
import { credentials } from '../fixtures/aws/kinesis-emulator.ts';
import { newPool } from '../fixtures/identity/identity-pools.ts';
import { startCloud } from '../fixtures/local/local-cloud.ts';
import { operate, operateProcess } from '../fixtures/local/operator.ts';
import { POOL } from '../fixtures/sync/stream-events.ts';

let cloud: LocalCloud;
let env: Record<string, string>;
beforeAll(async () => {
  cloud = await startCloud();
  // A URL may end with a slash.
  env = { AWS_ENDPOINT_URL: `${cloud.url}/`, DATABASE_URL: cloud.sqlUrl };
});
afterAll(() => cloud.close());

const records = async () =>
  (
    await cloud.database.query(
      'SELECT identity_id, dataset_name, record_key, record_value FROM query.records ORDER BY 1, 2, 3',
    )
  ).rows;

describe('the command seed', () => {
  it('writes records of each identity, and results in the same records when it is run again', async () => {
    const first = await operateProcess(['seed', '--identities', '40', '--json'], env);
    expect(first.code).toBe(0);
    const result = JSON.parse(first.stdout);
    expect(result).toMatchObject({ identityPoolId: POOL, identities: 40, missing: 0 });
    expect(result.conflicts).toBeGreaterThan(0);
    expect(result.removals).toBeGreaterThan(0);
    const { rows } = await cloud.database.query(
      'SELECT count(DISTINCT identity_id) AS count FROM query.records',
    );
    expect(rows).toEqual([{ count: 40 }]);
    await expect.poll(async () => (await records()).length).toBeGreaterThan(100);
    // Waits until the outbox is empty, because the last changes may be projected later than the first 100 records.
    const settled = async () => {
      const { rows: waiting } = await cloud.database.query('SELECT 1 FROM sync.outbox LIMIT 1');
      return waiting.length;
    };
    await expect.poll(settled, { timeout: 20_000 }).toBe(0);
    const again = await operate(['seed', '--identities', '40'], env);
    expect(again).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        /wrote 40 identities in \d+ ms: .*\nAll identities are in query\.records\.\n$/,
      ),
    });
    await expect.poll(settled, { timeout: 20_000 }).toBe(0);
    const { rows: counted } = await cloud.database.query(
      'SELECT count(DISTINCT identity_id) AS count FROM query.records',
    );
    expect(counted).toEqual([{ count: 40 }]);
  });

  it('retries from a new listing if another process writes the same identities', async () => {
    const config = { region: 'us-east-1', endpoint: cloud.url, credentials };
    const [client, other] = [createCognitoSyncClient(config), createCognitoSyncClient(config)];
    const plan = planIdentity('us-east-1', 77, 0);
    let interruptions = 2;
    client.middlewareStack.add((next, { commandName }) => async (args) => {
      if (commandName === 'UpdateRecordsCommand' && interruptions-- > 0) {
        await seedIdentity(other, POOL, plan);
      }
      return next(args);
    });
    try {
      expect((await seedIdentity(client, POOL, plan)).syncs).toBe(plan.steps.length);
      interruptions = Number.POSITIVE_INFINITY;
      await expect(seedIdentity(client, POOL, plan)).rejects.toThrow(ResourceConflictException);
    } finally {
      client.destroy();
      other.destroy();
    }
  });

  it('exits with 1 if the records do not reach the query store, because the pool does not stream', {
    timeout: 90_000,
  }, async () => {
    const pool = await newPool(cloud.database);
    const { code, stdout, stderr } = await operate(
      ['seed', '--identities', '2', '--pool', pool, '--json'],
      env,
    );
    expect({ code, missing: JSON.parse(stdout).missing }).toEqual({ code: 1, missing: 2 });
    expect(stderr).toContain('2 identities are not in query.records yet; check with `status`');
  });

  it('reports an unknown pool, a missing service and invalid arguments', async () => {
    const unknown = 'us-east-1:11111111-1111-4111-8111-111111111111';
    expect(await operate(['seed', '--identities', '1', '--pool', unknown], env)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/ResourceNotFoundException: .*; check --pool, and/),
    });
    expect(await operate(['seed', '--identities', '1'], { PORT: '1' })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('run `npx cognito-sync-backend start`'),
    });
    for (const args of [[], ['--identities', '0'], ['--identities', '1', '--seed', 'x']]) {
      expect((await operate(['seed', ...args], env)).code).toBe(2);
    }
  });
});

describe('the command demo', () => {
  it('keeps its data with --keep', async () => {
    const { code, stdout } = await operate(['demo', '--keep'], env);
    expect(code).toBe(0);
    const [, identityId = ''] = /Two devices of (\S+) share/.exec(stdout) ?? [];
    expect(stdout).toContain(`The data of ${identityId} stays (--keep).`);
    const kept = (await records()).filter((row) => row.identity_id === identityId);
    expect(kept).toMatchObject([{ record_key: 'level', record_value: '5' }]);
  });

  it('deletes its data by default', async () => {
    const { code, stdout } = await operate(['demo'], env);
    expect(code).toBe(0);
    expect(stdout).toContain('6. The phone deletes the dataset.');
  });
});
