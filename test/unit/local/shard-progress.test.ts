import { expect, it, vi } from 'vitest';
import type { CheckpointStore } from '../../../infra/local/event-source-mapping/checkpoint-file.ts';
import { createShardProgress } from '../../../infra/local/event-source-mapping/shard-progress.ts';
import { memoryCheckpoints } from '../../fixtures/aws/kinesis-scripted.ts';

const record = (number: number) => ({
  sequenceNumber: String(number),
  arrivedAt: number * 1_000,
  json: '{}',
  bytes: 2,
});

function started(save: CheckpointStore['save'] = memoryCheckpoints().save) {
  const calls = vi.fn(save);
  const checkpoints = { ...memoryCheckpoints(), save: calls };
  const progress = createShardProgress({ shardId: 'shard', after: '0', checkpoints });
  for (let number = 1; number <= 5; number++) progress.read(record(number));
  const saved = () => calls.mock.calls.map(([, sequenceNumber]) => sequenceNumber);
  return { progress, saved };
}

it('the progress of a shard keeps the checkpoint before the first record that is not processed', async () => {
  const { progress, saved } = started();
  progress.processed([record(2), record(5)]);
  await progress.save();
  expect([saved(), progress.checkpoint(), progress.oldestArrival(), progress.ahead]).toEqual([
    [],
    '0',
    1_000,
    5,
  ]);
  progress.processed([record(1)]);
  await progress.save();
  expect([saved(), progress.checkpoint(), progress.oldestArrival(), progress.ahead]).toEqual([
    ['2'],
    '2',
    3_000,
    3,
  ]);
  progress.processed([record(3), record(4)]);
  await progress.save();
  await progress.save();
  expect([saved(), progress.oldestArrival(), progress.ahead]).toEqual([['2', '5'], undefined, 0]);
});

it('the progress of a shard never moves the checkpoint back after a failed save', async () => {
  let broken = true;
  const { progress, saved } = started(async () => {
    if (broken) throw new Error('no space left on device');
  });
  progress.processed([record(1)]);
  await expect(progress.save()).rejects.toThrow('no space left');
  progress.processed([record(2)]);
  broken = false;
  await progress.save();
  await progress.save();
  expect(saved()).toEqual(['1', '2']);
  expect(progress.checkpoint()).toBe('2');
});
