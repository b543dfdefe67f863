import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { startCloud } from '../fixtures/local/local-cloud.ts';
import { type OriginAndTarget, startOriginAndTarget } from '../fixtures/local/origin-and-target.ts';
import { list, set, write } from '../fixtures/wire/sync-client.ts';

let first: OriginAndTarget;
let second: OriginAndTarget;
const ofSecond = new Set<string>();
beforeAll(async () => {
  second = await startOriginAndTarget(startCloud, { follows: false });
  const originOf = (pool: string) => (ofSecond.has(pool) ? second.origin.cloud.url : undefined);
  first = await startOriginAndTarget(startCloud, { follows: true, originOf });
});
afterAll(async () => {
  await first.close();
  await second.close();
});

it('follows each pool from its own origin, if the streams of the origins have the same name', async () => {
  const pools = [
    { origin: first.origin, pool: await first.newPool(), guest: '' },
    { origin: second.origin, pool: await second.newPool(), guest: '' },
  ];
  ofSecond.add(String(pools[1]?.pool));
  // The copies start concurrently. The target looks for further pools only every 30 s after it has found one.
  const copy = async (each: (typeof pools)[number]) => {
    each.guest = await (each.origin === first.origin ? first : second).newGuest(each.pool);
    const { exitCode } = await first.run(['move', 'copy', '--pool', each.pool, '--rate', '1000']);
    expect(exitCode).toBe(0);
  };
  await Promise.all(pools.map(copy));
  for (const { origin, pool: IdentityPoolId, guest: IdentityId } of pools) {
    const identity = { IdentityPoolId, IdentityId };
    await write(origin.sync, identity, 'game', [set('score', IdentityPoolId)]);
    const records = async () => (await list(first.target.sync, identity, 'game')).Records;
    await vi.waitFor(
      async () => expect(await records()).toMatchObject([{ Key: 'score', Value: IdentityPoolId }]),
      { timeout: 90_000, interval: 500 },
    );
  }
}, 200_000);
