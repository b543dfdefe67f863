import { GetIdentityPoolConfigurationCommand } from '@aws-sdk/client-cognito-sync';
import { describe, expect, it } from 'vitest';
import { newPool } from '../fixtures/identity/identity-pools.ts';
import { POOL } from '../fixtures/sync/stream-events.ts';
import { describeRefusals, describeUnknownPools, type RefusedOperation } from '../fixtures/wire/refusals.ts';
import { openSharedCloud } from '../fixtures/wire/shared-cloud.ts';
import { getSigned } from '../fixtures/wire/signing.ts';

const { cloud, client } = await openSharedCloud();

const configurationOf = async (IdentityPoolId: string) => {
  const { $metadata, ...configuration } = await client.send(
    new GetIdentityPoolConfigurationCommand({ IdentityPoolId }),
  );
  return configuration;
};
/** Returns the raw response. The SDK drops nulls and members that its model does not have. */
const bodyOf = async (IdentityPoolId: string) =>
  JSON.parse(
    await getSigned(cloud.url, `/identitypools/${encodeURIComponent(IdentityPoolId)}/configuration`),
  );

describe('GetIdentityPoolConfiguration', () => {
  it('returns only the id of a pool without settings', async () => {
    const IdentityPoolId = await newPool(cloud.database);
    expect(await configurationOf(IdentityPoolId)).toEqual({ IdentityPoolId });
    expect(await bodyOf(IdentityPoolId)).toEqual({ IdentityPoolId, PushSync: null, CognitoStreams: null });
  });

  it('returns the stream of the first pool', async () => {
    expect(await configurationOf(POOL)).toEqual({
      IdentityPoolId: POOL,
      CognitoStreams: { StreamName: 'cognito-sync', StreamingStatus: 'ENABLED' },
    });
  });

  it('returns why the service disabled streaming, in a member that the SDK models lack', async () => {
    const IdentityPoolId = await newPool(cloud.database, {
      streams: {
        status: 'DISABLED',
        streamName: 'gone',
        roleArn: 'arn:aws:iam::000000000000:role/streams',
        disabledReason: 'there is no such stream',
      },
      pushSync: { applicationArns: [], roleArn: null },
    });
    const CognitoStreams = {
      StreamName: 'gone',
      RoleArn: 'arn:aws:iam::000000000000:role/streams',
      StreamingStatus: 'DISABLED',
    };
    expect(await configurationOf(IdentityPoolId)).toEqual({
      IdentityPoolId,
      PushSync: { ApplicationArns: [] },
      CognitoStreams,
    });
    expect(await bodyOf(IdentityPoolId)).toEqual({
      IdentityPoolId,
      PushSync: { ApplicationArns: [], RoleArn: null },
      CognitoStreams: { ...CognitoStreams, DisabledReason: 'there is no such stream' },
    });
  });

  const operation: RefusedOperation = {
    url: () => cloud.url,
    send: (client, { IdentityPoolId }) =>
      client.send(new GetIdentityPoolConfigurationCommand({ IdentityPoolId })),
  };
  describeUnknownPools(operation);
  describeRefusals(operation, ['IdentityPoolId']);
});
