import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  GetCognitoEventsCommand,
  GetIdentityPoolConfigurationCommand,
  ListIdentityPoolUsageCommand,
  SetCognitoEventsCommand,
} from '@aws-sdk/client-cognito-sync';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LocalCloud, startLocalCloud } from '../../infra/local/start-local-cloud.ts';
import { createSyncClient } from '../fixtures/sync-client.ts';

/** What is set for the first pool of a region, and which pools there are besides. */
async function lookAt(cloud: LocalCloud, region: string) {
  const client = createSyncClient(cloud.url, { region });
  const IdentityPoolId = `${region}:00000000-0000-4000-8000-000000000001`;
  const { Events } = await client.send(new GetCognitoEventsCommand({ IdentityPoolId }));
  const { CognitoStreams } = await client.send(new GetIdentityPoolConfigurationCommand({ IdentityPoolId }));
  const { Count } = await client.send(new ListIdentityPoolUsageCommand({}));
  client.destroy();
  return { Events, CognitoStreams, Count };
}

const firstOf = (region: string) => ({
  Events: { SyncTrigger: `arn:aws:lambda:${region}:000000000000:function:sync-trigger` },
  CognitoStreams: { StreamName: 'cognito-sync', StreamingStatus: 'ENABLED' },
  Count: 1,
});

describe('the first identity pool', () => {
  let dataDir: string;
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'first-pool-'));
  });
  afterAll(() => rm(dataDir, { recursive: true, force: true }));

  it('is there at the first start, keeps what is set for it, and is as at first after a reset', async () => {
    const region = 'us-east-1';
    const first = await startLocalCloud({ dataDir });
    try {
      expect(await lookAt(first, region)).toEqual(firstOf(region));
      const client = createSyncClient(first.url);
      const IdentityPoolId = `${region}:00000000-0000-4000-8000-000000000001`;
      await client.send(new SetCognitoEventsCommand({ IdentityPoolId, Events: { SyncTrigger: '' } }));
      client.destroy();
    } finally {
      await first.close();
    }
    const second = await startLocalCloud({ dataDir });
    try {
      expect(await lookAt(second, region)).toEqual({ ...firstOf(region), Events: {} });
      await second.reset();
      expect(await lookAt(second, region)).toEqual(firstOf(region));
    } finally {
      await second.close();
    }
  });

  it('is of the region', async () => {
    const cloud = await startLocalCloud({ region: 'eu-west-1' });
    try {
      expect(await lookAt(cloud, 'eu-west-1')).toEqual(firstOf('eu-west-1'));
    } finally {
      await cloud.close();
    }
  });
});
