import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type Kinesalite, openKinesalite } from '../../../infra/local/kinesis/load-kinesalite.ts';

let directory: string;
let kinesalite: Kinesalite;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kinesis-iterator-'));
  kinesalite = await openKinesalite(directory);
});
afterAll(async () => {
  await kinesalite.close();
  await rm(directory, { recursive: true, force: true });
});

async function call(name: string, input: Record<string, unknown>): Promise<Record<string, unknown>> {
  const operation = kinesalite.operations.get(name);
  if (!operation) throw new Error(`no operation ${name}`);
  return new Promise((resolve, reject) => {
    operation.run(operation.check(input), (error, output) => (error ? reject(error) : resolve(output ?? {})));
  });
}

/** Makes a call as if it had started some seconds ago. */
async function callEarlier(secondsAgo: number, ...[name, input]: Parameters<typeof call>) {
  const clock = vi.spyOn(Date, 'now').mockReturnValue(Date.now() - secondsAgo * 1_000);
  return call(name, input).finally(() => clock.mockRestore());
}

function from(streamName: string, type: string) {
  return { StreamName: streamName, ShardId: 'shardId-000000000000', ShardIteratorType: type };
}

it.each(['TRIM_HORIZON', 'LATEST'])(
  'an iterator from %s returns a record that is put after an empty page, even if its timestamp is before that page',
  async (type) => {
    await callEarlier(10, 'CreateStream', { StreamName: type, ShardCount: 1 });
    const opened = await callEarlier(9, 'GetShardIterator', from(type, type));
    const empty = await call('GetRecords', opened);
    expect(empty.Records).toEqual([]);
    await callEarlier(5, 'PutRecord', { StreamName: type, PartitionKey: 'key', Data: 'Zmlyc3Q=' });
    expect((await call('GetRecords', { ShardIterator: empty.NextShardIterator })).Records).toMatchObject([
      { Data: 'Zmlyc3Q=' },
    ]);
  },
);

it('the iterator of a closed shard ends', async () => {
  await callEarlier(10, 'CreateStream', { StreamName: 'split', ShardCount: 1 });
  const opened = await callEarlier(10, 'GetShardIterator', from('split', 'TRIM_HORIZON'));
  const shard = { ShardToSplit: 'shardId-000000000000', NewStartingHashKey: String(2n ** 127n) };
  await callEarlier(9, 'SplitShard', { StreamName: 'split', ...shard });
  const { NextShardIterator: next } = await call('GetRecords', opened);
  expect((await call('GetRecords', { ShardIterator: next })).NextShardIterator).toBeUndefined();
});
