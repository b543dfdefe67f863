import { DeleteDatasetCommand } from '@aws-sdk/client-cognito-sync';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { CLOUDS } from '../fixtures/local/local-cloud.ts';
import { type OriginAndTarget, startOriginAndTarget } from '../fixtures/local/origin-and-target.ts';
import { list, remove, set, write } from '../fixtures/wire/sync-client.ts';

describe.each(CLOUDS)('a bridge between two services, $name', ({ open }) => {
  let both: OriginAndTarget;
  let pool: string;
  beforeAll(async () => {
    both = await startOriginAndTarget(open, { follows: true });
    pool = await both.newPool();
  });
  afterAll(() => both.close());

  const at = (id: string) => ({ IdentityPoolId: pool, IdentityId: id });
  const read = async (side: 'origin' | 'target', id: string, name: string) => {
    const { Records = [], DatasetSyncCount, DatasetExists } = await list(both[side].sync, at(id), name);
    const live = Records.flatMap(({ Key = '', Value }) => (Value === undefined ? [] : [[Key, Value]]));
    return { live: Object.fromEntries(live), syncCount: DatasetSyncCount ?? 0, exists: DatasetExists };
  };
  const expectLive = (id: string, name: string, expected: Record<string, string>) =>
    vi.waitFor(
      async () => {
        for (const side of ['target', 'origin'] as const)
          expect([side, (await read(side, id, name)).live]).toEqual([side, expected]);
      },
      { timeout: 60_000, interval: 300 },
    );
  const countOf = async (sql: string) =>
    (await both.target.cloud.database.query<{ count: number }>(sql)).rows[0]?.count;
  const marks = () => countOf('SELECT count(*) AS count FROM sync.unbridged_datasets');
  const whenIdle = () =>
    vi.waitFor(async () => expect(await marks()).toBe(0), { timeout: 60_000, interval: 300 });

  /** Creates a guest with a dataset at the origin, copies it, and lets the target take the guest over. */
  async function takeOver(values: Record<string, string>): Promise<string> {
    const guest = await both.newGuest(pool);
    await write(
      both.origin.sync,
      at(guest),
      'game',
      Object.entries(values).map(([key, value]) => set(key, value)),
    );
    expect((await both.run(['move', 'copy', '--pool', pool, '--rate', '1000'])).exitCode).toBe(0);
    const taken = await both.run(['move', 'take-over', '--pool', pool, '--identity', guest]);
    expect(taken).toMatchObject({ exitCode: 0 });
    return guest;
  }
  const countHere = async (guest: string) => (await read('target', guest, 'game')).syncCount;

  it('writes changes of the target to the origin, and changes that old app versions make at the origin to the target', async () => {
    const guest = await takeOver({ score: '1', level: '1' });
    await write(both.target.sync, at(guest), 'game', [set('score', '2', await countHere(guest))]);
    await expectLive(guest, 'game', { score: '2', level: '1' });
    const { syncCount } = await read('origin', guest, 'game');
    await write(both.origin.sync, at(guest), 'game', [remove('level', syncCount), set('new', '3', 0)]);
    await expectLive(guest, 'game', { score: '2', new: '3' });
    await whenIdle();
    // The bridge must not send a change back to the side where it was made, so both sides stay as they are.
    const before = [await read('origin', guest, 'game'), await read('target', guest, 'game')];
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    expect([await read('origin', guest, 'game'), await read('target', guest, 'game')]).toEqual(before);
    expect(await countOf('SELECT count(*) AS count FROM move.conflicts')).toBe(0);
  });

  it('propagates deletions and new datasets both ways', async () => {
    const guest = await takeOver({ score: '1' });
    await both.target.sync.send(new DeleteDatasetCommand({ ...at(guest), DatasetName: 'game' }));
    await expectLive(guest, 'game', {});
    await whenIdle();
    expect((await read('origin', guest, 'game')).exists).toBe(false);
    await write(both.origin.sync, at(guest), 'theirs', [set('a', '1')]);
    await write(both.target.sync, at(guest), 'ours', [set('b', '1')]);
    await expectLive(guest, 'theirs', { a: '1' });
    await expectLive(guest, 'ours', { b: '1' });
    await both.origin.sync.send(new DeleteDatasetCommand({ ...at(guest), DatasetName: 'ours' }));
    await expectLive(guest, 'ours', {});
    await whenIdle();
    expect((await read('target', guest, 'ours')).exists).toBe(false);
  });

  it('gives both sides the same record after both have changed it concurrently', async () => {
    const guest = await takeOver({ score: '1' });
    const { syncCount } = await read('origin', guest, 'game');
    await write(both.target.sync, at(guest), 'game', [set('score', 'here', await countHere(guest))]);
    await write(both.origin.sync, at(guest), 'game', [set('score', 'there', syncCount)]).catch(
      () => undefined,
    );
    await whenIdle();
    await vi.waitFor(
      async () => {
        const [here, there] = [await read('target', guest, 'game'), await read('origin', guest, 'game')];
        expect(here.live).toEqual(there.live);
      },
      { timeout: 30_000 },
    );
  });
});
