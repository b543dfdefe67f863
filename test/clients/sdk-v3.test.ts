import {
  CognitoIdentityClient,
  GetCredentialsForIdentityCommand,
  GetIdCommand,
} from '@aws-sdk/client-cognito-identity';
import {
  AlreadyStreamedException,
  BulkPublishCommand,
  CognitoSyncClient,
  ConcurrentModificationException,
  DeleteDatasetCommand,
  DescribeDatasetCommand,
  DescribeIdentityPoolUsageCommand,
  DescribeIdentityUsageCommand,
  DuplicateRequestException,
  GetBulkPublishDetailsCommand,
  GetCognitoEventsCommand,
  GetIdentityPoolConfigurationCommand,
  InternalErrorException,
  InvalidConfigurationException,
  InvalidLambdaFunctionOutputException,
  InvalidParameterException,
  LambdaThrottledException,
  LimitExceededException,
  ListDatasetsCommand,
  ListIdentityPoolUsageCommand,
  ListRecordsCommand,
  NotAuthorizedException,
  RegisterDeviceCommand,
  ResourceConflictException,
  ResourceNotFoundException,
  SetCognitoEventsCommand,
  SetIdentityPoolConfigurationCommand,
  SubscribeToDatasetCommand,
  TooManyRequestsException,
  UnsubscribeFromDatasetCommand,
  UpdateRecordsCommand,
} from '@aws-sdk/client-cognito-sync';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { createServiceRoute } from '../../infra/local/http/aws-routes.ts';
import { startHttpServer } from '../../infra/local/http/http-server.ts';
import { ServiceError } from '../../lib/common/errors.ts';
import { createFindApi } from '../../lib/wire/service/find-api.ts';
import { newPool, STREAMING } from '../fixtures/identity/identity-pools.ts';
import { startService } from '../fixtures/local/local-cloud.ts';
import { isLocalPort } from '../fixtures/wire/entrance.ts';
import { googleToken } from '../fixtures/wire/login-tokens.ts';
import { IDS, stubSyncApi } from '../fixtures/wire/stub-sync-api.ts';
import { createSyncClient, list, set, write } from '../fixtures/wire/sync-client.ts';
import { createPlayerPool, logInAtBackend, PUSH, ROLE } from './player-pool.ts';

/** Returns a Lambda function as a module URL. */
const moduleOf = (handler: string) =>
  new URL(`data:text/javascript,${encodeURIComponent(`export const handler = ${handler};`)}`);

const cloud = await startService({
  functions: {
    echo: moduleOf('async (event) => event'),
    broken: moduleOf("async () => { throw new Error('level is too high'); }"),
  },
});
const { url } = cloud;
const developer = createSyncClient(url, { maxAttempts: 1 });
const identities = new CognitoIdentityClient({ region: 'us-east-1', endpoint: url });
const clients: CognitoSyncClient[] = [];
afterAll(async () => {
  for (const client of [developer, identities, ...clients]) client.destroy();
  await cloud.close();
});
const IdentityPoolId = await createPlayerPool(url);

const functionArn = (name: string) => `arn:aws:lambda:us-east-1:000000000000:function:${name}`;

/** Logs in and creates a client as an app does. Without logins, the player is a guest. */
async function logIn(Logins: Record<string, string> = {}, pool = IdentityPoolId) {
  const { IdentityId = '' } = await identities.send(new GetIdCommand({ IdentityPoolId: pool, Logins }));
  return logInAs(IdentityId, Logins, pool);
}

async function logInAs(identityId: string, Logins: Record<string, string>, pool = IdentityPoolId) {
  const request = new GetCredentialsForIdentityCommand({ IdentityId: identityId, Logins });
  const { IdentityId = '', Credentials = {} } = await identities.send(request);
  const { AccessKeyId = '', SecretKey = '', SessionToken = '', Expiration } = Credentials;
  const client = new CognitoSyncClient({
    region: 'us-east-1',
    endpoint: url,
    maxAttempts: 1,
    credentials: { accessKeyId: AccessKeyId, secretAccessKey: SecretKey, sessionToken: SessionToken },
  });
  clients.push(client);
  return { client, identity: { IdentityPoolId: pool, IdentityId }, expiration: Expiration };
}

const untilPublished = (pool: string) =>
  expect
    .poll(
      async () =>
        (await developer.send(new GetBulkPublishDetailsCommand({ IdentityPoolId: pool }))).BulkPublishStatus,
      { timeout: 15_000, interval: 20 },
    )
    .toBe('SUCCEEDED');

describe('a player with the AWS SDK v3', () => {
  it('can call all operations for players, on two devices with one login', async () => {
    const Logins = { 'accounts.google.com': googleToken('Ada') };
    const { client, identity, expiration } = await logIn(Logins);
    expect(expiration?.getTime()).toBeGreaterThan(Date.now());
    const game = { ...identity, DatasetName: 'game' };
    const { SyncSessionToken } = await client.send(new ListRecordsCommand(game));
    const RecordPatches = [
      { ...set('level', '7 ü 😀'), DeviceLastModifiedDate: new Date(1_700_000_000_123) },
    ];
    const updated = await client.send(new UpdateRecordsCommand({ ...game, SyncSessionToken, RecordPatches }));
    expect(updated.Records).toMatchObject([
      { Value: '7 ü 😀', SyncCount: 1, DeviceLastModifiedDate: new Date(1_700_000_000_123) },
    ]);

    const tablet = await logIn(Logins);
    expect(tablet.identity).toEqual(identity);
    expect((await list(tablet.client, identity, 'game')).Records).toEqual(updated.Records);
    const { Datasets } = await client.send(new ListDatasetsCommand(identity));
    expect(Datasets).toMatchObject([{ DatasetName: 'game', NumRecords: 1 }]);
    const { Dataset } = await client.send(new DescribeDatasetCommand(game));
    expect(Dataset).toEqual(Datasets?.[0]);
    const { IdentityUsage } = await client.send(new DescribeIdentityUsageCommand(identity));
    expect(IdentityUsage).toMatchObject({ ...identity, DatasetCount: 1 });

    const { DeviceId } = await client.send(
      new RegisterDeviceCommand({ ...identity, Platform: 'APNS', Token: 'A0B1' }),
    );
    await client.send(new SubscribeToDatasetCommand({ ...game, DeviceId }));
    await client.send(new UnsubscribeFromDatasetCommand({ ...game, DeviceId }));
    const deleted = await client.send(new DeleteDatasetCommand(game));
    expect(deleted.Dataset).toEqual(Dataset);
  });

  it('can log in with a token of the app’s backend', async () => {
    const { IdentityId, Token } = await logInAtBackend(url, { IdentityPoolId, user: 'alan' });
    const player = await logInAs(IdentityId, { 'cognito-identity.amazonaws.com': Token });
    expect(player.identity.IdentityId).toBe(IdentityId);
    await write(player.client, player.identity, 'game', [set('level', '1')]);
  });

  it('finds the guest’s datasets as copies after logging in', async () => {
    const Logins = { 'accounts.google.com': googleToken('Grace') };
    const account = await logIn(Logins);
    const guest = await logIn();
    await write(guest.client, guest.identity, 'game', [set('level', '1')]);
    const merged = await logInAs(guest.identity.IdentityId, Logins);
    expect(merged.identity).toEqual(account.identity);
    const copy = `game.${guest.identity.IdentityId}`;
    expect((await list(merged.client, merged.identity, 'game')).MergedDatasetNames).toEqual([copy]);
    const { Records } = await list(merged.client, merged.identity, copy);
    expect(Records).toMatchObject([{ Key: 'level', Value: '1', SyncCount: 1 }]);
    await merged.client.send(new DeleteDatasetCommand({ ...merged.identity, DatasetName: copy }));
    expect((await list(merged.client, merged.identity, 'game')).MergedDatasetNames).toBeUndefined();
  });
});

describe('a developer with the AWS SDK v3', () => {
  // Only the local cloud runs bulk publishes by itself.
  it.runIf(isLocalPort)('can call all operations for pools', async () => {
    const pool = { IdentityPoolId: await createPlayerPool(url) };
    const CognitoStreams = { StreamName: 'cognito-sync', StreamingStatus: 'ENABLED' };
    const set = await developer.send(
      new SetIdentityPoolConfigurationCommand({ ...pool, PushSync: { ...PUSH, RoleArn: ROLE } }),
    );
    expect(set).toMatchObject({ ...pool, PushSync: { ...PUSH, RoleArn: ROLE }, CognitoStreams });
    const { $metadata: _, ...read } = await developer.send(new GetIdentityPoolConfigurationCommand(pool));
    expect(set).toMatchObject(read);
    const Events = { SyncTrigger: functionArn('echo') };
    await developer.send(new SetCognitoEventsCommand({ ...pool, Events }));
    expect(await developer.send(new GetCognitoEventsCommand(pool))).toMatchObject({ Events });

    expect(await developer.send(new BulkPublishCommand(pool))).toMatchObject(pool);
    await untilPublished(pool.IdentityPoolId);
    const { IdentityPoolUsage } = await developer.send(new DescribeIdentityPoolUsageCommand(pool));
    const { IdentityPoolUsages } = await developer.send(new ListIdentityPoolUsageCommand({}));
    expect(IdentityPoolUsages).toContainEqual(IdentityPoolUsage);
  });
});

describe('an error is an instance of its class:', () => {
  it('InvalidParameterException, NotAuthorizedException and ResourceNotFoundException', async () => {
    const { client, identity } = await logIn();
    const invalidName = list(client, identity, 'no name');
    await expect(invalidName).rejects.toBeInstanceOf(InvalidParameterException);
    const other = list(client, { ...identity, IdentityId: 'us-east-1:0' }, 'game');
    await expect(other).rejects.toBeInstanceOf(NotAuthorizedException);
    const device = { ...identity, Platform: 'GCM' as const, Token: 'token' };
    await expect(developer.send(new RegisterDeviceCommand(device))).rejects.toBeInstanceOf(
      NotAuthorizedException,
    );
    const missing = client.send(new DescribeDatasetCommand({ ...identity, DatasetName: 'none' }));
    await expect(missing).rejects.toBeInstanceOf(ResourceNotFoundException);
  });

  it('ResourceConflictException and LimitExceededException', async () => {
    const { client, identity } = await logIn();
    await write(client, identity, 'game-0', [set('level', '1')]);
    const stale = write(client, identity, 'game-0', [set('level', '2')]);
    await expect(stale).rejects.toBeInstanceOf(ResourceConflictException);
    for (let index = 1; index < 20; index += 1)
      await write(client, identity, `game-${index}`, [set('level', '1')]);
    const oneMore = write(client, identity, 'game-20', [set('level', '1')]);
    await expect(oneMore).rejects.toBeInstanceOf(LimitExceededException);
  });

  it('InvalidConfigurationException, if a device registers in a pool without push applications', async () => {
    const player = await logIn({}, await newPool(cloud.database));
    const device = { ...player.identity, Platform: 'GCM' as const, Token: 'token' };
    const registered = player.client.send(new RegisterDeviceCommand(device));
    await expect(registered).rejects.toBeInstanceOf(InvalidConfigurationException);
  });

  it('InvalidLambdaFunctionOutputException, with the error of the function', async () => {
    const pool = await newPool(cloud.database, { syncTrigger: functionArn('broken') });
    const player = await logIn({}, pool);
    const refused = write(player.client, player.identity, 'game', [set('level', '99')]);
    await expect(refused).rejects.toBeInstanceOf(InvalidLambdaFunctionOutputException);
    await expect(refused).rejects.toThrow('level is too high');
  });

  describe.runIf(isLocalPort)('on the local port', () => {
    it.each([
      ['LambdaThrottledException', LambdaThrottledException],
      ['TooManyRequestsException', TooManyRequestsException],
      ['InternalErrorException', InternalErrorException],
    ] as const)('%s (from a stub)', async (code, Class) => {
      const { recorded, guarded } = stubSyncApi();
      recorded.failWith(new ServiceError(code, 'try again'));
      const port = await startHttpServer({
        host: '127.0.0.1',
        port: 0,
        routes: [createServiceRoute(createFindApi({ syncApi: guarded }))],
      });
      const client = createSyncClient(`http://127.0.0.1:${port.port}`, { maxAttempts: 1 });
      onTestFinished(async () => {
        client.destroy();
        await port.close();
      });
      await expect(list(client, IDS, 'game')).rejects.toBeInstanceOf(Class);
    });
  });

  it.runIf(isLocalPort)('AlreadyStreamedException and DuplicateRequestException', async () => {
    const pool = await newPool(cloud.database, { streams: STREAMING });
    const start = () => developer.send(new BulkPublishCommand({ IdentityPoolId: pool }));
    await start();
    await untilPublished(pool);
    await expect(start()).rejects.toBeInstanceOf(AlreadyStreamedException);

    const busy = await newPool(cloud.database, { streams: STREAMING });
    // Simulates a bulk publish in progress on another host, which has leased all its events.
    await cloud.database.query(
      `INSERT INTO sync.outbox (outbox_id, partition_key, event, created_at, leased_until, attempts, bulk_publish_id)
       VALUES (gen_random_uuid(), 'k', '{}', now(), now() + interval '1 hour', 1, md5('busy')::uuid)`,
    );
    await cloud.database.query(
      `INSERT INTO sync.bulk_publishes (identity_pool_id, bulk_publish_id, status, started_ms, all_in_outbox)
       VALUES ($1, md5('busy')::uuid, 'IN_PROGRESS', 1, true)`,
      [busy],
    );
    const another = developer.send(new BulkPublishCommand({ IdentityPoolId: busy }));
    await expect(another).rejects.toBeInstanceOf(DuplicateRequestException);
  });

  it('ConcurrentModificationException, if two requests change one pool concurrently', async () => {
    const pool = await newPool(cloud.database, { streams: STREAMING });
    const change = (index: number) =>
      developer.send(
        new SetIdentityPoolConfigurationCommand({
          IdentityPoolId: pool,
          PushSync: { RoleArn: `${ROLE}-${index}` },
        }),
      );
    const reasons: unknown[] = [];
    for (let round = 0; round < 100 && reasons.length === 0; round += 1) {
      const outcomes = await Promise.allSettled(
        Array.from({ length: 8 }, (_, index) => change(round * 8 + index)),
      );
      reasons.push(...outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : [])));
    }
    expect(reasons).not.toEqual([]);
    for (const reason of reasons) expect(reason).toBeInstanceOf(ConcurrentModificationException);
  });
});
