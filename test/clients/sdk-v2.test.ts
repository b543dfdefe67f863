import type { RecordPatchList } from 'aws-sdk/clients/cognitosync.js';
import { describe, expect, it } from 'vitest';
import { DEFAULT_CREDENTIALS } from '../../lib/common/environment.ts';
import { openLocalCloud } from '../fixtures/local/local-cloud.ts';
import { AWS } from '../fixtures/wire/aws-sdk-v2.ts';
import { createPlayerPool, logInAtBackend, PUSH, ROLE } from './player-pool.ts';

const { cloud } = await openLocalCloud();
const { url } = cloud;
const IdentityPoolId = await createPlayerPool(url);

const CONFIG = { region: 'us-east-1', endpoint: url };
const ARN = 'arn:aws:lambda:us-east-1:000000000000:function:sync-trigger';

/** Credentials as an app asks for them; with a RoleArn it takes the classic flow, by way of AWS STS. */
async function becomePlayer(
  params: { Logins?: Record<string, string>; RoleArn?: string; IdentityId?: string } = {},
) {
  const credentials = new AWS.CognitoIdentityCredentials({ IdentityPoolId, ...params }, CONFIG);
  await credentials.getPromise();
  const sync = new AWS.CognitoSync({ ...CONFIG, credentials });
  const identity = { IdentityPoolId, IdentityId: credentials.identityId };
  return { credentials, sync, identity, game: { ...identity, DatasetName: 'game' } };
}

type Player = Awaited<ReturnType<typeof becomePlayer>>;

async function write({ sync, game }: Player, RecordPatches: RecordPatchList) {
  const { SyncSessionToken = '' } = await sync.listRecords(game).promise();
  return sync.updateRecords({ ...game, SyncSessionToken, RecordPatches }).promise();
}

const SET = { Op: 'replace', Key: 'level', Value: '7', SyncCount: 0 };
const developer = new AWS.CognitoSync({
  ...CONFIG,
  maxRetries: 0,
  credentials: new AWS.Credentials(DEFAULT_CREDENTIALS),
});

const refused = (request: { promise(): Promise<unknown> }, code: string, statusCode: number, message = /./) =>
  expect(request.promise()).rejects.toMatchObject({
    code,
    statusCode,
    message: expect.stringMatching(message),
  });

describe('CognitoIdentityCredentials', () => {
  it('are a guest’s, the same one when they are refreshed', async () => {
    const { credentials, sync, game } = await becomePlayer();
    expect(credentials.identityId).toMatch(/^us-east-1:[0-9a-f-]{36}$/);
    expect(credentials.expireTime.getTime()).toBeGreaterThan(Date.now());
    const { identityId, accessKeyId } = credentials;
    await credentials.refreshPromise();
    expect(credentials).toMatchObject({ identityId });
    expect(credentials.accessKeyId).not.toBe(accessKeyId);
    expect(await sync.listRecords(game).promise()).toMatchObject({ DatasetExists: false });
  });

  it('are the same person’s on each device that shows the same login', async () => {
    const Logins = { 'accounts.google.com': 'token of Ada' };
    const phone = await becomePlayer({ Logins });
    const tablet = await becomePlayer({ Logins });
    expect(tablet.game).toEqual(phone.game);
    await write(phone, [SET]);
    expect((await tablet.sync.listRecords(tablet.game).promise()).Records).toMatchObject([
      { Key: 'level', Value: '7' },
    ]);
  });

  it('may be had by the classic flow, for a guest and for a login', async () => {
    for (const more of [{}, { Logins: { 'accounts.google.com': 'token of Grace' } }]) {
      const player = await becomePlayer({ RoleArn: ROLE, ...more });
      expect((await write(player, [SET])).Records).toMatchObject([{ SyncCount: 1 }]);
    }
  });

  it('are those of a user whom the app’s own backend has let in', async () => {
    const { IdentityId, Token } = await logInAtBackend(url, { IdentityPoolId, user: 'alan' });
    const Logins = { 'cognito-identity.amazonaws.com': Token };
    for (const more of [{}, { RoleArn: ROLE }]) {
      const player = await becomePlayer({ IdentityId, Logins, ...more });
      expect(player.credentials.identityId).toBe(IdentityId);
      expect((await player.sync.listDatasets(player.identity).promise()).Count).toBe(0);
    }
  });

  it('become those of the account when a guest logs in, whose datasets are there as copies', async () => {
    const Logins = { 'accounts.google.com': 'token of Edsger' };
    const account = await becomePlayer({ Logins });
    const guest = await becomePlayer();
    await write(guest, [SET]);
    const merged = await becomePlayer({ IdentityId: guest.game.IdentityId, Logins });
    expect(merged.credentials.identityId).toBe(account.credentials.identityId);
    const { MergedDatasetNames } = await merged.sync.listRecords(merged.game).promise();
    expect(MergedDatasetNames).toEqual([`game.${guest.game.IdentityId}`]);
  });

  it('are refused to who is nobody here', async () => {
    const noGuests = await createPlayerPool(url, { AllowUnauthenticatedIdentities: false });
    const strange = new AWS.CognitoIdentityCredentials({ IdentityPoolId: noGuests }, CONFIG);
    await expect(strange.getPromise()).rejects.toMatchObject({
      code: 'NotAuthorizedException',
    });
  });
});

describe('a player', () => {
  it('syncs a dataset, and reads what is said of it', async () => {
    const player = await becomePlayer();
    const { sync, identity, game } = player;
    const deviceDate = new Date(1_700_000_000_123);
    const listed = await sync.listRecords({ ...game, LastSyncCount: 0, MaxResults: 1024 }).promise();
    expect(listed).toMatchObject({
      Records: [],
      DatasetExists: false,
      DatasetDeletedAfterRequestedSyncCount: false,
      DatasetSyncCount: 0,
      LastModifiedBy: null,
      NextToken: null,
    });
    // Of a list that is null this SDK keeps nothing.
    expect(listed).not.toHaveProperty('MergedDatasetNames');
    const patches = [
      { ...SET, DeviceLastModifiedDate: deviceDate },
      { Op: 'replace', Key: 'empty', Value: '', SyncCount: 0 },
    ];
    const { Records = [] } = await write(player, patches);
    expect(Records).toMatchObject([
      { Key: 'level', Value: '7', SyncCount: 1, DeviceLastModifiedDate: deviceDate },
      { Key: 'empty', Value: '', SyncCount: 1, DeviceLastModifiedDate: null },
    ]);
    expect(Records[0]?.LastModifiedDate).toBeInstanceOf(Date);
    const removed = await write(player, [{ Op: 'remove', Key: 'level', SyncCount: 1 }]);
    expect(removed.Records).toMatchObject([{ Key: 'level', Value: null, SyncCount: 2 }]);

    const about = { DatasetName: 'game', IdentityId: game.IdentityId, NumRecords: 1, DataStorage: 5 };
    const { Datasets, Count } = await sync.listDatasets(identity).promise();
    expect({ Datasets, Count }).toMatchObject({ Datasets: [about], Count: 1 });
    const { Dataset } = await sync.describeDataset(game).promise();
    expect(Dataset).toMatchObject({ ...about, LastModifiedBy: game.IdentityId });
    expect(Dataset?.CreationDate).toBeInstanceOf(Date);
    const { IdentityUsage } = await sync.describeIdentityUsage(identity).promise();
    expect(IdentityUsage).toMatchObject({ DatasetCount: 1, DataStorage: 5 });
    expect(await sync.deleteDataset(game).promise()).toMatchObject({ Dataset: about });
    expect(await sync.listRecords({ ...game, LastSyncCount: 1 }).promise()).toMatchObject({
      DatasetExists: false,
      DatasetDeletedAfterRequestedSyncCount: true,
    });
  });

  it('registers a device, subscribes it and takes it back', async () => {
    const player = await becomePlayer();
    const { sync, identity, game } = player;
    await write(player, [SET]);
    const { DeviceId = '' } = await sync
      .registerDevice({ ...identity, Platform: 'GCM', Token: 'token' })
      .promise();
    expect(await sync.subscribeToDataset({ ...game, DeviceId }).promise()).toEqual({});
    expect(await sync.unsubscribeFromDataset({ ...game, DeviceId }).promise()).toEqual({});
    await refused(sync.unsubscribeFromDataset({ ...game, DeviceId }), 'ResourceNotFoundException', 404);
  });

  it('reads page by page', async () => {
    const player = await becomePlayer();
    await write(player, [SET, { ...SET, Key: 'coins' }, { ...SET, Key: 'name' }]);
    const question = { ...player.game, MaxResults: 2 };
    const first = await player.sync.listRecords(question).promise();
    const second = await player.sync.listRecords({ ...question, NextToken: first.NextToken ?? '' }).promise();
    expect([first, second].map(({ Records }) => Records?.length)).toEqual([2, 1]);
    expect(second).toMatchObject({ NextToken: null, SyncSessionToken: first.SyncSessionToken });
  });

  it('is told by code and status what is wrong', async () => {
    const player = await becomePlayer();
    const { sync, identity, game } = player;
    const stranger = await becomePlayer();
    await write(player, [SET]);
    const { SyncSessionToken = '' } = await sync.listRecords(game).promise();
    const stale = sync.updateRecords({ ...game, SyncSessionToken, RecordPatches: [SET] });
    await refused(stale, 'ResourceConflictException', 409, /^Current SyncCount for: level is: 1 not: 0$/);
    const tooHigh = sync.listRecords({ ...game, LastSyncCount: 9 });
    await refused(
      tooHigh,
      'InvalidParameterException',
      400,
      /^No such SyncCount: 9 exists for this Dataset$/,
    );
    await refused(sync.describeDataset({ ...game, DatasetName: 'none' }), 'ResourceNotFoundException', 404);
    await refused(stranger.sync.describeDataset(game), 'NotAuthorizedException', 403);
    await refused(sync.bulkPublish({ IdentityPoolId }), 'NotAuthorizedException', 403);
    const forged = new AWS.CognitoSync({ ...CONFIG, credentials: new AWS.Credentials('local', 'wrong') });
    await refused(forged.listDatasets(identity), 'InvalidSignatureException', 403);
  });
});

describe('a developer', () => {
  it('sets what is a pool’s, and reads it back', async () => {
    const pool = { IdentityPoolId: await createPlayerPool(url) };
    expect(await developer.getIdentityPoolConfiguration(pool).promise()).toMatchObject({
      PushSync: PUSH,
      CognitoStreams: { StreamName: 'cognito-sync', StreamingStatus: 'ENABLED' },
    });
    const PushSync = { ...PUSH, RoleArn: ROLE };
    const set = await developer.setIdentityPoolConfiguration({ ...pool, PushSync }).promise();
    expect(set.PushSync).toEqual(PushSync);
    expect(await developer.setCognitoEvents({ ...pool, Events: { SyncTrigger: ARN } }).promise()).toEqual({});
    const { Events } = await developer.getCognitoEvents(pool).promise();
    expect(Events).toEqual({ SyncTrigger: ARN });
  });

  it('publishes all there is', async () => {
    const pool = { IdentityPoolId: await createPlayerPool(url) };
    const details = () => developer.getBulkPublishDetails(pool).promise();
    expect(await details()).toMatchObject({
      BulkPublishStatus: 'NOT_STARTED',
      BulkPublishStartTime: null,
      FailureMessage: null,
    });
    expect(await developer.bulkPublish(pool).promise()).toEqual(pool);
    const status = async () => (await details()).BulkPublishStatus;
    await expect.poll(status, { timeout: 15_000, interval: 20 }).toBe('SUCCEEDED');
    expect((await details()).BulkPublishCompleteTime).toBeInstanceOf(Date);
    await refused(developer.bulkPublish(pool), 'AlreadyStreamedException', 400);
  });

  it('sees what is stored, and may write for a player', async () => {
    const player = await becomePlayer();
    await write({ ...player, sync: developer }, [SET]);
    const { Records } = await player.sync.listRecords(player.game).promise();
    expect(Records).toMatchObject([{ Value: '7', LastModifiedBy: '000000000000' }]);
    const { IdentityPoolUsage } = await developer.describeIdentityPoolUsage({ IdentityPoolId }).promise();
    expect(IdentityPoolUsage).toMatchObject({ IdentityPoolId, SyncSessionsCount: null });
    const { IdentityPoolUsages = [] } = await developer.listIdentityPoolUsage().promise();
    expect(IdentityPoolUsages.map((usage) => usage.IdentityPoolId)).toContain(IdentityPoolId);
    const device = { ...player.identity, Platform: 'GCM', Token: 'token' };
    await refused(
      developer.registerDevice(device),
      'NotAuthorizedException',
      403,
      /^These credentials are not valid for accessing this resource$/,
    );
  });
});
