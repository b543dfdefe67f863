import {
  BulkPublishCommand,
  GetBulkPublishDetailsCommand,
  SetIdentityPoolConfigurationCommand,
} from '@aws-sdk/client-cognito-sync';
import { describe, expect, it } from 'vitest';
import { newPool, STREAMING } from '../fixtures/identity/identity-pools.ts';
import { describeRefusals, describeUnknownPools, type RefusedOperation } from '../fixtures/wire/refusals.ts';
import { openSharedCloud } from '../fixtures/wire/shared-cloud.ts';
import { newIdentity, refusalOf, set, write } from '../fixtures/wire/sync-client.ts';

const { cloud, client } = await openSharedCloud();

describe('BulkPublish', () => {
  const start = async (IdentityPoolId: string) => {
    const { $metadata: _, ...output } = await client.send(new BulkPublishCommand({ IdentityPoolId }));
    return output;
  };
  const untilItSucceeded = (IdentityPoolId: string) =>
    expect
      .poll(
        async () =>
          (await client.send(new GetBulkPublishDetailsCommand({ IdentityPoolId }))).BulkPublishStatus,
        { timeout: 15_000, interval: 20 },
      )
      .toBe('SUCCEEDED');

  it('projects records that were written before streaming was enabled', async () => {
    const identity = { ...newIdentity(), IdentityPoolId: await newPool(cloud.database) };
    await write(client, identity, 'game', [set('score', '42'), set('name', 'Ada')]);
    await write(client, identity, 'other', [set('score', '1')]);
    const { IdentityPoolId } = identity;
    const CognitoStreams = { StreamName: 'cognito-sync', StreamingStatus: 'ENABLED' as const };
    await client.send(new SetIdentityPoolConfigurationCommand({ IdentityPoolId, CognitoStreams }));
    expect(await start(IdentityPoolId)).toEqual({ IdentityPoolId });
    await untilItSucceeded(IdentityPoolId);
    const records = async () => {
      const sql =
        'SELECT dataset_name, record_key, record_value FROM query.records WHERE identity_id = $1 ORDER BY 1, 2';
      return (await cloud.database.query(sql, [identity.IdentityId])).rows;
    };
    await expect.poll(records, { timeout: 15_000, interval: 20 }).toEqual([
      { dataset_name: 'game', record_key: 'name', record_value: 'Ada' },
      { dataset_name: 'game', record_key: 'score', record_value: '42' },
      { dataset_name: 'other', record_key: 'score', record_value: '1' },
    ]);
  });

  it('is rejected within 24 hours of a successful bulk publish', async () => {
    const pool = await newPool(cloud.database, { streams: STREAMING });
    await start(pool);
    await untilItSucceeded(pool);
    expect(await refusalOf(start(pool))).toEqual({
      name: 'AlreadyStreamedException',
      status: 400,
      message: `A bulk publish of IdentityPool '${pool}' succeeded less than 24 hours ago`,
    });
  });

  it('is rejected while another bulk publish is in progress', async () => {
    const pool = await newPool(cloud.database, { streams: STREAMING });
    // Simulates a bulk publish that another host runs. It is in progress, because that host has leased its last event
    // and has not published the event yet.
    await cloud.database.query(
      `INSERT INTO sync.outbox (outbox_id, partition_key, event, created_at, leased_until, attempts, bulk_publish_id)
       VALUES (gen_random_uuid(), 'k', '{}', now(), now() + interval '1 hour', 1, md5('it')::uuid)`,
    );
    await cloud.database.query(
      `INSERT INTO sync.bulk_publishes (identity_pool_id, bulk_publish_id, status, started_ms, all_in_outbox)
       VALUES ($1, md5('it')::uuid, 'IN_PROGRESS', 1, true)`,
      [pool],
    );
    expect(await refusalOf(start(pool))).toEqual({
      name: 'DuplicateRequestException',
      status: 400,
      message: `A bulk publish of IdentityPool '${pool}' is in progress`,
    });
  });

  it('is rejected if streaming is not enabled', async () => {
    const never = await newPool(cloud.database);
    const disabled = await newPool(cloud.database, { streams: { ...STREAMING, status: 'DISABLED' } });
    for (const pool of [never, disabled]) {
      expect(await refusalOf(start(pool))).toEqual({
        name: 'InvalidParameterException',
        status: 400,
        message: `Streaming of IdentityPool '${pool}' is not enabled`,
      });
    }
  });

  const operation: RefusedOperation = {
    url: () => cloud.url,
    send: (client, { IdentityPoolId }) => client.send(new BulkPublishCommand({ IdentityPoolId })),
  };
  describeUnknownPools(operation);
  describeRefusals(operation, ['IdentityPoolId']);
});
