import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openCheckpointFile } from '../../../infra/local/event-source-mapping/checkpoint-file.ts';
import { SetupError } from '../../../lib/common/errors.ts';

const FILE = 'project-stream.cognito-sync.checkpoints.json';
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'checkpoints-'));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

function open(now = () => 1_000) {
  return openCheckpointFile({ directory, functionName: 'project-stream', streamName: 'cognito-sync' }, now);
}

describe('checkpoints', () => {
  it('survive a restart', async () => {
    const before = await open();
    expect(before.get('shardId-000000000000')).toBeUndefined();
    await before.save('shardId-000000000000', '495903382714902566085596925383615');
    await before.save('shardId-000000000001', '7');
    await before.save('shardId-000000000001', '8');

    const after = await open();
    expect(after.get('shardId-000000000000')).toBe('495903382714902566085596925383615');
    expect(after.get('shardId-000000000001')).toBe('8');
    expect(after.get('shardId-000000000002')).toBeUndefined();
  });

  it('contain the time when the mapping was first started', async () => {
    expect((await open(() => 1_000)).startedAt).toBe(1_000);
    expect((await open(() => 2_000)).startedAt).toBe(1_000);
  });

  it('are complete on disk after each save, even if shards save concurrently', async () => {
    const store = await open();
    let saving = true;
    const saves = Array.from({ length: 200 }, (_, index) => store.save(`shard-${index % 4}`, String(index)));
    const reads = (async () => {
      while (saving)
        expect(JSON.parse(await readFile(join(directory, FILE), 'utf8'))).toHaveProperty('shards');
    })();
    await Promise.all(saves);
    saving = false;
    await reads;
    const content = JSON.parse(await readFile(join(directory, FILE), 'utf8'));
    expect(content.shards).toEqual({
      'shard-0': '196',
      'shard-1': '197',
      'shard-2': '198',
      'shard-3': '199',
    });
    expect(await readdir(directory)).toEqual([FILE]);
    expect((await stat(join(directory, FILE))).mode & 0o777).toBe(0o600);
  });

  it('of different event source mappings are separate', async () => {
    await (await open()).save('shard-0', '1');
    const other = await openCheckpointFile({ directory, functionName: 'other', streamName: 'cognito-sync' });
    expect(other.get('shard-0')).toBeUndefined();
  });

  it('survive a temporary file left by a killed process', async () => {
    await (await open()).save('shard-0', '1');
    await writeFile(join(directory, `${FILE}.tmp`), '{"format":1,"sta');
    const store = await open();
    expect(store.get('shard-0')).toBe('1');
    await store.save('shard-0', '2');
    expect((await open()).get('shard-0')).toBe('2');
  });

  it('can be saved again after a failed save', async () => {
    const store = await open();
    const blocker = join(directory, `${FILE}.tmp`);
    await mkdir(blocker);
    await expect(store.save('shard-0', '1')).rejects.toThrow();
    await rm(blocker, { recursive: true });
    await store.save('shard-0', '1');
    expect((await open()).get('shard-0')).toBe('1');
  });

  it('create their directory', async () => {
    directory = join(directory, 'made', 'here');
    await (await open()).save('shard-0', '1');
    expect((await open()).get('shard-0')).toBe('1');
  });
});

describe('an invalid checkpoint file', () => {
  it.each([
    ['empty', ''],
    ['truncated', '{"format":1,"startedAt":1,"shards":{"shardId-0'],
    ['not an object', '[]'],
    ['another format', '{"format":2,"startedAt":1,"shards":{}}'],
    ['no start time', '{"format":1,"shards":{}}'],
    ['no shards', '{"format":1,"startedAt":1}'],
    ['an invalid sequence number', '{"format":1,"startedAt":1,"shards":{"shard-0":"LATEST"}}'],
    ['a sequence number rounded by a parser', '{"format":1,"startedAt":1,"shards":{"shard-0":4.9e55}}'],
  ])('is rejected, and the message says what to do: %s', async (_name, text) => {
    await writeFile(join(directory, FILE), text);
    const opening = open();
    await expect(opening).rejects.toThrow(SetupError);
    await expect(opening).rejects.toThrow(/delete it/);
    await expect(opening).rejects.toThrow(FILE);
    expect(await readFile(join(directory, FILE), 'utf8')).toBe(text);
  });

  it('is rejected if it cannot be read', async () => {
    await mkdir(join(directory, FILE));
    await expect(open()).rejects.toThrow(SetupError);
  });

  it('is rejected if it cannot be written', async () => {
    await mkdir(join(directory, `${FILE}.tmp`));
    await expect(open()).rejects.toThrow(SetupError);
    await expect(open()).rejects.toThrow(/cannot write/);
  });
});
