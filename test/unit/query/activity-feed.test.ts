import { describe, expect, it } from 'vitest';
import type { ProjectedActivity, PushActivity } from '../../../lib/query/activity.ts';
import {
  type ActivityFilter,
  createActivityFeed,
  MAX_LISTENERS,
  MAX_RECENT,
  RETURN_MS,
} from '../../../lib/query/activity-feed.ts';

const ALL: ActivityFilter = { identityPoolId: null, identityId: null };
const push = (identityId: string, identityPoolId = 'pool'): PushActivity => ({
  kind: 'push',
  deviceId: 'device',
  platform: 'GCM',
  identityPoolId,
  identityId,
  datasetName: 'game',
  syncCount: 1,
});
const dataset = (identityId: string) => ({
  identityPoolId: 'pool',
  identityId,
  datasetName: 'game',
  syncCount: 1,
  isRemoval: false,
});
const projected = (...identities: string[]): ProjectedActivity => ({
  kind: 'projected',
  streamName: 'stream',
  shardId: 'shard',
  events: identities.length,
  records: 1,
  recordsChanged: 1,
  quarantined: 0,
  batchMs: 1,
  lagMs: 1,
  datasets: identities.map(dataset),
});

describe('the activity feed', () => {
  it('numbers the activities and adds the time', () => {
    const feed = createActivityFeed({ now: () => Date.UTC(2026, 0, 1) });
    const received: unknown[] = [];
    expect(feed.isWatched()).toBe(false);
    feed.emit(push('too early'));
    const stop = feed.listen(ALL, (id, activity) => received.push([id, activity]));
    expect(feed.isWatched()).toBe(true);
    feed.emit(push('a'));
    feed.emit(push('b'));
    stop?.();
    feed.emit(push('c'));
    expect(received).toEqual([
      [1, { at: '2026-01-01T00:00:00.000Z', ...push('a') }],
      [2, { at: '2026-01-01T00:00:00.000Z', ...push('b') }],
    ]);
  });

  it('passes only activities of the requested pool and identity, and from a projected batch only the datasets of that identity', () => {
    const feed = createActivityFeed({ now: Date.now });
    const received: unknown[] = [];
    feed.listen({ identityPoolId: 'pool', identityId: 'a' }, (_, activity) => received.push(activity));
    for (const activity of [
      push('b'),
      push('a', 'other pool'),
      push('a'),
      projected('b'),
      projected('b', 'a'),
    ]) {
      feed.emit(activity);
    }
    expect(received).toMatchObject([push('a'), { ...projected('b', 'a'), datasets: [dataset('a')] }]);
  });

  it('keeps the newest activities for a listener that comes back within ten minutes', () => {
    let time = Date.UTC(2026, 0, 1);
    const feed = createActivityFeed({ now: () => time });
    feed.listen(ALL, () => undefined)?.();
    time += RETURN_MS - 1;
    expect(feed.isWatched()).toBe(true);
    for (let number = 1; number <= MAX_RECENT + 1; number += 1) feed.emit(push(`identity ${number}`));
    const ids = (after: number, filter = ALL) => feed.readAfter(after, filter).map(([id]) => id);
    expect(ids(0)).toEqual(Array.from({ length: MAX_RECENT }, (_, at) => at + 2));
    expect(ids(MAX_RECENT)).toEqual([MAX_RECENT + 1]);
    expect(ids(0, { identityPoolId: null, identityId: 'identity 7' })).toEqual([7]);
    time += 1;
    feed.emit(push('too late'));
    expect(feed.isWatched()).toBe(false);
    expect(ids(MAX_RECENT + 1)).toEqual([]);
  });

  it('limits the number of listeners', () => {
    const feed = createActivityFeed({ now: Date.now });
    const listen = () => feed.listen(ALL, () => undefined);
    const stops = Array.from({ length: MAX_LISTENERS }, listen);
    expect(listen()).toBeNull();
    stops[0]?.();
    expect(listen()).not.toBeNull();
  });
});
