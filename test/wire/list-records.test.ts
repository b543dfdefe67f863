import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  DeleteDatasetCommand,
  ListRecordsCommand,
  type ListRecordsCommandOutput,
  UpdateRecordsCommand,
} from '@aws-sdk/client-cognito-sync';
import { describe, expect, it } from 'vitest';
import { createSessionTokens } from '../../lib/sync/session-token.ts';
import { describeRefusals, type RefusedOperation } from '../fixtures/wire/refusals.ts';
import { openSharedCloud } from '../fixtures/wire/shared-cloud.ts';
import {
  type Identity,
  invalidParameter,
  list,
  newIdentity,
  notValidToken,
  refusalOf,
  remove,
  set,
  write,
} from '../fixtures/wire/sync-client.ts';

const { cloud, client } = await openSharedCloud();

const keysOf = ({ Records = [] }: ListRecordsCommandOutput) => Records.map((record) => record.Key).toSorted();
const deleteGame = (identity: Identity) =>
  client.send(new DeleteDatasetCommand({ ...identity, DatasetName: 'game' }));

describe('ListRecords', () => {
  it('reports that an unknown dataset does not exist, and returns a token to create it', async () => {
    const { $metadata, ...listed } = await list(client, newIdentity(), 'game');
    expect($metadata.httpStatusCode).toBe(200);
    expect(listed).toEqual({
      Records: [],
      Count: 0,
      DatasetSyncCount: 0,
      DatasetExists: false,
      DatasetDeletedAfterRequestedSyncCount: false,
      SyncSessionToken: expect.stringMatching(/./),
    });
  });

  it('rejects a LastSyncCount above 0 for an unknown dataset, because an empty listing would make clients erase their copy', async () => {
    expect(await refusalOf(list(client, newIdentity(), 'game', { LastSyncCount: 7 }))).toEqual({
      name: 'InvalidParameterException',
      status: 400,
      message: 'No such SyncCount: 7 exists for this Dataset',
    });
  });

  it('returns all records on one page without MaxResults, even if many of them were removed', async () => {
    const identity = newIdentity();
    const keys = Array.from({ length: 1_500 }, (_, index) => `${index} é`);
    const [first, second] = [keys.slice(0, 1_000), keys.slice(1_000)];
    await write(
      client,
      identity,
      'game',
      first.map((key) => set(key, '"')),
    );
    await write(
      client,
      identity,
      'game',
      first.map((key) => remove(key, 1)),
    );
    await write(
      client,
      identity,
      'game',
      second.map((key) => set(key, '\u2028')),
    );
    const listed = await list(client, identity, 'game');
    expect(keysOf(listed)).toEqual(keys.toSorted());
    expect(listed).toMatchObject({ Count: 1_500, DatasetSyncCount: 3, DatasetExists: true });
    expect(listed.NextToken).toBeUndefined();
    expect(listed.Records?.filter(({ Value }) => Value === undefined)).toHaveLength(1_000);
    expect(listed.Records?.filter(({ Value }) => Value === '\u2028')).toHaveLength(500);
    const page = await list(client, identity, 'game', { MaxResults: 1_024 });
    expect(page).toMatchObject({ Count: 1_024, NextToken: expect.any(String) });
    const others = await list(client, identity, 'game', { NextToken: page.NextToken });
    expect([...keysOf(page), ...keysOf(others)].toSorted()).toEqual(keys.toSorted());
  });

  it('returns a record as it was written, with the sync count and the date that the service gave it', async () => {
    const identity = newIdentity();
    const DeviceLastModifiedDate = new Date('2020-02-29T12:00:00.123Z');
    const before = Date.now();
    await write(client, identity, 'game', [
      { ...set('score', '42 \u2028 ü 😀 "\\'), DeviceLastModifiedDate },
    ]);
    const { Records = [], ...listed } = await list(client, identity, 'game');
    expect(Records).toEqual([
      {
        Key: 'score',
        Value: '42 \u2028 ü 😀 "\\',
        SyncCount: 1,
        LastModifiedDate: expect.any(Date),
        LastModifiedBy: '000000000000',
        DeviceLastModifiedDate,
      },
    ]);
    const modified = Records[0]?.LastModifiedDate?.getTime() ?? 0;
    expect(modified).toBeGreaterThanOrEqual(before);
    expect(modified).toBeLessThanOrEqual(Date.now());
    expect(listed).toMatchObject({
      Count: 1,
      DatasetSyncCount: 1,
      DatasetExists: true,
      LastModifiedBy: '000000000000',
    });
  });

  it('omits the date of the device if the device sent none', async () => {
    const identity = newIdentity();
    await write(client, identity, 'game', [set('score', '42')]);
    const { Records = [] } = await list(client, identity, 'game');
    expect(Records[0]?.DeviceLastModifiedDate ?? null).toBeNull();
  });

  it('returns the records above LastSyncCount; removed records have no value', async () => {
    const identity = newIdentity();
    await write(client, identity, 'game', [set('a', '1'), set('b', '1'), set('c', '1')]);
    await write(client, identity, 'game', [set('a', '2', 1)]);
    await write(client, identity, 'game', [remove('b', 1)]);
    const values = async (LastSyncCount?: number) => {
      const { Records = [] } = await list(client, identity, 'game', { LastSyncCount });
      return Object.fromEntries(
        Records.map(({ Key, Value, SyncCount }) => [Key, [SyncCount, Value ?? null]]),
      );
    };
    const all = { a: [2, '2'], b: [3, null], c: [1, '1'] };
    expect(await values()).toEqual(all);
    expect(await values(0)).toEqual(all);
    expect(await values(1)).toEqual({ a: [2, '2'], b: [3, null] });
    expect(await values(2)).toEqual({ b: [3, null] });
    expect(await values(3)).toEqual({});
  });

  it('rejects a LastSyncCount above the sync count of the dataset', async () => {
    const identity = newIdentity();
    await write(client, identity, 'game', [set('score', '42')]);
    const refused = list(client, identity, 'game', { LastSyncCount: 37 });
    expect(await refusalOf(refused)).toEqual({
      name: 'InvalidParameterException',
      status: 400,
      message: 'No such SyncCount: 37 exists for this Dataset',
    });
  });

  it('isolates identities, datasets and pools from each other', async () => {
    const identity = newIdentity();
    await write(client, identity, 'game', [set('score', '42')]);
    const others: [Identity, string][] = [
      [newIdentity(), 'game'],
      [identity, 'Game'],
      [identity, 'game2'],
      [{ ...identity, IdentityPoolId: 'us-east-1:1' }, 'game'],
      [{ IdentityPoolId: identity.IdentityId, IdentityId: identity.IdentityPoolId }, 'game'],
    ];
    for (const [other, name] of others) {
      expect(await list(client, other, name)).toMatchObject({ Records: [], DatasetExists: false });
    }
  });

  describe('in pages', () => {
    it('returns a whole dataset in one page unless MaxResults is set', async () => {
      const identity = newIdentity();
      await write(
        client,
        identity,
        'game',
        Array.from({ length: 1_024 }, (_, index) => set(`key ${index}`, 'x')),
      );
      const listed = await list(client, identity, 'game');
      expect(listed.Records).toHaveLength(1_024);
      expect(listed.NextToken ?? null).toBeNull();
    });

    it('repeats the session token and sync count of the first page on every page, and omits later changes', async () => {
      const identity = newIdentity();
      await write(client, identity, 'game', [set('a', '1'), set('b', '1'), set('c', '1')]);
      await write(client, identity, 'game', [set('d', '2'), set('e', '2')]);
      const first = await list(client, identity, 'game', { MaxResults: 2 });
      await write(client, identity, 'game', [set('f', '3'), set('a', '3', 1)]);

      const pages = [first];
      for (let page = first; page.NextToken; pages.push(page)) {
        page = await list(client, identity, 'game', { MaxResults: 2, NextToken: page.NextToken });
        expect(page).toMatchObject({ DatasetSyncCount: 2, SyncSessionToken: first.SyncSessionToken });
      }
      const seen = pages.flatMap(keysOf);
      expect(seen).toHaveLength(new Set(seen).size);
      expect(new Set([...seen, 'a'])).toEqual(new Set(['a', 'b', 'c', 'd', 'e']));
      expect(keysOf(await list(client, identity, 'game', { LastSyncCount: 2 }))).toEqual(['a', 'f']);
    });

    it('ends with the last record, even if it fills the page', async () => {
      const identity = newIdentity();
      await write(client, identity, 'game', [set('a', '1'), set('b', '1')]);
      const page = await list(client, identity, 'game', { MaxResults: 2 });
      expect(keysOf(page)).toEqual(['a', 'b']);
      expect(page.NextToken ?? null).toBeNull();
    });

    it('rejects altered tokens and tokens of other listings', async () => {
      const identity = newIdentity();
      await write(client, identity, 'game', [set('a', '1'), set('b', '1')]);
      await write(client, identity, 'other', [set('a', '1'), set('b', '1')]);
      const { NextToken = '', SyncSessionToken = '' } = await list(client, identity, 'game', {
        MaxResults: 1,
      });
      const requests: [Identity, string, string][] = [
        [identity, 'other', NextToken],
        [newIdentity(), 'game', NextToken],
        [identity, 'game', SyncSessionToken],
        [identity, 'game', `${NextToken}A`],
        [identity, 'game', NextToken.replace(/^../, 'AA')],
        [identity, 'game', 'b'],
        [identity, 'game', 'x'.repeat(10_000)],
      ];
      for (const [owner, name, token] of requests) {
        expect(await refusalOf(list(client, owner, name, { NextToken: token }))).toEqual({
          ...notValidToken,
          message: 'NextToken not valid for these inputs',
        });
      }
    });

    it('rejects a page token after an update has used the listing’s session token', async () => {
      const identity = newIdentity();
      await write(client, identity, 'game', [set('a', '1'), set('b', '1')]);
      const { NextToken, SyncSessionToken } = await list(client, identity, 'game', { MaxResults: 1 });
      await client.send(
        new UpdateRecordsCommand({
          ...identity,
          DatasetName: 'game',
          SyncSessionToken,
          RecordPatches: [set('c', '2')],
        }),
      );
      expect(await refusalOf(list(client, identity, 'game', { NextToken }))).toMatchObject({
        name: 'InvalidParameterException',
        message: 'NextToken not valid for these inputs',
      });
    });
  });

  describe('of a deleted dataset', () => {
    it('reports the deletion to devices that had the dataset', async () => {
      const identity = newIdentity();
      await write(client, identity, 'game', [set('score', '42')]);
      await deleteGame(identity);
      expect(await list(client, identity, 'game', { LastSyncCount: 1 })).toMatchObject({
        Records: [],
        DatasetExists: false,
        DatasetDeletedAfterRequestedSyncCount: true,
      });
      const after = await list(client, identity, 'game');
      expect(after).toMatchObject({ Records: [], DatasetExists: false });
      expect(after.DatasetDeletedAfterRequestedSyncCount).toBe(false);
    });

    it('returns all records written since the deletion, regardless of LastSyncCount', async () => {
      const identity = newIdentity();
      await write(client, identity, 'game', [set('old', '1')]);
      await write(client, identity, 'game', [set('old', '2', 1)]);
      await deleteGame(identity);
      await write(client, identity, 'game', [set('new', '1')]);
      const { DatasetSyncCount = 0, ...listed } = await list(client, identity, 'game', { LastSyncCount: 2 });
      expect(listed).toMatchObject({ DatasetExists: true, DatasetDeletedAfterRequestedSyncCount: true });
      expect(keysOf({ ...listed })).toEqual(['new']);
      expect(DatasetSyncCount).toBeGreaterThan(2);
      expect(await list(client, identity, 'game', { LastSyncCount: DatasetSyncCount })).toMatchObject({
        Records: [],
        DatasetDeletedAfterRequestedSyncCount: false,
      });
    });
  });

  describe('with a session token', () => {
    it('returns the same session token, while a listing without a token returns a new one', async () => {
      const identity = newIdentity();
      const { SyncSessionToken } = await list(client, identity, 'game');
      expect(await list(client, identity, 'game', { SyncSessionToken })).toMatchObject({ SyncSessionToken });
      const another = await list(client, identity, 'game');
      expect(another.SyncSessionToken).not.toBe(SyncSessionToken);
    });

    it('is rejected after an update has used the token', async () => {
      const identity = newIdentity();
      const { SyncSessionToken } = await list(client, identity, 'game');
      const update = new UpdateRecordsCommand({
        ...identity,
        DatasetName: 'game',
        SyncSessionToken,
        RecordPatches: [set('score', '42')],
      });
      await client.send(update);
      expect(await refusalOf(list(client, identity, 'game', { SyncSessionToken }))).toEqual(notValidToken);
    });

    it('is rejected if the token is altered, expired or issued for something else', async () => {
      const identity = newIdentity();
      const { SyncSessionToken = '' } = await list(client, identity, 'game');
      const { SyncSessionToken: ofOtherDataset } = await list(client, identity, 'other');
      const { SyncSessionToken: ofOtherIdentity } = await list(client, newIdentity(), 'game');
      const tokens = [
        ofOtherDataset,
        ofOtherIdentity,
        await tokenOfYesterday(identity),
        await tokenOfYesterday(identity, Buffer.alloc(32)),
        SyncSessionToken.slice(0, -1),
        ` ${SyncSessionToken}`,
        SyncSessionToken.toUpperCase(),
        '',
        '.',
        'x'.repeat(10_000),
      ];
      for (const token of tokens) {
        const refused = list(client, identity, 'game', { SyncSessionToken: token });
        expect(await refusalOf(refused)).toEqual(notValidToken);
      }
    });

    it.each(['token\0', '\0'])('fails if the token has a NUL character: %j', async (SyncSessionToken) => {
      const refused = list(client, newIdentity(), 'game', { SyncSessionToken });
      expect(await refusalOf(refused)).toEqual(invalidParameter("'syncSessionToken'"));
    });
  });

  /** Returns a token as the service would have issued it 25 hours ago, signed with the given key or the service's. */
  async function tokenOfYesterday(identity: Identity, key?: Buffer): Promise<string> {
    const tokens = createSessionTokens({
      keys: [key ?? (await readFile(join(cloud.dataDir, 'token-key')))],
      now: () => Date.now() - 25 * 60 * 60 * 1000,
      randomId: randomUUID,
    });
    const dataset = {
      identityPoolId: identity.IdentityPoolId,
      identityId: identity.IdentityId,
      datasetName: 'game',
    };
    return tokens.issue(tokens.begin(null), dataset);
  }

  const operation: RefusedOperation = {
    url: () => cloud.url,
    send: (client, dataset) => client.send(new ListRecordsCommand(dataset)),
  };
  describeRefusals(operation, ['IdentityPoolId', 'IdentityId', 'DatasetName']);
});
