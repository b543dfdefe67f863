import {
  GetIdentityPoolConfigurationCommand,
  SetIdentityPoolConfigurationCommand,
} from '@aws-sdk/client-cognito-sync';
import { afterAll, describe, expect, it } from 'vitest';
import { createCognitoSyncClient } from '../../lib/aws/cognito-sync-client.ts';
import { createPoolSettings } from '../../lib/aws/pool-settings.ts';
import { POOL } from '../fixtures/sync/stream-events.ts';
import { DEVELOPER_CREDENTIALS } from '../fixtures/wire/entrance.ts';
import { openSharedCloud } from '../fixtures/wire/shared-cloud.ts';

const TRIGGER = 'arn:aws:lambda:us-east-1:000000000000:function:sync-trigger';

const { cloud, client } = await openSharedCloud();
const own = createCognitoSyncClient({
  region: 'us-east-1',
  endpoint: cloud.url,
  credentials: { ...DEVELOPER_CREDENTIALS },
});
afterAll(() => own.destroy());
const settings = createPoolSettings(own);

describe('pool settings', () => {
  it('let an operator disable and restore streaming and the sync trigger, without changing the push settings', async () => {
    const PushSync = { ApplicationArns: ['arn:aws:sns:us-east-1:000000000000:app/GCM/mine'] };
    await client.send(new SetIdentityPoolConfigurationCommand({ IdentityPoolId: POOL, PushSync }));
    const before = await settings.read(POOL);
    expect(before).toEqual({
      streaming: { isEnabled: true, streamName: 'cognito-sync', roleArn: null },
      syncTrigger: TRIGGER,
    });
    await settings.setStreaming(POOL, { ...before.streaming, isEnabled: false });
    await settings.setSyncTrigger(POOL, null);
    const off = { streaming: { ...before.streaming, isEnabled: false }, syncTrigger: null };
    expect(await settings.read(POOL)).toEqual(off);
    await settings.setStreaming(POOL, before.streaming);
    await settings.setSyncTrigger(POOL, TRIGGER);
    expect(await settings.read(POOL)).toEqual(before);
    const kept = await client.send(new GetIdentityPoolConfigurationCommand({ IdentityPoolId: POOL }));
    expect(kept.PushSync).toMatchObject(PushSync);
  });

  it('report why they cannot be read or set', async () => {
    await expect(settings.read('us-east-1:0')).rejects.toMatchObject({ condition: 'not-found' });
    const streaming = { isEnabled: true, streamName: 'nowhere', roleArn: null };
    await expect(settings.setStreaming(POOL, streaming)).rejects.toMatchObject({ condition: 'refused' });
  });
});
