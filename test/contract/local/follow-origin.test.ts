import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type OriginFollower, startOriginFollower } from '../../../infra/local/follow-origin.ts';
import { createOriginRates } from '../../../lib/move/origin-rates.ts';
import { readOriginSettings } from '../../../lib/move/read-origin-settings.ts';
import { startCloud } from '../../fixtures/local/local-cloud.ts';
import { type OriginAndTarget, startOriginAndTarget } from '../../fixtures/local/origin-and-target.ts';
import { type OriginProxy, startOriginProxy } from '../../fixtures/local/origin-proxy.ts';

let proxy: OriginProxy;
let both: OriginAndTarget;
let directory: string;
let follower: OriginFollower;
/** How far the follower's clock is ahead. */
let aheadMs = 0;

beforeAll(async () => {
  // The target itself does not follow the origin, so the follower of the test is the only one.
  both = await startOriginAndTarget(startCloud, { follows: false, originOf: () => proxy.url });
  proxy = await startOriginProxy(both.origin.cloud.url);
  directory = await mkdtemp(join(tmpdir(), 'follower-'));
  const pool = await both.newPool();
  expect(await both.run(['move', 'copy', '--pool', pool, '--rate', '1000'])).toMatchObject({ exitCode: 0 });
  follower = startOriginFollower({
    database: both.target.cloud.database,
    directory,
    region: 'us-east-1',
    readOrigin: (identityPoolId) => readOriginSettings({ ORIGIN_ENDPOINT_URL: proxy.url }, identityPoolId),
    originRates: createOriginRates({ now: Date.now, sleep }),
    offloading: {
      links: { create: () => ({ payloadId: randomUUID(), url: 'https://payload', expiresAt: 0 }) },
      inlineBytes: 900_000,
    },
    onWritten: () => undefined,
    now: () => Date.now() + aheadMs,
  });
});
afterAll(async () => {
  await follower.close();
  await both.close();
  await proxy.close();
  await rm(directory, { recursive: true, force: true });
});

const lastError = () => follower.schedule.status().lastError;
const until = (condition: () => void) => vi.waitFor(condition, { timeout: 20_000, interval: 50 });

it('the follower of the origin remains failed between its checks, until a check succeeds', async () => {
  await until(() => {
    const shards = follower.mappings().flatMap((mapping) => mapping.status().shards);
    expect(shards.length).toBeGreaterThan(0);
    for (const shard of shards) expect(shard).toMatchObject({ state: 'reading', millisBehind: 0 });
  });
  expect(lastError()).toBeNull();
  proxy.mode = 'only-stream';
  // The follower checks a pool every 30 seconds, and the first time a minute after it started to follow the pool.
  aheadMs = 61_000;
  await until(() => expect(lastError()).toBe('SyncApiError'));
  // The schedule runs every second.
  for (const endsAt = Date.now() + 3_500; Date.now() < endsAt; await sleep(50)) {
    expect(lastError()).toBe('SyncApiError');
  }
  proxy.mode = 'up';
  aheadMs += 31_000;
  await until(() => expect(lastError()).toBeNull());
});
