import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startCloud } from '../fixtures/local/local-cloud.ts';
import { type OriginAndTarget, startOriginAndTarget } from '../fixtures/local/origin-and-target.ts';
import { list, set, write } from '../fixtures/wire/sync-client.ts';

describe('the end of a migration', () => {
  let both: OriginAndTarget;
  beforeAll(async () => {
    both = await startOriginAndTarget(startCloud, { follows: true });
  });
  afterAll(() => both.close());

  it('is refused if a login was added at the origin after the copy and the takeover', async () => {
    const pool = await both.newPool();
    const guest = await both.newGuest(pool);
    for (const command of ['copy', 'take-over'])
      expect(await both.run(['move', command, '--pool', pool])).toMatchObject({ exitCode: 0 });
    const quiet = await both.run(['move', 'finish', '--pool', pool]);
    expect(quiet.lines.join('\n')).toContain(
      'not-quiet: no write by an old version of the app is known, so the period of 30 days starts with the last copy',
    );
    await both.logIn(pool, 'ada', guest);
    expect(await both.run(['move', 'verify', '--pool', pool])).toMatchObject({ exitCode: 0 });
    const finish = ['move', 'finish', '--pool', pool, '--quiet-for', '0s', '--ignore', 'not-followed'];
    expect(await both.run(finish)).toMatchObject({
      exitCode: 1,
      error: expect.stringContaining('is not finished: unknown-logins'),
      lines: expect.arrayContaining([expect.stringContaining('1 identity with a login'), `    ${guest}`]),
    });
    const { lines } = await both.run([...finish, '--json']);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      left: { unknownLogins: 1, unknownLoginIdentities: [guest] },
    });
    expect(lines.join()).not.toContain('ada');
  });

  it('is refused while old app versions write at the origin, and otherwise stops the follower and the bridge', async () => {
    const pool = await both.newPool();
    const guest = await both.newGuest(pool);
    const at = { IdentityPoolId: pool, IdentityId: guest };
    const move = async (...command: string[]) => {
      const { lines, ...outcome } = await both.run(['move', ...command, '--pool', pool, '--json']);
      return { ...outcome, json: JSON.parse(lines[0] ?? 'null') };
    };
    const status = async () => (await move('status')).json.identityPools[0];
    const scoreAt = async (side: 'origin' | 'target') =>
      (await list(both[side].sync, at, 'game')).Records?.find(({ Key }) => Key === 'score')?.Value;
    const becomes = (side: 'origin' | 'target', value: string) =>
      vi.waitFor(async () => expect(await scoreAt(side)).toBe(value), { timeout: 60_000, interval: 300 });
    const writeAt = async (side: 'origin' | 'target', value: string) => {
      const { DatasetSyncCount } = await list(both[side].sync, at, 'game');
      await write(both[side].sync, at, 'game', [set('score', value, DatasetSyncCount)]);
    };

    await write(both.origin.sync, at, 'game', [set('score', '1')]);
    expect(await move('copy')).toMatchObject({ exitCode: 0 });
    expect(await move('take-over')).toMatchObject({ exitCode: 0 });
    const before = Date.now();
    await writeAt('origin', '2');
    await becomes('target', '2');
    await vi.waitFor(
      async () => expect(Date.parse((await status()).lastOldWrite)).toBeGreaterThan(before - 5_000),
      { timeout: 30_000, interval: 300 },
    );
    await writeAt('target', '3');
    await becomes('origin', '3');

    const refused = await move('finish', '--quiet-for', '1d');
    expect(refused).toMatchObject({ exitCode: 1, json: { outcome: 'refused', finishedAt: null } });
    expect(refused.json.reasons).toContain('not-quiet');
    expect(refused.error).toContain('not-quiet');

    // The follower of the stream has run for less than a minute, so it is still unknown up to when it applied events.
    const finished = await move('finish', '--quiet-for', '0s', '--ignore', 'not-followed');
    expect(finished).toMatchObject({
      exitCode: 0,
      json: {
        outcome: 'finished',
        reasons: ['not-followed'],
        ignored: ['not-followed'],
        left: { replicas: 0, waiting: 0, owedKeys: 0, differences: [], conflicts: 0 },
      },
    });
    const { finishedAt, bridge } = await status();
    expect(finishedAt).toBe(finished.json.finishedAt);
    expect(bridge).toMatchObject({ datasets: 1, bridged: 1, waiting: 0, owedKeys: 0 });

    await writeAt('origin', 'old');
    await writeAt('target', 'new');
    await sleep(5_000);
    expect([await scoreAt('origin'), await scoreAt('target')]).toEqual(['old', 'new']);
    expect(await move('finish')).toMatchObject({ exitCode: 0, json: { outcome: 'already-finished' } });
  });
});
