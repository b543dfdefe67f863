import {
  GetCognitoEventsCommand,
  GetIdentityPoolConfigurationCommand,
  SetCognitoEventsCommand,
} from '@aws-sdk/client-cognito-sync';
import { beforeEach, describe, expect, it } from 'vitest';
import { newPool } from '../fixtures/identity/identity-pools.ts';
import { describeRefusals, describeUnknownPools, type RefusedOperation } from '../fixtures/wire/refusals.ts';
import { openSharedCloud } from '../fixtures/wire/shared-cloud.ts';
import { createRudeClient, invalidParameter, refusalOf } from '../fixtures/wire/sync-client.ts';

const FUNCTION = 'arn:aws:lambda:us-east-1:000000000000:function:sync-trigger';

const { cloud, client } = await openSharedCloud();
let IdentityPoolId: string;
beforeEach(async () => {
  IdentityPoolId = await newPool(cloud.database);
});

const setEvents = (Events: Record<string, string>) =>
  client.send(new SetCognitoEventsCommand({ IdentityPoolId, Events }));
const events = async () => (await client.send(new GetCognitoEventsCommand({ IdentityPoolId }))).Events;

describe('SetCognitoEvents', () => {
  it('returns an empty response', async () => {
    const { $metadata, ...response } = await setEvents({ SyncTrigger: FUNCTION });
    expect($metadata.httpStatusCode).toBe(200);
    expect(response).toEqual({});
  });

  it.each([
    FUNCTION,
    `${FUNCTION}:live`,
    `${FUNCTION}:7`,
    `${FUNCTION}:$LATEST`,
    'arn:aws-cn:lambda:cn-north-1:123456789012:function:a',
    `arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:${'F_-9'.repeat(16)}:${'a'.repeat(128)}`,
  ])('sets the sync trigger %s', async (SyncTrigger) => {
    await setEvents({ SyncTrigger });
    expect(await events()).toEqual({ SyncTrigger });
  });

  it('replaces the function and changes nothing else of the pool', async () => {
    IdentityPoolId = await newPool(cloud.database, {
      syncTrigger: FUNCTION,
      streams: { status: 'DISABLED', streamName: 's', roleArn: null, disabledReason: null },
    });
    const configuration = () => client.send(new GetIdentityPoolConfigurationCommand({ IdentityPoolId }));
    const { $metadata, ...before } = await configuration();
    await setEvents({ SyncTrigger: `${FUNCTION}-2` });
    expect(await events()).toEqual({ SyncTrigger: `${FUNCTION}-2` });
    expect(await configuration()).toMatchObject(before);
  });

  it('removes the function if the value is empty, even if none is set', async () => {
    await setEvents({ SyncTrigger: FUNCTION });
    await setEvents({ SyncTrigger: '' });
    expect(await events()).toEqual({});
    await setEvents({ SyncTrigger: '' });
    expect(await events()).toEqual({});
  });

  it('changes nothing if no event is named', async () => {
    await setEvents({ SyncTrigger: FUNCTION });
    await setEvents({});
    expect(await events()).toEqual({ SyncTrigger: FUNCTION });
  });

  it('accepts concurrent calls, and keeps the function of one of them', async () => {
    const functions = Array.from({ length: 8 }, (_, index) => `${FUNCTION}-${index}`);
    await Promise.all(functions.map((SyncTrigger) => setEvents({ SyncTrigger })));
    expect(functions).toContain((await events())?.SyncTrigger);
  });

  it.each(['synctrigger', 'PostConfirmation', '', 'constructor', 'ü'.repeat(300)])(
    'rejects the unknown event %j',
    async (name) => {
      await setEvents({ SyncTrigger: FUNCTION });
      for (const value of [FUNCTION, '']) {
        expect(await refusalOf(setEvents({ [name]: value }))).toEqual(invalidParameter("'events'"));
      }
      expect(await events()).toEqual({ SyncTrigger: FUNCTION });
    },
  );

  it('rejects more than one event', async () => {
    expect(await refusalOf(setEvents({ SyncTrigger: FUNCTION, Other: FUNCTION }))).toEqual(
      invalidParameter(
        "'events' failed to satisfy constraint: Member must have length less than or equal to 1",
      ),
    );
  });

  it.each([
    'sync-trigger',
    ' ',
    ` ${FUNCTION}`,
    `${FUNCTION}\n`,
    `${FUNCTION}:`,
    `${FUNCTION}:a:b`,
    `${FUNCTION}:$OTHER`,
    `${FUNCTION}:${'a'.repeat(129)}`,
    `arn:aws:lambda:us-east-1:000000000000:function:${'f'.repeat(65)}`,
    'arn:aws:lambda:us-east-1:000000000000:function:',
    'arn:aws:lambda:us-east-1:00000000000:function:f',
    'arn:aws:lambda::000000000000:function:f',
    'arn:aws:lambda:us-east-1:000000000000:layer:f',
    'arn:aws:sns:us-east-1:000000000000:f',
    'arn:aws-iso:lambda:us-east-1:000000000000:function:f',
  ])('rejects the function %j', async (SyncTrigger) => {
    expect(await refusalOf(setEvents({ SyncTrigger }))).toEqual(invalidParameter("'events.value'"));
    expect(await events()).toEqual({});
  });

  it.each<[body: string, at: string]>([
    ['', 'events'],
    ['{}', 'events'],
    ['{"Events":null}', 'events'],
    ['{"Events":[]}', 'events'],
    ['{"Events":"SyncTrigger"}', 'events'],
    ['{"Events":{"__proto__":""}}', 'events'],
    ['{"Events":{"SyncTrigger":null}}', 'events.value'],
    ['{"Events":{"SyncTrigger":1}}', 'events.value'],
    ['{"Events":{"SyncTrigger":"a\\u0000"}}', 'events.value'],
    ['{"Events":{"a\\u0000":""}}', 'events.key'],
  ])('rejects the body %s', async (body, at) => {
    const rude = createRudeClient(cloud.url, (request) => {
      request.body = body;
    });
    const refused = refusalOf(rude.send(new SetCognitoEventsCommand({ IdentityPoolId, Events: {} })));
    expect(await refused).toEqual(invalidParameter(`'${at}'`));
    rude.destroy();
  });

  const operation: RefusedOperation = {
    url: () => cloud.url,
    send: (client, { IdentityPoolId }) =>
      client.send(new SetCognitoEventsCommand({ IdentityPoolId, Events: {} })),
  };
  describeUnknownPools(operation);
  describeRefusals(operation, ['IdentityPoolId']);
});
