import {
  type CognitoStreams,
  GetCognitoEventsCommand,
  GetIdentityPoolConfigurationCommand,
  type PushSync,
  SetIdentityPoolConfigurationCommand,
  type SetIdentityPoolConfigurationCommandInput,
} from '@aws-sdk/client-cognito-sync';
import { beforeEach, describe, expect, it } from 'vitest';
import { newPool } from '../fixtures/identity/identity-pools.ts';
import { describeRefusals, describeUnknownPools, type RefusedOperation } from '../fixtures/wire/refusals.ts';
import { openSharedCloud } from '../fixtures/wire/shared-cloud.ts';
import { getSigned } from '../fixtures/wire/signing.ts';
import { createRudeClient, invalidParameter, refusalOf } from '../fixtures/wire/sync-client.ts';

type Given = Omit<SetIdentityPoolConfigurationCommandInput, 'IdentityPoolId'>;

const STREAM = 'cognito-sync';
const ROLE = 'arn:aws:iam::000000000000:role/sync';
const APNS = 'arn:aws:sns:us-east-1:000000000000:app/APNS_SANDBOX/my.app-1';
const GCM = 'arn:aws:sns:us-east-1:000000000000:app/GCM/my_app';

const { cloud, client } = await openSharedCloud();
let IdentityPoolId: string;
beforeEach(async () => {
  IdentityPoolId = await newPool(cloud.database);
});

const setConfiguration = async (given: Given) => {
  const response = await client.send(new SetIdentityPoolConfigurationCommand({ IdentityPoolId, ...given }));
  const { $metadata, ...configuration } = response;
  return configuration;
};
const configuration = async () => {
  const response = await client.send(new GetIdentityPoolConfigurationCommand({ IdentityPoolId }));
  const { $metadata, ...rest } = response;
  return rest;
};
const refusalOfConfiguration = (given: Given) => refusalOf(setConfiguration(given));
const setStreams = async (given: CognitoStreams) =>
  (await setConfiguration({ CognitoStreams: given })).CognitoStreams;
const setPush = async (given: PushSync) => (await setConfiguration({ PushSync: given })).PushSync;

describe('SetIdentityPoolConfiguration', () => {
  it('sets push and streams in one call and returns the settings', async () => {
    const given: Given = {
      PushSync: { ApplicationArns: [APNS, GCM], RoleArn: ROLE },
      CognitoStreams: { StreamName: STREAM, RoleArn: ROLE, StreamingStatus: 'ENABLED' },
    };
    expect(await setConfiguration(given)).toEqual({ IdentityPoolId, ...given });
    expect(await configuration()).toEqual({ IdentityPoolId, ...given });
  });

  it('keeps push when streams are set, and streams when push is set', async () => {
    expect(await setConfiguration({ PushSync: { ApplicationArns: [APNS] } })).toEqual({
      IdentityPoolId,
      PushSync: { ApplicationArns: [APNS] },
    });
    const CognitoStreams = { StreamName: STREAM, StreamingStatus: 'ENABLED' as const };
    expect(await setConfiguration({ CognitoStreams })).toEqual({
      IdentityPoolId,
      PushSync: { ApplicationArns: [APNS] },
      CognitoStreams,
    });
    expect(await setConfiguration({ PushSync: { ApplicationArns: [] } })).toEqual({
      IdentityPoolId,
      PushSync: { ApplicationArns: [] },
      CognitoStreams,
    });
  });

  it('keeps the members of push and streams that are not given', async () => {
    expect(await setPush({ RoleArn: ROLE })).toEqual({ ApplicationArns: [], RoleArn: ROLE });
    expect(await setPush({ ApplicationArns: [GCM] })).toEqual({ ApplicationArns: [GCM], RoleArn: ROLE });
    expect(await setStreams({ RoleArn: ROLE })).toEqual({ RoleArn: ROLE, StreamingStatus: 'DISABLED' });
    expect(await setStreams({ StreamName: STREAM })).toEqual({
      StreamName: STREAM,
      RoleArn: ROLE,
      StreamingStatus: 'DISABLED',
    });
    expect(await setStreams({ StreamingStatus: 'ENABLED' })).toEqual({
      StreamName: STREAM,
      RoleArn: ROLE,
      StreamingStatus: 'ENABLED',
    });
    expect(await setStreams({ StreamingStatus: 'DISABLED' })).toMatchObject({ StreamName: STREAM });
  });

  it.each<Given>([{}, { PushSync: {} }, { CognitoStreams: {} }, { PushSync: {}, CognitoStreams: {} }])(
    'changes nothing if no member is given: %j',
    async (given) => {
      expect(await setConfiguration(given)).toEqual({ IdentityPoolId });
      expect(await configuration()).toEqual({ IdentityPoolId });
      await setStreams({ StreamName: STREAM });
      const before = await configuration();
      expect(await setConfiguration(given)).toEqual(before);
    },
  );

  it('keeps the events of the pool', async () => {
    IdentityPoolId = await newPool(cloud.database, { syncTrigger: 'arn:some' });
    await setStreams({ StreamName: STREAM, StreamingStatus: 'ENABLED' });
    const { Events } = await client.send(new GetCognitoEventsCommand({ IdentityPoolId }));
    expect(Events).toEqual({ SyncTrigger: 'arn:some' });
  });

  describe('streaming', () => {
    const NO_STREAM = "Value at 'cognitoStreams.streamName' failed to satisfy constraint: Member must";
    const streamsBefore = (disabledReason: string | null) => ({
      streams: { status: 'DISABLED' as const, streamName: STREAM, roleArn: null, disabledReason },
    });
    const reason = async () => {
      const path = `/identitypools/${encodeURIComponent(IdentityPoolId)}/configuration`;
      return JSON.parse(await getSigned(cloud.url, path)).CognitoStreams.DisabledReason;
    };

    it('requires a stream name in the same or an earlier call', async () => {
      expect(await refusalOfConfiguration({ CognitoStreams: { StreamingStatus: 'ENABLED' } })).toEqual(
        invalidParameter(`${NO_STREAM} not be null`),
      );
      expect(await configuration()).toEqual({ IdentityPoolId });
    });

    it.each(['nowhere', 'Cognito-Sync'])('requires the stream %s to exist', async (name) => {
      expect(
        await refusalOfConfiguration({ CognitoStreams: { StreamName: name, StreamingStatus: 'ENABLED' } }),
      ).toEqual(invalidParameter(`${NO_STREAM} be the name of a stream that exists and is active`));
      expect(await configuration()).toEqual({ IdentityPoolId });
      // While streaming is disabled, the stream need not exist yet.
      expect(await setStreams({ StreamName: name })).toEqual({
        StreamName: name,
        StreamingStatus: 'DISABLED',
      });
    });

    it('does not switch to a stream that does not exist', async () => {
      await setStreams({ StreamName: STREAM, StreamingStatus: 'ENABLED' });
      expect(await refusalOfConfiguration({ CognitoStreams: { StreamName: 'nowhere' } })).toEqual(
        invalidParameter('stream that exists'),
      );
      expect(await configuration()).toMatchObject({ CognitoStreams: { StreamName: STREAM } });
    });

    it('keeps the reason why the service disabled streaming until the status is set again', async () => {
      IdentityPoolId = await newPool(cloud.database, streamsBefore('the stream was gone'));
      await setStreams({ RoleArn: ROLE });
      expect(await reason()).toBe('the stream was gone');
      await setStreams({ StreamingStatus: 'ENABLED' });
      expect(await reason()).toBeNull();
      IdentityPoolId = await newPool(cloud.database, streamsBefore('the stream was gone'));
      await setStreams({ StreamingStatus: 'DISABLED' });
      expect(await reason()).toBeNull();
    });
  });

  it('applies concurrent calls or rejects them with ConcurrentModificationException', async () => {
    const calls = Array.from({ length: 8 }, (_, index) =>
      setConfiguration({
        CognitoStreams: { StreamName: STREAM, StreamingStatus: 'ENABLED' },
        PushSync: { RoleArn: `${ROLE}-${index}` },
      }),
    );
    const outcomes = await Promise.allSettled(calls);
    const applied = outcomes.flatMap((outcome) =>
      outcome.status === 'fulfilled' ? [outcome.value.PushSync?.RoleArn] : [],
    );
    expect(applied).toContain((await configuration()).PushSync?.RoleArn);
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') continue;
      expect(await refusalOf(Promise.reject(outcome.reason))).toEqual({
        name: 'ConcurrentModificationException',
        status: 400,
        message: `IdentityPool '${IdentityPoolId}' was changed by another request`,
      });
    }
  });

  describe('at the limits of the model', () => {
    const role = (length: number) => `arn:aws:iam::1:role/${'x'.repeat(length - 20)}`;

    it.each<Given>([
      { CognitoStreams: { StreamName: 's' } },
      { CognitoStreams: { StreamName: 's'.repeat(128) } },
      { CognitoStreams: { RoleArn: role(20) } },
      { CognitoStreams: { RoleArn: role(2048) } },
      { PushSync: { RoleArn: role(20) } },
      { PushSync: { RoleArn: role(2048) } },
      { PushSync: { ApplicationArns: ['arn:aws:sns:a:1:app/A/a'] } },
    ])('accepts $CognitoStreams $PushSync', async (given) => {
      expect(await setConfiguration(given)).toMatchObject(given);
    });

    it.each<[string, Given]>([
      ['cognitoStreams.streamName', { CognitoStreams: { StreamName: '' } }],
      ['cognitoStreams.streamName', { CognitoStreams: { StreamName: 's'.repeat(129) } }],
      ['cognitoStreams.streamName', { CognitoStreams: { StreamName: 'a\0' } }],
      ['cognitoStreams.streamName', { CognitoStreams: { StreamName: 'not a name' } }],
      ['cognitoStreams.streamName', { CognitoStreams: { StreamName: 'é', StreamingStatus: 'DISABLED' } }],
      ['cognitoStreams.roleArn', { CognitoStreams: { RoleArn: '' } }],
      ['cognitoStreams.roleArn', { CognitoStreams: { RoleArn: role(20).slice(0, -1) } }],
      ['cognitoStreams.roleArn', { CognitoStreams: { RoleArn: role(2049) } }],
      ['cognitoStreams.roleArn', { CognitoStreams: { RoleArn: `${role(30)}\n` } }],
      ['pushSync.roleArn', { PushSync: { RoleArn: role(2049) } }],
      ['pushSync.roleArn', { PushSync: { RoleArn: 'arn:aws:iam::a:role/sync' } }],
      ['pushSync.applicationArns.1.member', { PushSync: { ApplicationArns: [''] } }],
      ['pushSync.applicationArns.2.member', { PushSync: { ApplicationArns: [APNS, `${APNS}/`] } }],
    ])('rejects an invalid %s and names the member', async (at, given) => {
      expect(await refusalOfConfiguration(given)).toEqual(invalidParameter(`'${at}'`));
      expect(await configuration()).toEqual({ IdentityPoolId });
    });

    it.each<[body: object, at: string]>([
      [{ CognitoStreams: { StreamingStatus: 'enabled' } }, 'cognitoStreams.streamingStatus'],
      [{ CognitoStreams: { StreamingStatus: '' } }, 'cognitoStreams.streamingStatus'],
      [{ CognitoStreams: { StreamingStatus: true } }, 'cognitoStreams.streamingStatus'],
      [{ CognitoStreams: [] }, 'cognitoStreams'],
      [{ PushSync: 'arn' }, 'pushSync'],
      [{ PushSync: { ApplicationArns: APNS } }, 'pushSync.applicationArns'],
      [{ PushSync: { ApplicationArns: [null] } }, 'pushSync.applicationArns.1.member'],
    ])('rejects the body %j', async (body, at) => {
      expect(await refusalOf(sendBody(body))).toEqual(invalidParameter(`'${at}'`));
    });

    it('ignores members that the model does not have', async () => {
      await sendBody({ Other: 1, CognitoStreams: { StreamName: STREAM, DisabledReason: 'mine' } });
      expect(await configuration()).toMatchObject({ CognitoStreams: { StreamName: STREAM } });
    });
  });

  async function sendBody(body: object): Promise<unknown> {
    const rude = createRudeClient(cloud.url, (request) => {
      request.body = JSON.stringify(body);
    });
    try {
      return await rude.send(new SetIdentityPoolConfigurationCommand({ IdentityPoolId }));
    } finally {
      rude.destroy();
    }
  }

  const operation: RefusedOperation = {
    url: () => cloud.url,
    send: (client, { IdentityPoolId }) =>
      client.send(new SetIdentityPoolConfigurationCommand({ IdentityPoolId })),
  };
  describeUnknownPools(operation);
  describeRefusals(operation, ['IdentityPoolId']);
});
