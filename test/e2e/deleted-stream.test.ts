import {
  type CognitoSyncClient,
  GetIdentityPoolConfigurationCommand,
  SetIdentityPoolConfigurationCommand,
} from '@aws-sdk/client-cognito-sync';
import { CreateStreamCommand, DeleteStreamCommand, type KinesisClient } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import { createPoolStore } from '../../lib/sync/store/pool-store.ts';
import { localKinesis } from '../fixtures/aws/kinesis.ts';
import { readEvents } from '../fixtures/aws/read-stream.ts';
import { newPool } from '../fixtures/identity/identity-pools.ts';
import { startCloud } from '../fixtures/local/local-cloud.ts';
import { createSyncClient, type Identity, newIdentity, set, write } from '../fixtures/wire/sync-client.ts';

const StreamName = 'mobile';

describe('a pool whose stream is deleted', () => {
  let cloud: LocalCloud;
  let client: CognitoSyncClient;
  let kinesis: KinesisClient;

  beforeAll(async () => {
    cloud = await startCloud();
    client = createSyncClient(cloud.url);
    kinesis = localKinesis(cloud.url);
  });
  afterAll(async () => {
    kinesis.destroy();
    client.destroy();
    await cloud.close();
  });

  const createStream = () => kinesis.send(new CreateStreamCommand({ StreamName, ShardCount: 1 }));
  const enable = (IdentityPoolId: string) =>
    expect
      .poll(
        async () => {
          const CognitoStreams = { StreamName, StreamingStatus: 'ENABLED' as const };
          const command = new SetIdentityPoolConfigurationCommand({ IdentityPoolId, CognitoStreams });
          return (await client.send(command)).CognitoStreams?.StreamingStatus;
        },
        { timeout: 5_000, interval: 20 },
      )
      .toBe('ENABLED');
  const eventually = (what: () => Promise<unknown>) => expect.poll(what, { timeout: 25_000, interval: 50 });
  const keysOnStream = async () =>
    (await readEvents(kinesis, StreamName)).flatMap(({ event }) =>
      (event.kinesisSyncRecords as { key: string }[]).map(({ key }) => key),
    );

  it('has streaming disabled with a reason, and publishes waiting events when streaming is enabled again', {
    timeout: 60_000,
  }, async () => {
    await createStream();
    const identity: Identity = { ...newIdentity(), IdentityPoolId: await newPool(cloud.database) };
    const { IdentityPoolId } = identity;
    await enable(IdentityPoolId);
    await write(client, identity, 'game', [set('first', '1')]);
    await eventually(keysOnStream).toEqual(['first']);

    await kinesis.send(new DeleteStreamCommand({ StreamName }));
    await write(client, identity, 'game', [set('second', '1')]);
    const configuration = async () =>
      (await client.send(new GetIdentityPoolConfigurationCommand({ IdentityPoolId }))).CognitoStreams;
    await eventually(configuration).toMatchObject({ StreamName, StreamingStatus: 'DISABLED' });
    // The SDK does not return the reason.
    expect((await createPoolStore(cloud.database).readPool(IdentityPoolId))?.streams?.disabledReason).toBe(
      'stream mobile does not exist',
    );

    const other = newIdentity();
    await write(client, other, 'game', [set('elsewhere', '1')]);
    const otherRows = async () => {
      const sql = 'SELECT record_key FROM query.records WHERE identity_id = $1';
      return (await cloud.database.query(sql, [other.IdentityId])).rows;
    };
    await eventually(otherRows).toEqual([{ record_key: 'elsewhere' }]);
    await write(client, identity, 'game', [set('unpublished', '1')]);

    await createStream();
    await enable(IdentityPoolId);
    await write(client, identity, 'game', [set('third', '1')]);
    await eventually(async () => (await keysOnStream()).toSorted()).toEqual(['second', 'third']);
    expect(await configuration()).toMatchObject({ StreamingStatus: 'ENABLED' });
    expect((await cloud.database.query('SELECT 1 FROM sync.outbox')).rows).toEqual([]);
  });
});
