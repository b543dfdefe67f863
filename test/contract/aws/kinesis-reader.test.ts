import { createServer } from 'node:http';
import { SplitShardCommand } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createKinesisClient } from '../../../lib/aws/kinesis-client.ts';
import { createKinesisReader, type KinesisReader } from '../../../lib/aws/kinesis-reader.ts';
import {
  credentials,
  type KinesisEmulator,
  listen,
  region,
  startKinesisEmulator,
} from '../../fixtures/aws/kinesis-emulator.ts';

let emulator: KinesisEmulator;
let reader: KinesisReader;

beforeAll(async () => {
  emulator = await startKinesisEmulator();
  reader = createKinesisReader(emulator.client);
});

afterAll(() => emulator.close());

describe('the Kinesis reader on an emulator', () => {
  async function readAll(streamName: string, position: Parameters<KinesisReader['openIterator']>[2]) {
    const iterator = await reader.openIterator(streamName, 'shardId-000000000000', position);
    const page = await reader.getRecords(iterator, 100);
    return page.records.map(({ data }) => new TextDecoder().decode(data));
  }

  it('opens an iterator at each type of position', async () => {
    const streamName = await emulator.createStream(1);
    await emulator.put(streamName, ['k:0', 'k:1', 'k:2', 'k:3']);
    const oldest = await reader.openIterator(streamName, 'shardId-000000000000', { type: 'TRIM_HORIZON' });
    const { records, nextIterator } = await reader.getRecords(oldest, 2);
    expect(records.map(({ partitionKey }) => partitionKey)).toEqual(['k', 'k']);
    expect((await reader.getRecords(nextIterator ?? '', 100)).records).toHaveLength(2);
    const sequenceNumber = records[1]?.sequenceNumber ?? '';
    expect(await readAll(streamName, { type: 'AT_SEQUENCE_NUMBER', sequenceNumber })).toEqual([
      'k:1',
      'k:2',
      'k:3',
    ]);
    expect(await readAll(streamName, { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber })).toEqual([
      'k:2',
      'k:3',
    ]);
    expect(await readAll(streamName, { type: 'LATEST' })).toEqual([]);
  });

  it('throws errors whose `condition` names the cause', async () => {
    const streamName = await emulator.createStream(1);
    const after = { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber: '1234567' } as const;
    const open = (name: string, shardId: string) => reader.openIterator(name, shardId, after);
    await expect(open(streamName, 'shardId-000000000000')).rejects.toMatchObject({
      condition: 'position-invalid',
    });
    await expect(open(streamName, 'shardId-000000000007')).rejects.toMatchObject({ condition: 'not-found' });
    await expect(open('nowhere', 'shardId-000000000000')).rejects.toMatchObject({ condition: 'not-found' });
    await expect(reader.listShards('nowhere')).rejects.toMatchObject({ condition: 'not-found' });
    await expect(reader.getRecords('worn-out', 1)).rejects.toMatchObject({ condition: 'iterator-expired' });
  });

  it('lists shards with their parents, and reads a closed shard to its end', async () => {
    const streamName = await emulator.createStream(1);
    await emulator.client.send(
      new SplitShardCommand({
        StreamName: streamName,
        ShardToSplit: 'shardId-000000000000',
        NewStartingHashKey: (2n ** 127n).toString(),
      }),
    );
    await emulator.untilActive(streamName);
    const shards = await reader.listShards(streamName);
    expect(shards.map(({ parentShardIds, closed }) => ({ parentShardIds, closed }))).toEqual([
      { parentShardIds: [], closed: true },
      { parentShardIds: ['shardId-000000000000'], closed: false },
      { parentShardIds: ['shardId-000000000000'], closed: false },
    ]);
    let iterator: string | undefined = await reader.openIterator(streamName, 'shardId-000000000000', {
      type: 'TRIM_HORIZON',
    });
    for (let reads = 0; iterator !== undefined && reads < 5; reads++) {
      iterator = (await reader.getRecords(iterator, 100)).nextIterator;
    }
    expect(iterator).toBeUndefined();
  });

  it('lists the shards of all pages', async () => {
    const shard = (id: string, members: object) => ({
      ShardId: id,
      HashKeyRange: { StartingHashKey: '0', EndingHashKey: '1' },
      ...members,
    });
    const pages = [
      {
        Shards: [
          shard('a', { SequenceNumberRange: { StartingSequenceNumber: '1', EndingSequenceNumber: '2' } }),
        ],
      },
      { Shards: [shard('b', { ParentShardId: 'a', SequenceNumberRange: { StartingSequenceNumber: '3' } })] },
    ];
    const requests: unknown[] = [];
    const http = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      requests.push(JSON.parse(body));
      const more = requests.length === 1 ? { NextToken: 'more' } : {};
      response.setHeader('Content-Type', 'application/x-amz-json-1.1');
      response.end(JSON.stringify({ ...pages[requests.length - 1], ...more }));
    });
    const paging = createKinesisClient({ region, endpoint: await listen(http), credentials });
    onTestFinished(() => {
      paging.destroy();
      http.close();
    });
    expect(await createKinesisReader(paging).listShards('long')).toEqual([
      { shardId: 'a', parentShardIds: [], closed: true, startingSequenceNumber: '1' },
      { shardId: 'b', parentShardIds: ['a'], closed: false, startingSequenceNumber: '3' },
    ]);
    expect(requests).toEqual([{ StreamName: 'long' }, { NextToken: 'more' }]);
  });
});
