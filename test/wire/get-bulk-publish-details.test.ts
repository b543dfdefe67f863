import { BulkPublishCommand, GetBulkPublishDetailsCommand } from '@aws-sdk/client-cognito-sync';
import { describe, expect, it } from 'vitest';
import { newPool, STREAMING } from '../fixtures/identity/identity-pools.ts';
import { describeRefusals, describeUnknownPools, type RefusedOperation } from '../fixtures/wire/refusals.ts';
import { openSharedCloud } from '../fixtures/wire/shared-cloud.ts';

const { cloud, client } = await openSharedCloud();

describe('GetBulkPublishDetails', () => {
  const detailsOf = async (IdentityPoolId: string) => {
    const { $metadata: _, ...output } = await client.send(
      new GetBulkPublishDetailsCommand({ IdentityPoolId }),
    );
    return output;
  };
  const eventually = (IdentityPoolId: string) =>
    expect.poll(() => detailsOf(IdentityPoolId), { timeout: 15_000, interval: 20 });

  it('returns NOT_STARTED for a pool without a bulk publish', async () => {
    const pool = await newPool(cloud.database);
    expect(await detailsOf(pool)).toEqual({ IdentityPoolId: pool, BulkPublishStatus: 'NOT_STARTED' });
  });

  it('returns the start and end of a successful bulk publish', async () => {
    const IdentityPoolId = await newPool(cloud.database, { streams: STREAMING });
    const before = Date.now();
    await client.send(new BulkPublishCommand({ IdentityPoolId }));
    await eventually(IdentityPoolId).toEqual({
      IdentityPoolId,
      BulkPublishStatus: 'SUCCEEDED',
      BulkPublishStartTime: expect.any(Date),
      BulkPublishCompleteTime: expect.any(Date),
    });
    const { BulkPublishStartTime: start, BulkPublishCompleteTime: end } = await detailsOf(IdentityPoolId);
    expect(start?.getTime()).toBeGreaterThanOrEqual(before);
    expect(end?.getTime()).toBeGreaterThanOrEqual(start?.getTime() ?? 0);
    expect(end?.getTime()).toBeLessThanOrEqual(Date.now());
  });

  it('returns the reason of a failed bulk publish, but no end time', async () => {
    const IdentityPoolId = await newPool(cloud.database, {
      streams: { ...STREAMING, status: 'DISABLED', disabledReason: 'stream cognito-sync does not exist' },
    });
    await cloud.database.query(
      `INSERT INTO sync.bulk_publishes (identity_pool_id, bulk_publish_id, status, started_ms, all_in_outbox)
       VALUES ($1, gen_random_uuid(), 'IN_PROGRESS', 1700000000123, false)`,
      [IdentityPoolId],
    );
    await eventually(IdentityPoolId).toEqual({
      IdentityPoolId,
      BulkPublishStatus: 'FAILED',
      BulkPublishStartTime: new Date(1_700_000_000_123),
      FailureMessage:
        'streaming was disabled before all events were published: stream cognito-sync does not exist',
    });
  });

  const operation: RefusedOperation = {
    url: () => cloud.url,
    send: (client, { IdentityPoolId }) => client.send(new GetBulkPublishDetailsCommand({ IdentityPoolId })),
  };
  describeUnknownPools(operation);
  describeRefusals(operation, ['IdentityPoolId']);
});
