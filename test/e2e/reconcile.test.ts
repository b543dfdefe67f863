import {
  type CognitoSync,
  DeleteDatasetCommand,
  SetIdentityPoolConfigurationCommand,
} from '@aws-sdk/client-cognito-sync';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import { createCognitoSyncClient } from '../../lib/aws/cognito-sync-client.ts';
import { createSyncClient } from '../../lib/aws/sync-client.ts';
import { reconcile } from '../../lib/backfill/reconcile/reconcile.ts';
import { createReconcileStore } from '../../lib/backfill/store/reconcile-store.ts';
import { DEFAULT_CREDENTIALS } from '../../lib/common/environment.ts';
import { createQueryStore } from '../../lib/projection/store/query-store.ts';
import { startCloud } from '../fixtures/local/local-cloud.ts';
import { type Identity, list, newIdentity, remove, set, write } from '../fixtures/wire/sync-client.ts';

const MANY = 600;
const keys = (prefix: string) => Array.from({ length: MANY }, (_, index) => `${prefix}${index}`);

describe('a pool that did not stream for a while', () => {
  let cloud: LocalCloud;
  let client: CognitoSync;
  let identity: Identity;

  beforeAll(async () => {
    cloud = await startCloud();
    client = createCognitoSyncClient({
      region: 'us-east-1',
      endpoint: cloud.url,
      credentials: DEFAULT_CREDENTIALS,
    });
    identity = newIdentity();
  });
  afterAll(async () => {
    client.destroy();
    await cloud.close();
  });

  const reconcilePool = () =>
    reconcile(
      {
        api: createSyncClient(client),
        store: { ...createReconcileStore(cloud.database), ...createQueryStore(cloud.database) },
        now: Date.now,
        sleep: async () => undefined,
        maxCallsPerSecond: 1_000,
      },
      { identityPoolId: identity.IdentityPoolId },
    );
  const stream = (StreamingStatus: 'ENABLED' | 'DISABLED') =>
    client.send(
      new SetIdentityPoolConfigurationCommand({
        IdentityPoolId: identity.IdentityPoolId,
        CognitoStreams: { StreamName: 'cognito-sync', StreamingStatus },
      }),
    );
  const deleteDataset = (DatasetName: string) =>
    client.send(new DeleteDatasetCommand({ ...identity, DatasetName }));
  const live = async () => {
    const { rows } = await cloud.database.query<Record<string, string>>(
      'SELECT dataset_name, record_key, record_value FROM query.records WHERE identity_id = $1',
      [identity.IdentityId],
    );
    return new Map(rows.map((row) => [`${row.dataset_name}/${row.record_key}`, row.record_value]));
  };
  const served = async () => {
    const held = new Map<string, string>();
    for (const name of ['game', 'settings', 'profile', 'many', 'new']) {
      for (const { Key, Value } of (await list(client, identity, name)).Records ?? []) {
        if (Value !== undefined) held.set(`${name}/${Key}`, Value);
      }
    }
    return held;
  };

  it('is reconciled, including removed records, deleted and re-created datasets, and new data', async () => {
    await write(client, identity, 'game', [set('score', '1'), set('level', '1')]);
    await write(client, identity, 'settings', [set('language', 'it')]);
    await write(client, identity, 'profile', [set('name', 'Ada'), set('city', 'Turin')]);
    const first = keys('first');
    await write(
      client,
      identity,
      'many',
      first.map((key) => set(key, '1')),
    );
    await expect.poll(async () => (await live()).size, { timeout: 20_000, interval: 20 }).toBe(5 + MANY);
    // The service lists the same record versions as the stream delivered, so the reconciliation finds no difference.
    expect(await reconcilePool()).toMatchObject({ end: 'finished', compared: 4, repaired: 0 });

    await stream('DISABLED');
    const from = Date.now();
    await write(client, identity, 'game', [remove('score', 1), set('level', '2', 1)]);
    await deleteDataset('settings');
    await deleteDataset('profile');
    await write(client, identity, 'profile', [set('name', 'Grace')]);
    await write(
      client,
      identity,
      'many',
      first.map((key) => remove(key, 1)),
    );
    await write(
      client,
      identity,
      'many',
      keys('second').map((key) => set(key, '2')),
    );
    await write(client, identity, 'new', [set('a', 'b')]);
    await stream('ENABLED');
    await cloud.database.query("INSERT INTO projection.gaps VALUES ($1, $2, 'expired', $3, NULL)", [
      identity.IdentityPoolId,
      from,
      Date.now(),
    ]);
    expect((await live()).get('settings/language')).toBe('it');

    const outcome = await reconcilePool();
    expect(outcome).toMatchObject({
      end: 'finished',
      compared: 5,
      repaired: 5,
      skipped: 0,
      isStreaming: true,
    });
    expect(outcome.gapsRepaired).toBeGreaterThan(0);
    expect(await live()).toEqual(await served());
    expect((await live()).size).toBe(3 + MANY);
    const { rows } = await cloud.database.query(
      'SELECT dataset_name FROM query.datasets WHERE identity_id = $1 AND deleted',
      [identity.IdentityId],
    );
    expect(rows).toEqual([{ dataset_name: 'settings' }]);
    expect(await reconcilePool()).toMatchObject({ end: 'finished', repaired: 0 });

    await write(client, identity, 'profile', [set('city', 'Rome')]);
    await expect.poll(live, { timeout: 20_000, interval: 20 }).toEqual(await served());
  });
});
