import { randomUUID } from 'node:crypto';
import type { RecordPatchList } from 'aws-sdk/clients/cognitosync.js';
import { describe, expect, it } from 'vitest';
import { openLocalCloud } from '../fixtures/local/local-cloud.ts';
import { AWS } from '../fixtures/wire/aws-sdk-v2.ts';
import { DEVELOPER_CREDENTIALS, isLocalPort } from '../fixtures/wire/entrance.ts';
import { googleToken } from '../fixtures/wire/login-tokens.ts';
import { createPlayerPool, logInAtBackend, PUSH, ROLE } from './player-pool.ts';

const { cloud } = await openLocalCloud();
const { url } = cloud;
const IdentityPoolId = await createPlayerPool(url);

const CONFIG = { region: 'us-east-1', endpoint: url };
const ARN = 'arn:aws:lambda:us-east-1:000000000000:function:sync-trigger';

/** Gets credentials as an app does. If a RoleArn is given, the SDK uses the classic flow with AWS STS. */
async function logIn(
  params: { Logins?: Record<string, string>; RoleArn?: string; IdentityId?: string } = {},
) {
  const credentials = new AWS.CognitoIdentityCredentials({ IdentityPoolId, ...params }, CONFIG);
  await credentials.getPromise();
  const sync = new AWS.CognitoSync({ ...CONFIG, credentials });
  const identity = { IdentityPoolId, IdentityId: credentials.identityId };
  return { credentials, sync, identity, game: { ...identity, DatasetName: 'game' } };
}

type Player = Awaited<ReturnType<typeof logIn>>;

async function write({ sync, game }: Player, RecordPatches: RecordPatchList) {
  const { SyncSessionToken = '' } = await sync.listRecords(game).promise();
  return sync.updateRecords({ ...game, SyncSessionToken, RecordPatches }).promise();
}

const SET = { Op: 'replace', Key: 'level', Value: '7', SyncCount: 0 };
const developer = new AWS.CognitoSync({
  ...CONFIG,
  maxRetries: 0,
  credentials: new AWS.Credentials({ ...DEVELOPER_CREDENTIALS }),
});

const refused = (request: { promise(): Promise<unknown> }, code: string, statusCode: number, message = /./) =>
  expect(request.promise()).rejects.toMatchObject({
    code,
    statusCode,
    message: expect.stringMatching(message),
  });

describe('CognitoIdentityCredentials', () => {
  it('keep the identity of a guest when they are refreshed', async () => {
    const { credentials, sync, game } = await logIn();
    expect(credentials.identityId).toMatch(/^us-east-1:[0-9a-f-]{36}$/);
    expect(credentials.expireTime.getTime()).toBeGreaterThan(Date.now());
    const { identityId, accessKeyId } = credentials;
    await credentials.refreshPromise();
    expect(credentials).toMatchObject({ identityId });
    expect(credentials.accessKeyId).not.toBe(accessKeyId);
    expect(await sync.listRecords(game).promise()).toMatchObject({ DatasetExists: false });
  });

  it('have the same identity on all devices that use the same login', async () => {
    const Logins = { 'accounts.google.com': googleToken('Ada') };
    const phone = await logIn({ Logins });
    const tablet = await logIn({ Logins });
    expect(tablet.game).toEqual(phone.game);
    await write(phone, [SET]);
    expect((await tablet.sync.listRecords(tablet.game).promise()).Records).toMatchObject([
      { Key: 'level', Value: '7' },
    ]);
  });

  it('support the classic flow for a guest and for a login', async () => {
    for (const more of [{}, { Logins: { 'accounts.google.com': googleToken('Grace') } }]) {
      const player = await logIn({ RoleArn: ROLE, ...more });
      expect((await write(player, [SET])).Records).toMatchObject([{ SyncCount: 1 }]);
    }
  });

  it('accept a token that the app’s own backend has requested for its user', async () => {
    const { IdentityId, Token } = await logInAtBackend(url, { IdentityPoolId, user: 'alan' });
    const Logins = { 'cognito-identity.amazonaws.com': Token };
    for (const more of [{}, { RoleArn: ROLE }]) {
      const player = await logIn({ IdentityId, Logins, ...more });
      expect(player.credentials.identityId).toBe(IdentityId);
      expect((await player.sync.listDatasets(player.identity).promise()).Count).toBe(0);
    }
  });

  it('change to the account’s identity when a guest logs in, and copy the guest’s datasets', async () => {
    const Logins = { 'accounts.google.com': googleToken('Edsger') };
    const account = await logIn({ Logins });
    const guest = await logIn();
    await write(guest, [SET]);
    const merged = await logIn({ IdentityId: guest.game.IdentityId, Logins });
    expect(merged.credentials.identityId).toBe(account.credentials.identityId);
    const { MergedDatasetNames } = await merged.sync.listRecords(merged.game).promise();
    expect(MergedDatasetNames).toEqual([`game.${guest.game.IdentityId}`]);
  });

  it.each([
    ['a guest', {}],
    ['a guest in the classic flow', { RoleArn: ROLE }],
    ['a login', { Logins: { 'accounts.google.com': googleToken('Barbara') } }],
    [
      'a login in the classic flow',
      { RoleArn: ROLE, Logins: { 'accounts.google.com': googleToken('Donald') } },
    ],
  ])('discard a cached id that the service does not know, and get another one, for %s', async (_, more) => {
    const IdentityId = `us-east-1:${randomUUID()}`;
    const credentials = new AWS.CognitoIdentityCredentials({ IdentityPoolId, IdentityId, ...more }, CONFIG);
    await expect(credentials.getPromise()).rejects.toMatchObject({
      code: 'NotAuthorizedException',
      message: `Access to Identity '${IdentityId}' is forbidden.`,
    });
    await credentials.getPromise();
    expect(credentials.identityId).toMatch(/^us-east-1:[0-9a-f-]{36}$/);
    expect(credentials.identityId).not.toBe(IdentityId);
    const sync = new AWS.CognitoSync({ ...CONFIG, credentials });
    const identity = { IdentityPoolId, IdentityId: credentials.identityId };
    expect((await sync.listDatasets(identity).promise()).Count).toBe(0);
  });

  it('are denied to guests if the pool does not allow guests', async () => {
    const noGuests = await createPlayerPool(url, { AllowUnauthenticatedIdentities: false });
    const guest = new AWS.CognitoIdentityCredentials({ IdentityPoolId: noGuests }, CONFIG);
    await expect(guest.getPromise()).rejects.toMatchObject({
      code: 'NotAuthorizedException',
    });
  });
});

describe('a player', () => {
  it('syncs a dataset and reads its description', async () => {
    const player = await logIn();
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
    // The SDK omits lists that are null in the response.
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

    const description = { DatasetName: 'game', IdentityId: game.IdentityId, NumRecords: 1, DataStorage: 5 };
    const { Datasets, Count } = await sync.listDatasets(identity).promise();
    expect({ Datasets, Count }).toMatchObject({ Datasets: [description], Count: 1 });
    const { Dataset } = await sync.describeDataset(game).promise();
    expect(Dataset).toMatchObject({ ...description, LastModifiedBy: game.IdentityId });
    expect(Dataset?.CreationDate).toBeInstanceOf(Date);
    const { IdentityUsage } = await sync.describeIdentityUsage(identity).promise();
    expect(IdentityUsage).toMatchObject({ DatasetCount: 1, DataStorage: 5 });
    expect(await sync.deleteDataset(game).promise()).toMatchObject({ Dataset: description });
    expect(await sync.listRecords({ ...game, LastSyncCount: 1 }).promise()).toMatchObject({
      DatasetExists: false,
      DatasetDeletedAfterRequestedSyncCount: true,
    });
  });

  it('registers a device, subscribes it and unsubscribes it', async () => {
    const player = await logIn();
    const { sync, identity, game } = player;
    await write(player, [SET]);
    const { DeviceId = '' } = await sync
      .registerDevice({ ...identity, Platform: 'GCM', Token: 'token' })
      .promise();
    expect(await sync.subscribeToDataset({ ...game, DeviceId }).promise()).toEqual({});
    expect(await sync.unsubscribeFromDataset({ ...game, DeviceId }).promise()).toEqual({});
    await refused(sync.unsubscribeFromDataset({ ...game, DeviceId }), 'ResourceNotFoundException', 404);
  });

  it('reads the records of a dataset page by page', async () => {
    const player = await logIn();
    await write(player, [SET, { ...SET, Key: 'coins' }, { ...SET, Key: 'name' }]);
    const request = { ...player.game, MaxResults: 2 };
    const first = await player.sync.listRecords(request).promise();
    const second = await player.sync.listRecords({ ...request, NextToken: first.NextToken ?? '' }).promise();
    expect([first, second].map(({ Records }) => Records?.length)).toEqual([2, 1]);
    expect(second).toMatchObject({ NextToken: null, SyncSessionToken: first.SyncSessionToken });
  });

  it('receives errors with code and status', async () => {
    const player = await logIn();
    const { sync, identity, game } = player;
    const otherPlayer = await logIn();
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
    await refused(otherPlayer.sync.describeDataset(game), 'NotAuthorizedException', 403);
    await refused(sync.bulkPublish({ IdentityPoolId }), 'NotAuthorizedException', 403);
    const forged = new AWS.CognitoSync({ ...CONFIG, credentials: new AWS.Credentials('local', 'wrong') });
    await refused(forged.listDatasets(identity), 'InvalidSignatureException', 403);
  });
});

describe('a developer', () => {
  it('sets and reads the settings of a pool', async () => {
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

  // Only the local cloud runs bulk publishes by itself.
  it.runIf(isLocalPort)('starts a bulk publish and reads its status', async () => {
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

  it('reads the usage, writes for a player, but cannot register a device', async () => {
    const player = await logIn();
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

describe('the client of Cognito Identity', () => {
  const identities = new AWS.CognitoIdentity({
    ...CONFIG,
    maxRetries: 0,
    credentials: new AWS.Credentials(DEVELOPER_CREDENTIALS),
  });

  it('sets tags and roles of a pool', async () => {
    const ResourceArn = `arn:aws:cognito-identity:us-east-1:000000000000:identitypool/${IdentityPoolId}`;
    await identities.tagResource({ ResourceArn, Tags: { team: 'game', stage: 'test' } }).promise();
    await identities.untagResource({ ResourceArn, TagKeys: ['stage'] }).promise();
    expect(await identities.listTagsForResource({ ResourceArn }).promise()).toEqual({
      Tags: { team: 'game' },
    });
    await identities.setIdentityPoolRoles({ IdentityPoolId, Roles: { authenticated: ROLE } }).promise();
    expect(await identities.getIdentityPoolRoles({ IdentityPoolId }).promise()).toMatchObject({
      Roles: { authenticated: ROLE },
    });
  });

  it('unlinks a login, and deletes an identity, whose credentials are then rejected', async () => {
    const Logins = { 'accounts.google.com': googleToken('dan') };
    const { sync, identity, game } = await logIn({ Logins });
    const { IdentityId } = identity;
    const unlinked = { IdentityId, Logins, LoginsToRemove: ['accounts.google.com'] };
    await identities.unlinkIdentity(unlinked).promise();
    expect(await identities.describeIdentity({ IdentityId }).promise()).toMatchObject({ Logins: [] });
    await sync.listRecords(game).promise();
    expect(await identities.deleteIdentities({ IdentityIdsToDelete: [IdentityId] }).promise()).toEqual({
      UnprocessedIdentityIds: [],
    });
    await refused(sync.listRecords(game), 'NotAuthorizedException', 403);
    await refused(identities.describeIdentity({ IdentityId }), 'ResourceNotFoundException', 400);
  });
});
