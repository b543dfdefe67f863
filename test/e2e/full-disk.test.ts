import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { dataPaths } from '../../lib/database/data-directory.ts';
import { placeEmbeddedDatabase } from '../fixtures/database/embedded-template.ts';
import { startEmbeddedCloud } from '../fixtures/local/local-cloud.ts';
import { runStart } from '../fixtures/local/npm-start.ts';
import { mountSmallDisk } from '../fixtures/local/small-disk.ts';
import { createSyncClient, list, newIdentity, set, write } from '../fixtures/wire/sync-client.ts';

const disk = mountSmallDisk(200);
if (disk === undefined) console.log('skipped: full disk (this user may not mount a file system)');
afterAll(() => disk?.unmount());

it.skipIf(disk === undefined)(
  'npm start on a full disk fails with one line that says so, at each attempt',
  async () => {
    if (disk === undefined) return;
    const dataDir = join(disk.path, 'first');
    disk.fill();
    for (const attempt of [1, 2]) {
      const { code, stderr } = await runStart({ DATA_DIR: dataDir, PORT: '0', PG_PORT: '0' });
      expect({ attempt, code, stderr }).toEqual({
        attempt,
        code: 1,
        stderr: expect.stringMatching(
          new RegExp(
            `^cognito-sync-backend: no space left on ${dataDir}\\S*; free some space; no data is lost\n$`,
          ),
        ),
      });
    }
    disk.free();
  },
);

it.skipIf(disk === undefined)(
  'updates fail while the disk is full, and no acknowledged update is lost',
  async () => {
    if (disk === undefined) return;
    const dataDir = join(disk.path, 'running');
    await placeEmbeddedDatabase(dataPaths(dataDir).database);
    const cloud = await startEmbeddedCloud({ dataDir });
    const client = createSyncClient(cloud.url, { maxAttempts: 1 });
    const identity = newIdentity();
    const acknowledged: string[] = [];
    /** Writes a large value, because such a value needs new pages, for which a full disk has no space. */
    const update = async (key: string) => {
      await write(client, identity, 'game', [set(key, key.padEnd(100_000, 'x'))]);
      acknowledged.push(key);
    };
    const health = async () => {
      const response = await fetch(`${cloud.url}/healthz`);
      return { status: response.status, health: await response.json() };
    };
    await update('before');
    disk.fill();
    let failures = 0;
    for (let count = 0; count < 100 && failures < 3; count += 1) {
      await update(`during ${count % 5}`).catch(() => {
        failures += 1;
      });
    }
    expect(failures).toBe(3);
    expect(await health()).toMatchObject({
      status: 503,
      health: {
        writes: {
          lastError: expect.stringMatching(/^no space left on .*; free some space; no data is lost$/),
        },
      },
    });
    disk.free();
    await expect
      .poll(() => update('after').then(() => 'written', String), { timeout: 20_000 })
      .toBe('written');
    await expect.poll(async () => (await health()).status, { timeout: 20_000 }).toBe(200);
    const { Records = [] } = await list(client, identity, 'game');
    expect(Records.map(({ Key }) => Key).toSorted()).toEqual([...new Set(acknowledged)].toSorted());
    await cloud.close();
    const again = await startEmbeddedCloud({ dataDir });
    const kept = createSyncClient(again.url);
    expect((await list(kept, identity, 'game')).Records).toEqual(Records);
    for (const open of [client, kept]) open.destroy();
    await again.close();
  },
);
