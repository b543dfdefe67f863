import { connect, createServer, type Socket } from 'node:net';
import {
  GetCredentialsForIdentityCommand,
  GetIdCommand,
  GetOpenIdTokenForDeveloperIdentityCommand,
  MergeDeveloperIdentitiesCommand,
} from '@aws-sdk/client-cognito-identity';
import {
  type CognitoSyncClient,
  DeleteDatasetCommand,
  ListDatasetsCommand,
  UpdateRecordsCommand,
} from '@aws-sdk/client-cognito-sync';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { COUNT_JUMP } from '../../lib/move/take-over.ts';
import { loadSyncManager } from '../clients/load-sync-manager.ts';
import type { DataStore } from '../clients/sync-manager.d.ts';
import { createDevice, type DeviceDataset, type SyncHandlers } from '../clients/sync-manager-device.ts';
import { startCloud } from '../fixtures/local/local-cloud.ts';
import {
  DEVELOPER_PROVIDER,
  type OriginAndTarget,
  startOriginAndTarget,
} from '../fixtures/local/origin-and-target.ts';
import { createSyncClient, list, set, write } from '../fixtures/wire/sync-client.ts';

const OWN = 'cognito-identity.amazonaws.com';

describe('a takeover', () => {
  let both: OriginAndTarget;
  let link: Awaited<ReturnType<typeof startLink>>;
  beforeAll(async () => {
    both = await startOriginAndTarget(startCloud, { follows: true, originOf: () => link?.url });
    link = await startLink(both.origin.cloud.url);
  });
  // A test that fails must not leave the link cut for the next test.
  afterEach(() => link.restore());
  afterAll(async () => {
    await both.close();
    await link.close();
  });

  const at = (pool: string, id: string) => ({ IdentityPoolId: pool, IdentityId: id });
  const run = (pool: string, ...command: string[]) =>
    both.run(['move', ...command, '--pool', pool, '--rate', '1000', '--json']);
  const copy = async (pool: string) => expect(await run(pool, 'copy')).toMatchObject({ exitCode: 0 });
  const takenOver = async (pool: string): Promise<number> => {
    const { lines } = await both.run(['move', 'status', '--pool', pool, '--json']);
    return JSON.parse(lines[0] ?? '').identityPools[0].takenOver;
  };
  /** Creates a client with the credentials of an identity. */
  async function clientOf(side: 'origin' | 'target', IdentityId: string, Logins?: Record<string, string>) {
    const command = new GetCredentialsForIdentityCommand({ IdentityId, Logins });
    const { Credentials: issued } = await both[side].identity.send(command);
    const credentials = {
      accessKeyId: String(issued?.AccessKeyId),
      secretAccessKey: String(issued?.SecretKey),
      sessionToken: String(issued?.SessionToken),
    };
    return createSyncClient(both[side].cloud.url, { credentials, maxAttempts: 1 });
  }
  async function using<Result>(
    client: Promise<CognitoSyncClient>,
    work: (client: CognitoSyncClient) => Promise<Result>,
  ) {
    const opened = await client;
    try {
      return await work(opened);
    } finally {
      opened.destroy();
    }
  }
  async function tokenOf(side: 'origin' | 'target', IdentityPoolId: string, user: string) {
    const command = new GetOpenIdTokenForDeveloperIdentityCommand({
      IdentityPoolId,
      Logins: { [DEVELOPER_PROVIDER]: user },
    });
    return String((await both[side].identity.send(command)).Token);
  }

  /** Starts an app on one device, with amazon-cognito-js. Its data remains when it starts again with another address. */
  function newApp(pool: string, user: string, identityId: string) {
    const sdk = loadSyncManager();
    const store = new sdk.CognitoSyncManager.StoreInMemory();
    const SameStore = function SameStore() {
      return store;
    } as unknown as DataStore;
    return async (side: 'origin' | 'target') =>
      createDevice(sdk, {
        url: both[side].cloud.url,
        identityPoolId: pool,
        identityId,
        logins: { [OWN]: await tokenOf(side, pool, user) },
        dataStore: SameStore,
      });
  }

  interface State {
    name: string;
    /** Brings the app into the state. The identity has the dataset `game`, which the app has synced. */
    before: (state: { pool: string; id: string; user: string; game: DeviceDataset }) => Promise<unknown>;
    /** What happens at the origin after the copy. */
    after?: (pool: string, id: string) => Promise<unknown>;
    handlers?: SyncHandlers;
  }
  const writeThere = async (pool: string, id: string, value: string, count: number) =>
    write(both.origin.sync, at(pool, id), 'game', [set('score', value, count)]);
  const deleteThere = (pool: string, id: string) =>
    both.origin.sync.send(new DeleteDatasetCommand({ ...at(pool, id), DatasetName: 'game' }));
  const STATES: State[] = [
    { name: 'clean', before: async () => undefined },
    { name: 'with local changes', before: ({ game }) => game.putAll({ score: '2', level: '1' }) },
    { name: 'with a local removal', before: ({ game }) => game.remove('score') },
    {
      name: 'with a remote change that it has not seen',
      before: async () => undefined,
      after: (pool, id) => writeThere(pool, id, '5', 1),
    },
    {
      name: 'in the middle of a conflict',
      before: async ({ pool, id, game }) => {
        await writeThere(pool, id, '5', 1);
        await game.put('score', '7');
        expect(await game.sync()).toMatchObject({ ended: 'failure', callbacks: ['conflict: score'] });
      },
      handlers: { onConflict: (conflicts) => conflicts.map((conflict) => conflict.resolveWithLocalRecord()) },
    },
    {
      name: 'with a dataset that was deleted before the copy',
      before: ({ pool, id }) => deleteThere(pool, id),
      handlers: { onDatasetDeleted: () => false },
    },
    {
      name: 'with a dataset that was deleted after the copy',
      before: async () => undefined,
      after: deleteThere,
      handlers: { onDatasetDeleted: () => false },
    },
    {
      name: 'with a dataset that was deleted and created again',
      before: async ({ pool, id }) => {
        await deleteThere(pool, id);
        await writeThere(pool, id, '9', 0);
      },
      handlers: { onDatasetDeleted: () => false },
    },
    {
      name: 'with merged copies',
      before: async ({ pool, user }) => {
        const other = await both.logIn(pool, `${user}-other`);
        await write(both.origin.sync, at(pool, other), 'game', [set('other', '1')]);
        await both.origin.identity.send(
          new MergeDeveloperIdentitiesCommand({
            IdentityPoolId: pool,
            DeveloperProviderName: DEVELOPER_PROVIDER,
            SourceUserIdentifier: `${user}-other`,
            DestinationUserIdentifier: user,
          }),
        );
      },
      handlers: { onDatasetsMerged: () => false },
    },
  ];

  it('lets an app with amazon-cognito-js sync from any state as it would at the origin; its next sync changes nothing', async () => {
    const pool = await both.newPool();
    const apps = [];
    for (const [index, state] of STATES.entries()) {
      for (const side of ['origin', 'target'] as const) {
        const user = `user-${index}-${side}`;
        const id = await both.logIn(pool, user);
        const start = newApp(pool, user, id);
        const game = await (await start('origin')).open('game');
        await game.put('score', '1');
        expect(await game.sync()).toMatchObject({ ended: 'success' });
        await state.before({ pool, id, user, game });
        apps.push({ state, side, id, start });
      }
    }
    await copy(pool);
    for (const { state, id } of apps) await state.after?.(pool, id);
    const results = new Map<string, object>();
    for (const { state, side, id, start } of apps) {
      const device = await start(side);
      const game = await device.open('game');
      const first = await game.sync(state.handlers);
      const callbacks = first.callbacks.map((text) => text.replaceAll(/us-east-1:[0-9a-f-]+/g, '<id>'));
      device.calls.length = 0;
      const again = await game.sync(state.handlers);
      const { Records = [] } = await list(both[side].sync, at(pool, id), 'game');
      const result = {
        first: { ...first, callbacks },
        again: again.ended,
        callsAgain: [...device.calls],
        values: await game.getAll(),
        stored: Object.fromEntries(Records.map(({ Key, Value }) => [Key, Value])),
      };
      const atOrigin = results.get(state.name);
      if (atOrigin === undefined) results.set(state.name, result);
      else expect({ state: state.name, ...result }).toEqual({ state: state.name, ...atOrigin });
    }
    const nothingToDo = { again: 'success', callsAgain: ['listRecords'] };
    expect(results.get('clean')).toMatchObject(nothingToDo);
    expect(results.get('with local changes')).toMatchObject({
      ...nothingToDo,
      stored: { score: '2', level: '1' },
    });
    expect(results.get('in the middle of a conflict')).toMatchObject({
      ...nothingToDo,
      stored: { score: '7' },
    });
    expect(results.get('with merged copies')).toMatchObject({ first: { callbacks: ['merged: game.<id>'] } });
    expect(await takenOver(pool)).toBe(STATES.length);
  });

  it('is caused by a write of a developer, but not by a read', async () => {
    const pool = await both.newPool();
    const guest = await both.newGuest(pool);
    await writeThere(pool, guest, '1', 0);
    await copy(pool);
    await both.target.sync.send(new ListDatasetsCommand(at(pool, guest)));
    expect(await list(both.target.sync, at(pool, guest), 'game')).toMatchObject({ DatasetSyncCount: 1 });
    expect(await takenOver(pool)).toBe(0);
    await write(both.target.sync, at(pool, guest), 'game', [set('score', '2', 1)]);
    expect(await takenOver(pool)).toBe(1);
    const listed = await list(both.target.sync, at(pool, guest), 'game');
    expect(listed.DatasetSyncCount).toBe(1 + COUNT_JUMP + 1);
  });

  it('keeps the sync counts of records, and rejects a session token of the origin so that the device lists again', async () => {
    const pool = await both.newPool();
    const guest = await both.newGuest(pool);
    await writeThere(pool, guest, '1', 0);
    const { SyncSessionToken } = await using(clientOf('origin', guest), (client) =>
      list(client, at(pool, guest), 'game', { LastSyncCount: 1 }),
    );
    await copy(pool);
    await using(clientOf('target', guest), async (client) => {
      const update = { ...at(pool, guest), DatasetName: 'game', RecordPatches: [set('score', '2', 1)] };
      const rejected = client.send(new UpdateRecordsCommand({ ...update, SyncSessionToken }));
      await expect(rejected).rejects.toMatchObject({ name: 'InvalidParameterException' });
      const listed = await list(client, at(pool, guest), 'game', { LastSyncCount: 1 });
      expect(listed).toMatchObject({ Records: [], DatasetSyncCount: 1 + COUNT_JUMP, DatasetExists: true });
      const token = listed.SyncSessionToken;
      const { Records } = await client.send(new UpdateRecordsCommand({ ...update, SyncSessionToken: token }));
      expect(Records).toMatchObject([{ Key: 'score', SyncCount: 1 + COUNT_JUMP + 1 }]);
    });
  });

  it('raises the sync count of a dataset so far that a device that uses both sides misses no change', async () => {
    const pool = await both.newPool();
    const guest = await both.newGuest(pool);
    await writeThere(pool, guest, '1', 0);
    await copy(pool);
    await using(clientOf('target', guest), async (client) => {
      await write(client, at(pool, guest), 'game', [set('here', '1')]);
      for (const count of [1, 2, 3]) await writeThere(pool, guest, String(count), count);
      const there = await list(both.origin.sync, at(pool, guest), 'game');
      const listed = await list(client, at(pool, guest), 'game', { LastSyncCount: there.DatasetSyncCount });
      // The listing may contain other records too, because the bridge may already have applied the origin's writes.
      expect(listed.Records).toContainEqual(expect.objectContaining({ Key: 'here' }));
    });
  });

  it('happens before credentials are issued, so the id of a guest who has a login at the origin is rejected without it', async () => {
    const pool = await both.newPool();
    const guest = await both.newGuest(pool);
    await copy(pool);
    await both.logIn(pool, 'ada', guest);
    await expect(clientOf('target', guest)).rejects.toThrow('forbidden');
    const token = await tokenOf('target', pool, 'ada');
    await using(clientOf('target', guest, { [OWN]: token }), async (client) => {
      expect(await list(client, at(pool, guest), 'game')).toMatchObject({ DatasetExists: false });
    });
  });

  it('happens once for concurrent requests, and no write is lost', async () => {
    const pool = await both.newPool();
    const guest = await both.newGuest(pool);
    await writeThere(pool, guest, '1', 0);
    await copy(pool);
    const writes = ['a', 'b', 'c', 'd'].map(async (key, index) => {
      const patches = [set(key, '1')];
      if (index % 2 === 0) return write(both.target.sync, at(pool, guest), 'game', patches);
      return using(clientOf('target', guest), (client) => write(client, at(pool, guest), 'game', patches));
    });
    const again = run(pool, 'copy');
    await Promise.all(writes);
    expect(await again).toMatchObject({ exitCode: 0 });
    const { Records = [], DatasetSyncCount } = await list(both.target.sync, at(pool, guest), 'game');
    expect(DatasetSyncCount).toBe(1 + COUNT_JUMP + 4);
    expect(Records.map(({ Key }) => Key).sort()).toEqual(['a', 'b', 'c', 'd', 'score']);
  });

  it('happens before identities are merged, so that the copies are complete', async () => {
    const pool = await both.newPool();
    const [ada, grace] = [await both.logIn(pool, 'ada'), await both.logIn(pool, 'grace')];
    await writeThere(pool, grace, '1', 0);
    await copy(pool);
    await writeThere(pool, grace, '2', 1);
    await both.target.identity.send(
      new MergeDeveloperIdentitiesCommand({
        IdentityPoolId: pool,
        DeveloperProviderName: DEVELOPER_PROVIDER,
        SourceUserIdentifier: 'grace',
        DestinationUserIdentifier: 'ada',
      }),
    );
    expect(await takenOver(pool)).toBe(2);
    const { Records } = await list(both.target.sync, at(pool, ada), `game.${grace}`);
    expect(Records).toMatchObject([{ Key: 'score', Value: '2' }]);
  });

  it('returns an error that clients retry while the origin cannot be reached, and never a new identity', async () => {
    const pool = await both.newPool();
    const guest = await both.newGuest(pool);
    await writeThere(pool, guest, '1', 0);
    await both.logIn(pool, 'ada');
    await copy(pool);
    link.cut();
    const refused = { name: 'InternalErrorException', $metadata: { httpStatusCode: 500 } };
    await expect(clientOf('target', guest)).rejects.toMatchObject(refused);
    await expect(tokenOf('target', pool, 'ada')).rejects.toMatchObject(refused);
    expect(await takenOver(pool)).toBe(0);
    link.restore();
    await using(clientOf('target', guest), async (client) => {
      expect(await list(client, at(pool, guest), 'game')).toMatchObject({ DatasetSyncCount: 1 + COUNT_JUMP });
    });
    link.cut();
    // Requests of identities that were taken over do not call the origin.
    await using(clientOf('target', guest), async (client) => {
      await write(client, at(pool, guest), 'game', [set('score', '2', 1)]);
    });
    link.restore();
  });

  it('creates a new guest also at the origin, and none while the origin cannot be reached', async () => {
    const pool = await both.newPool();
    await copy(pool);
    const newGuest = async () =>
      String((await both.target.identity.send(new GetIdCommand({ IdentityPoolId: pool }))).IdentityId);
    link.cut();
    await expect(newGuest()).rejects.toMatchObject({ name: 'InternalErrorException' });
    link.restore();
    const guest = await newGuest();
    await using(clientOf('target', guest), (client) =>
      write(client, at(pool, guest), 'game', [set('score', '1')]),
    );
    await using(clientOf('origin', guest), async (client) => {
      expect(await list(client, at(pool, guest), 'game')).toMatchObject({
        DatasetSyncCount: expect.any(Number),
      });
    });
  });

  it('is made by `move take-over` for one identity or all, and is not repeated by the next run', async () => {
    const pool = await both.newPool();
    const guests = [await both.newGuest(pool), await both.newGuest(pool), await both.newGuest(pool)];
    const [first = ''] = guests;
    for (const guest of guests) await writeThere(pool, guest, '1', 0);
    expect((await run(pool, 'take-over')).error).toContain('was never copied');
    await copy(pool);
    const result = async (...more: string[]) =>
      JSON.parse((await run(pool, 'take-over', ...more)).lines[0] ?? '');
    expect(await result('--identity', first)).toMatchObject({ takenOver: 1, left: 0 });
    expect(await result()).toMatchObject({ takenOver: 2, left: 0, missing: 0, problems: [] });
    expect(await result()).toMatchObject({ takenOver: 0, left: 0 });
    expect(await takenOver(pool)).toBe(3);
    await writeThere(pool, first, '2', 1);
    await vi.waitFor(
      async () => {
        const { lines } = await both.run(['move', 'status', '--pool', pool, '--json']);
        expect(JSON.parse(lines[0] ?? '').identityPools[0].followedUpTo).not.toBeNull();
      },
      { timeout: 30_000 },
    );
    expect(await list(both.target.sync, at(pool, first), 'game')).toMatchObject({
      DatasetSyncCount: 1 + COUNT_JUMP,
    });
  });
});

/** Starts a proxy in front of a server, so that the test can cut the connection. */
async function startLink(url: string) {
  const { hostname, port } = new URL(url);
  const sockets = new Set<Socket>();
  let isCut = false;
  const server = createServer((socket) => {
    if (isCut) return void socket.destroy();
    sockets.add(socket);
    const upstream = connect(Number(port), hostname);
    sockets.add(upstream);
    socket.pipe(upstream).pipe(socket);
    for (const end of [socket, upstream]) {
      end.on('error', () => undefined);
      end.on('close', () => {
        sockets.delete(end);
        socket.destroy();
        upstream.destroy();
      });
    }
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  const own = typeof address === 'object' && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${own}`,
    cut() {
      isCut = true;
      for (const socket of sockets) socket.destroy();
    },
    restore() {
      isCut = false;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };
}
