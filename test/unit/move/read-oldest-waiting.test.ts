import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Backlog, BacklogQuery } from '../../../lib/backfill/ports/evidence.ts';
import { readOldestWaiting } from '../../../lib/move/read-oldest-waiting.ts';

const EMPTY: Backlog = { arrivals: [], hasMore: false, isConclusive: true };
const waiting = (...arrivals: number[]): Backlog => ({ ...EMPTY, arrivals });

describe('the oldest waiting event of a stream', () => {
  /** Reads shards with these backlogs. Each read takes long enough for the others to start. */
  async function read(backlogs: (Backlog | null)[]) {
    const queries: BacklogQuery[] = [];
    let reading = 0;
    let maxReading = 0;
    const oldest = await readOldestWaiting({
      store: { readShards: async () => new Map([['1', 'last-1']]) },
      origin: { name: 'origin', streamName: 'stream' },
      streams: {
        listShards: async () => backlogs.map((_, index) => ({ shardId: String(index), closed: false })),
        async readBacklog(_, shardId, query) {
          queries.push(query);
          reading += 1;
          maxReading = Math.max(reading, maxReading);
          await setImmediate();
          reading -= 1;
          return backlogs[Number(shardId)] ?? null;
        },
      },
    });
    return { oldest, queries, maxReading };
  }

  it('is the oldest of all shards, and each shard is read after its last applied record', async () => {
    const { oldest, queries } = await read([waiting(5), waiting(3, 4), EMPTY, null]);
    expect(oldest).toEqual({ arrivedAt: 3, isConclusive: true });
    expect(queries.map(({ after }) => after)).toEqual([null, 'last-1', null, null]);
  });

  it('is unknown in a shard whose read found neither an event nor the newest record', async () => {
    const unknown = { ...EMPTY, isConclusive: false };
    expect((await read([EMPTY, unknown, EMPTY])).oldest).toEqual({ arrivedAt: null, isConclusive: false });
    expect((await read([waiting(5), unknown])).oldest).toEqual({ arrivedAt: 5, isConclusive: false });
    expect((await read([EMPTY, null])).oldest).toEqual({ arrivedAt: null, isConclusive: true });
  });

  it('is found in concurrent reads of many shards, whose number is limited', async () => {
    expect((await read(Array.from({ length: 60 }, () => EMPTY))).maxReading).toBe(60);
    const many = await read(Array.from({ length: 200 }, (_, index) => waiting(1_000 - index)));
    expect(many.oldest.arrivedAt).toBe(801);
    expect(many.maxReading).toBe(64);
  });
});
