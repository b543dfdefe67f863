import { DescribeIdentityCommand } from '@aws-sdk/client-cognito-identity';
import { DeleteDatasetCommand } from '@aws-sdk/client-cognito-sync';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { CLOUDS } from '../fixtures/local/local-cloud.ts';
import {
  DEVELOPER_PROVIDER,
  type OriginAndTarget,
  startOriginAndTarget,
} from '../fixtures/local/origin-and-target.ts';
import { list, remove, set, write } from '../fixtures/wire/sync-client.ts';

describe.each(CLOUDS)('a target that follows the origin, $name', ({ open }) => {
  let both: OriginAndTarget;
  let pool: string;
  beforeAll(async () => {
    both = await startOriginAndTarget(open, { follows: true });
    pool = await both.newPool();
  });
  afterAll(() => both.close());

  const at = (id: string) => ({ IdentityPoolId: pool, IdentityId: id });
  const listed = async (side: 'origin' | 'target', id: string, name: string) => {
    const { $metadata: _, SyncSessionToken: __, ...answer } = await list(both[side].sync, at(id), name);
    // Leaves out the members that the copy of the target cannot have: a stream event does not contain LastModifiedBy,
    // and always contains a device date, even if the device sent none.
    const Records = answer.Records?.map(
      ({ LastModifiedBy: ___, DeviceLastModifiedDate: ____, ...record }) => record,
    );
    return { ...answer, Records, LastModifiedBy: undefined };
  };
  const expectEqual = (id: string, name: string) =>
    vi.waitFor(
      async () => expect(await listed('target', id, name)).toEqual(await listed('origin', id, name)),
      { timeout: 40_000, interval: 200 },
    );
  const verify = () => both.run(['move', 'verify', '--pool', pool, '--rate', '1000', '--json']);

  it('applies writes, removals and deletions of datasets that the origin makes after the copy', async () => {
    const guest = await both.newGuest(pool);
    await write(both.origin.sync, at(guest), 'game', [set('score', '1'), set('level', '1')]);
    await write(both.origin.sync, at(guest), 'old', [set('a', '1')]);
    expect((await both.run(['move', 'copy', '--pool', pool, '--rate', '1000'])).exitCode).toBe(0);
    await write(both.origin.sync, at(guest), 'game', [set('score', '2', 1), remove('level', 1)]);
    await both.origin.sync.send(new DeleteDatasetCommand({ ...at(guest), DatasetName: 'old' }));
    await write(both.origin.sync, at(guest), 'new', [set('b', '1')]);
    for (const name of ['game', 'old', 'new']) await expectEqual(guest, name);
    const { exitCode, lines } = await verify();
    expect({ exitCode, ...JSON.parse(lines[0] ?? '') }).toMatchObject({ exitCode: 0, differences: [] });
  });

  it('shows applied records in its own query store', async () => {
    const guest = await both.newGuest(pool);
    await write(both.origin.sync, at(guest), 'game', [set('score', '41')]);
    await expectEqual(guest, 'game');
    await vi.waitFor(
      async () => {
        const { rows } = await both.target.cloud.database.query<{ record_value: string }>(
          'SELECT record_value FROM query.records WHERE identity_id = $1',
          [guest],
        );
        expect(rows).toEqual([{ record_value: '41' }]);
      },
      { timeout: 30_000 },
    );
  });

  it('creates an identity, with its developer users, when its first event arrives', async () => {
    const player = await both.logIn(pool, 'grace');
    await write(both.origin.sync, at(player), 'game', [set('score', '5')]);
    await expectEqual(player, 'game');
    const describe = new DescribeIdentityCommand({ IdentityId: player });
    expect((await both.target.identity.send(describe)).Logins).toEqual([DEVELOPER_PROVIDER]);
    const { lines } = await both.run(['move', 'status', '--pool', pool, '--json']);
    const [status] = JSON.parse(lines[0] ?? '').identityPools;
    expect(Date.parse(status.followedUpTo)).toBeGreaterThan(Date.now() - 120_000);
  });

  it('copies during live traffic without losing an update', async () => {
    const guests = await Promise.all(Array.from({ length: 8 }, () => both.newGuest(pool)));
    let isDone = false;
    const traffic = Promise.all(
      guests.map(async (guest) => {
        for (let count = 0; !isDone || count < 5; count += 1) {
          await write(both.origin.sync, at(guest), 'live', [set('score', `${guest} ${count}`, count)]);
        }
      }),
    );
    for (let copy = 0; copy < 2; copy += 1) {
      expect((await both.run(['move', 'copy', '--pool', pool, '--rate', '200'])).exitCode).toBe(0);
    }
    isDone = true;
    await traffic;
    for (const guest of guests) await expectEqual(guest, 'live');
    expect((await verify()).exitCode).toBe(0);
  });
});
