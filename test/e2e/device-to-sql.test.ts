import { type CognitoSyncClient, DeleteDatasetCommand } from '@aws-sdk/client-cognito-sync';
import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  type KinesisClient,
  ListShardsCommand,
} from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import { localKinesis } from '../fixtures/aws/kinesis.ts';
import { CLOUDS } from '../fixtures/local/local-cloud.ts';
import {
  createSyncClient,
  type Identity,
  list,
  newIdentity,
  refusalOf,
  remove,
  set,
  write,
} from '../fixtures/wire/sync-client.ts';

describe.each(CLOUDS)('a dataset that a device writes, $name', ({ open }) => {
  let cloud: LocalCloud;
  let client: CognitoSyncClient;
  let kinesis: KinesisClient;

  beforeAll(async () => {
    cloud = await open();
    client = createSyncClient(cloud.url);
    kinesis = localKinesis(cloud.url);
  });
  afterAll(async () => {
    kinesis.destroy();
    client.destroy();
    await cloud.close();
  });

  const rows = async (identity: Identity, sql: string) =>
    (await cloud.database.query(sql, [identity.IdentityId])).rows;
  const records = (identity: Identity) =>
    rows(
      identity,
      `SELECT record_key, record_value, sync_count FROM query.records
       WHERE identity_id = $1 AND dataset_name = 'game' ORDER BY record_key`,
    );
  const datasets = (identity: Identity) =>
    rows(identity, 'SELECT dataset_name, deleted, record_count FROM query.datasets WHERE identity_id = $1');
  const eventually = (what: () => Promise<unknown>) => expect.poll(what, { timeout: 15_000, interval: 20 });
  const deleteGame = (identity: Identity) =>
    client.send(new DeleteDatasetCommand({ ...identity, DatasetName: 'game' }));

  it('is projected, with its updates, removals, deletion and re-creation', async () => {
    const identity = newIdentity();
    await write(client, identity, 'game', [set('score', '42'), set('name', 'Ada')]);
    await eventually(() => records(identity)).toEqual([
      { record_key: 'name', record_value: 'Ada', sync_count: 1 },
      { record_key: 'score', record_value: '42', sync_count: 1 },
    ]);
    expect(await datasets(identity)).toEqual([{ dataset_name: 'game', deleted: false, record_count: 2 }]);

    await write(client, identity, 'game', [set('score', '43', 1)]);
    await eventually(() => records(identity)).toEqual([
      { record_key: 'name', record_value: 'Ada', sync_count: 1 },
      { record_key: 'score', record_value: '43', sync_count: 2 },
    ]);

    await write(client, identity, 'game', [remove('name', 1)]);
    await eventually(() => records(identity)).toEqual([
      { record_key: 'score', record_value: '43', sync_count: 2 },
    ]);
    await eventually(() => datasets(identity)).toMatchObject([{ record_count: 1 }]);

    await deleteGame(identity);
    await eventually(() => datasets(identity)).toEqual([
      { dataset_name: 'game', deleted: true, record_count: 0 },
    ]);
    expect(await records(identity)).toEqual([]);

    await write(client, identity, 'game', [set('name', 'Eve')]);
    const { DatasetSyncCount } = await list(client, identity, 'game');
    await eventually(() => records(identity)).toEqual([
      { record_key: 'name', record_value: 'Eve', sync_count: DatasetSyncCount },
    ]);
    expect(await datasets(identity)).toEqual([{ dataset_name: 'game', deleted: false, record_count: 1 }]);
  });

  it('is projected with its last state when writes follow each other quickly', async () => {
    const identity = newIdentity();
    for (let round = 1; round <= 5; round += 1) {
      const { Records = [] } = await write(client, identity, 'game', [set(`old ${round}`, 'x')]);
      const [written] = Records;
      await write(client, identity, 'game', [remove(`old ${round}`, written?.SyncCount ?? 0)]);
      await deleteGame(identity);
      await write(client, identity, 'game', [set('round', `${round}`)]);
    }
    await eventually(async () => (await records(identity)).at(-1)).toMatchObject({ record_value: '5' });
    expect(await records(identity)).toHaveLength(1);
  });

  it('has the same text, numbers and dates in SQL as in the service', async () => {
    const identity = newIdentity();
    const DeviceLastModifiedDate = new Date('2024-02-29T23:59:59.999Z');
    const text = 'Zoë 😀 \u2028 \ufeff "\\ {}';
    const { Records = [] } = await write(client, identity, 'game', [
      { ...set('score', '-12.50'), DeviceLastModifiedDate },
      set(`${text}`, text),
    ]);
    await eventually(() =>
      rows(
        identity,
        `SELECT identity_pool_id, record_key, record_value, numeric_value::text, last_modified_date,
           device_last_modified_date
         FROM query.records WHERE identity_id = $1 ORDER BY record_key = 'score' DESC`,
      ),
    ).toEqual([
      {
        identity_pool_id: identity.IdentityPoolId,
        record_key: 'score',
        record_value: '-12.50',
        numeric_value: '-12.50',
        last_modified_date: Records[0]?.LastModifiedDate,
        device_last_modified_date: DeviceLastModifiedDate,
      },
      {
        identity_pool_id: identity.IdentityPoolId,
        record_key: text,
        record_value: text,
        numeric_value: null,
        last_modified_date: Records[1]?.LastModifiedDate,
        // The device sent no date, so the event contains the record's LastModifiedDate.
        device_last_modified_date: Records[1]?.LastModifiedDate,
      },
    ]);
  });

  it('in SQL, has the records that both devices hold after a conflict, not the rejected write', async () => {
    const identity = newIdentity();
    const phone = client;
    const tablet = createSyncClient(cloud.url);
    await write(phone, identity, 'game', [set('score', '42')]);
    await list(tablet, identity, 'game');
    await write(phone, identity, 'game', [set('score', '50', 1)]);

    const lost = write(tablet, identity, 'game', [set('score', '45', 1), set('level', '7')]);
    expect(await refusalOf(lost)).toEqual({
      name: 'ResourceConflictException',
      status: 409,
      message: 'Current SyncCount for: score is: 2 not: 1',
    });

    const { Records: remote = [] } = await list(tablet, identity, 'game', { LastSyncCount: 1 });
    expect(remote).toMatchObject([{ Key: 'score', Value: '50', SyncCount: 2 }]);
    const best = Math.max(45, Number(remote[0]?.Value));
    await write(tablet, identity, 'game', [set('score', `${best}`, remote[0]?.SyncCount), set('level', '7')]);
    tablet.destroy();

    expect((await list(phone, identity, 'game', { LastSyncCount: 2 })).Records).toHaveLength(2);
    await eventually(() => records(identity)).toEqual([
      { record_key: 'level', record_value: '7', sync_count: 3 },
      { record_key: 'score', record_value: '50', sync_count: 3 },
    ]);
    expect(await eventsOf(identity)).toHaveLength(3);
  });

  it('is published in the format that AWS documents, with one event per write', async () => {
    const identity = newIdentity();
    const DeviceLastModifiedDate = new Date(1_700_000_000_123);
    const { Records = [] } = await write(client, identity, 'game', [
      { ...set('score', '42'), DeviceLastModifiedDate },
      set('name', 'Ädå'),
    ]);
    const { Records: removed = [] } = await write(client, identity, 'game', [remove('name', 1)]);
    await deleteGame(identity);
    await eventually(() => eventsOf(identity)).toHaveLength(3);

    const [update, removal, deletion] = await eventsOf(identity);
    const about = {
      identityPoolId: identity.IdentityPoolId,
      identityId: identity.IdentityId,
      datasetName: 'game',
      payloadType: 'Inline',
    };
    const modified = Records[0]?.LastModifiedDate?.getTime();
    const first = { syncCount: 1, lastModifiedDate: modified };
    expect(update).toEqual({
      ...about,
      ...first,
      operation: 'replace',
      kinesisSyncRecords: [
        { ...first, key: 'score', value: '42', deviceLastModifiedDate: 1_700_000_000_123, op: 'replace' },
        {
          ...first,
          key: 'name',
          value: 'Ädå',
          deviceLastModifiedDate: first.lastModifiedDate,
          op: 'replace',
        },
      ],
    });
    expect(Object.keys(update ?? {})).toEqual([
      'identityPoolId',
      'identityId',
      'datasetName',
      'operation',
      'kinesisSyncRecords',
      'payloadType',
      'lastModifiedDate',
      'syncCount',
    ]);
    const second = { syncCount: 2, lastModifiedDate: removed[0]?.LastModifiedDate?.getTime() };
    expect(removal).toEqual({
      ...about,
      ...second,
      operation: 'replace',
      kinesisSyncRecords: [
        {
          ...second,
          key: 'name',
          value: null,
          deviceLastModifiedDate: second.lastModifiedDate,
          op: 'remove',
        },
      ],
    });
    expect(deletion).toEqual({
      ...about,
      operation: 'remove',
      syncCount: 3,
      lastModifiedDate: expect.any(Number),
    });
  });

  it('puts no event on the stream for a rejected or empty write', async () => {
    const identity = newIdentity();
    await write(client, identity, 'game', []);
    await refusalOf(write(client, identity, 'game', [set('a', '1', 5)]));
    await refusalOf(deleteGame(identity));
    await write(client, identity, 'game', [set('last', '1')]);
    await eventually(() => records(identity)).toHaveLength(1);
    expect(await eventsOf(identity)).toHaveLength(1);
  });

  it('leaves nothing in the outbox or in quarantine', async () => {
    const identity = newIdentity();
    await write(client, identity, 'game', [set('a', '1')]);
    await eventually(async () => (await cloud.database.query('SELECT 1 FROM sync.outbox')).rows).toEqual([]);
    expect((await cloud.database.query('SELECT reason FROM query.quarantine')).rows).toEqual([]);
  });

  it('does not exist after a reset, and can be written again', async () => {
    const identity = newIdentity();
    await write(client, identity, 'game', [set('score', '42')]);
    await eventually(() => records(identity)).toHaveLength(1);
    await cloud.reset();
    expect(await records(identity)).toEqual([]);
    expect(await list(client, identity, 'game')).toMatchObject({ DatasetExists: false, DatasetSyncCount: 0 });
    await write(client, identity, 'game', [set('score', '1')]);
    await eventually(() => records(identity)).toMatchObject([{ record_value: '1', sync_count: 1 }]);
  });

  /** Returns the events of an identity in shard order. Their partition key is the identity id. */
  async function eventsOf(identity: Identity): Promise<Record<string, unknown>[]> {
    const stream = { StreamName: 'cognito-sync' };
    const { Shards = [] } = await kinesis.send(new ListShardsCommand(stream));
    const events: Record<string, unknown>[] = [];
    for (const { ShardId } of Shards) {
      const start = { ...stream, ShardId, ShardIteratorType: 'TRIM_HORIZON' as const };
      let { ShardIterator } = await kinesis.send(new GetShardIteratorCommand(start));
      while (ShardIterator) {
        const page = await kinesis.send(new GetRecordsCommand({ ShardIterator }));
        const { Records = [] } = page;
        const own = Records.filter((record) => record.PartitionKey === identity.IdentityId);
        events.push(...own.map(({ Data }) => JSON.parse(new TextDecoder().decode(Data))));
        ShardIterator = page.MillisBehindLatest === 0 ? undefined : page.NextShardIterator;
      }
    }
    return events;
  }
});
