import { GetCognitoEventsCommand } from '@aws-sdk/client-cognito-sync';
import { describe, expect, it } from 'vitest';
import { newPool } from '../fixtures/identity/identity-pools.ts';
import { POOL } from '../fixtures/sync/stream-events.ts';
import { describeRefusals, describeUnknownPools, type RefusedOperation } from '../fixtures/wire/refusals.ts';
import { openSharedCloud } from '../fixtures/wire/shared-cloud.ts';

const { cloud, client } = await openSharedCloud();

describe('GetCognitoEvents', () => {
  const eventsOf = async (IdentityPoolId: string) =>
    (await client.send(new GetCognitoEventsCommand({ IdentityPoolId }))).Events;

  it('returns no events if none is set', async () => {
    expect(await eventsOf(await newPool(cloud.database))).toEqual({});
  });

  it('returns the sync trigger of the first pool', async () => {
    expect(await eventsOf(POOL)).toEqual({
      SyncTrigger: 'arn:aws:lambda:us-east-1:000000000000:function:sync-trigger',
    });
  });

  const operation: RefusedOperation = {
    url: () => cloud.url,
    send: (client, { IdentityPoolId }) => client.send(new GetCognitoEventsCommand({ IdentityPoolId })),
  };
  describeUnknownPools(operation);
  describeRefusals(operation, ['IdentityPoolId']);
});
