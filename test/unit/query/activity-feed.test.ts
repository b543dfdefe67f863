import { describe, expect, it } from 'vitest';
import type { ProjectedActivity, PushActivity } from '../../../lib/query/activity.ts';
import { createActivityFeed, MAX_LISTENERS } from '../../../lib/query/activity-feed.ts';

const ALL = { identityPoolId: null, identityId: null };
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
    expect(feed.isWatched()).toBe(false);
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

  it('limits the number of listeners', () => {
    const feed = createActivityFeed({ now: Date.now });
    const listen = () => feed.listen(ALL, () => undefined);
    const stops = Array.from({ length: MAX_LISTENERS }, listen);
    expect(listen()).toBeNull();
    stops[0]?.();
    expect(listen()).not.toBeNull();
  });
});
