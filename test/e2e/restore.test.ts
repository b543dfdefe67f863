import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CognitoSyncClient } from '@aws-sdk/client-cognito-sync';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { dataPaths, takeDataDirectory } from '../../lib/database/data-directory.ts';
import { openPg } from '../../lib/database/drivers/pg/open-pg.ts';
import { restoredCount } from '../../lib/export/raise-counts.ts';
import { createPostgresDatabase } from '../fixtures/database/databases.ts';
import { type StartedProcess, startFirst, startProcess } from '../fixtures/local/npm-start.ts';
import { operateProcess } from '../fixtures/local/operator.ts';
import { createSyncClient, list, newIdentity, set, write } from '../fixtures/wire/sync-client.ts';

const SOON = { timeout: 60_000, interval: 100 };
const TIMEOUT_MS = 240_000;
const WRITERS = 3;

interface Update {
  key: string;
  begunAt: number;
  /** Undefined if the service was killed before it acknowledged the update. */
  acknowledgedAt?: number;
}

describe.each([
  { name: 'embedded', databaseUrl: async () => undefined },
  { name: 'PostgreSQL', databaseUrl: createPostgresDatabase },
])('a service that was killed under load and restored from a backup, $name', ({ databaseUrl }) => {
  const identities = Array.from({ length: WRITERS }, newIdentity);
  const updates = new Map(identities.map((identity) => [identity, [] as Update[]]));
  /** The sync count of the dataset that each device had stored before the kill. */
  const counts = new Map<(typeof identities)[number], number>();
  let folder: string;
  let file: string;
  let oldDataDir: string;
  let newDataDir: string;
  let env: { DATA_DIR: string } & Record<string, string>;
  let backup: { begunAt: number; endedAt: number };
  let restoredAt: number;
  let oldToken: string | undefined;
  let restored: StartedProcess;
  let client: CognitoSyncClient;

  async function writeUntilKilled(url: string, identity: (typeof identities)[number], signal: AbortSignal) {
    const device = createSyncClient(url, { maxAttempts: 1 });
    const own = updates.get(identity) ?? [];
    while (!signal.aborted) {
      const update: Update = { key: `k${own.length}`, begunAt: performance.now() };
      own.push(update);
      try {
        const { Records = [] } = await write(device, identity, 'game', [set(update.key, update.key)]);
        update.acknowledgedAt = performance.now();
        counts.set(identity, Records[0]?.SyncCount ?? 0);
      } catch {
        break;
      }
    }
    device.destroy();
  }

  const acknowledgedAfter = (time: number) =>
    [...updates.values()].map(
      (own) => own.filter(({ acknowledgedAt = 0, begunAt }) => begunAt > time && acknowledgedAt > 0).length,
    );

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'restore-'));
    file = join(folder, 'backup.jsonl');
    oldDataDir = join(folder, 'old');
    newDataDir = join(folder, 'new');
    const url = await databaseUrl();
    const before = { DATA_DIR: oldDataDir, ...(url !== undefined && { DATABASE_URL: url }) };
    const started = await startProcess(before);
    const stop = new AbortController();
    const writing = identities.map((identity) => writeUntilKilled(started.url, identity, stop.signal));
    await vi.waitFor(() => expect(Math.min(...acknowledgedAfter(0))).toBeGreaterThan(10), SOON);
    const device = createSyncClient(started.url);
    oldToken = (await list(device, identities[0] as never, 'game')).SyncSessionToken;
    device.destroy();
    const begunAt = performance.now();
    const written = await operateProcess(['backup', '--out', file], before);
    expect(written).toMatchObject({ code: 0, stdout: expect.stringContaining('with the token key') });
    backup = { begunAt, endedAt: performance.now() };
    await vi.waitFor(() => expect(Math.min(...acknowledgedAfter(backup.endedAt))).toBeGreaterThan(10), SOON);
    await started.end('SIGKILL');
    stop.abort();
    await Promise.all(writing);

    const newUrl = await databaseUrl();
    env = { DATA_DIR: newDataDir, ...(newUrl !== undefined && { DATABASE_URL: newUrl }) };
    restoredAt = Date.now();
    const read = await operateProcess(['restore', file], env);
    expect(read, read.stderr).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`${WRITERS} datasets`),
    });
    restored = await startFirst(env);
    client = createSyncClient(restored.url);
  }, TIMEOUT_MS);
  afterAll(async () => {
    client.destroy();
    await restored.end('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });

  it('has every update acknowledged before the backup, and none that began after it', async () => {
    for (const [identity, own] of updates) {
      const { Records = [] } = await list(client, identity, 'game');
      const values = new Map(Records.map(({ Key = '', Value }) => [Key, Value]));
      const before = own.filter(
        ({ acknowledgedAt = Number.POSITIVE_INFINITY }) => acknowledgedAt < backup.begunAt,
      );
      const after = own.filter(({ begunAt }) => begunAt > backup.endedAt);
      expect(after.length).toBeGreaterThan(10);
      for (const { key } of before) expect(values.get(key)).toBe(key);
      for (const { key } of after) expect(values.has(key), key).toBe(false);
      // During the backup, an update is missing only if all later updates of the dataset are missing too.
      const present = own.map(({ key }) => values.has(key));
      expect(present.lastIndexOf(true)).toBe(values.size - 1);
    }
  });

  it('gives each device its complete restored dataset, although the device has a sync count newer than the backup', async () => {
    for (const identity of identities) {
      const LastSyncCount = counts.get(identity) ?? 0;
      const { Records: all = [] } = await list(client, identity, 'game');
      const {
        Records = [],
        DatasetSyncCount = 0,
        DatasetDeletedAfterRequestedSyncCount,
      } = await list(client, identity, 'game', { LastSyncCount });
      expect(Records).toEqual(all);
      expect(DatasetSyncCount).toBeGreaterThanOrEqual(restoredCount(restoredAt, 0));
      expect(DatasetDeletedAfterRequestedSyncCount).toBe(false);
    }
  });

  it('accepts the session tokens of the old service, because it has the same token key', async () => {
    const [identity] = identities;
    const { Records = [] } = await list(client, identity as never, 'game', { SyncSessionToken: oldToken });
    expect(Records.length).toBeGreaterThan(10);
    expect(await readFile(dataPaths(newDataDir).tokenKey)).toEqual(
      await readFile(dataPaths(oldDataDir).tokenKey),
    );
  });

  it('accepts new updates, and fills its query store with exactly its records', async () => {
    for (const identity of identities) await write(client, identity, 'game', [set('new', '1')]);
    const expected = await Promise.all(
      identities.map(async (identity) => (await list(client, identity, 'game')).Records?.length ?? 0),
    );
    const reader = openPg({ connectionString: env.DATABASE_URL ?? restored.sqlUrl, maxConnections: 1 });
    try {
      await vi.waitFor(async () => {
        const { rows } = await reader.query('SELECT 1 FROM query.records');
        expect(rows).toHaveLength(expected.reduce((sum, one) => sum + one, 0));
      }, SOON);
    } finally {
      await reader.close();
    }
  });

  it('cannot be restored into a directory that is not empty', async () => {
    const { code, stderr } = await operateProcess(['restore', file], env);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `cognito-sync-backend: DATA_DIR="${newDataDir}" is not empty; stop the service, move the directory away, and run the command again, or set DATA_DIR to a new directory\n`,
    });
  });

  it.each([
    ['a truncated file', (text: string) => text.slice(0, -40), /truncated/],
    [
      'a changed file',
      (text: string) => text.replace('"record_value":"k1"', '"record_value":"x1"'),
      /checksum/,
    ],
    [
      'the file of a newer version',
      (text: string) => text.replace('"version":1', '"version":2'),
      /version 2, but this program reads only version 1/,
    ],
    ['no backup', () => 'hello\n', /the file is not a backup; create one with `backup`/],
    ['an empty file', () => '', /the file is empty; create one with `backup`/],
  ])('%s is rejected with a reason, and nothing is written', async (_, change, reason) => {
    const bad = join(folder, 'bad.jsonl');
    await writeFile(bad, change(await readFile(file, 'utf8')));
    const untouched = join(folder, 'untouched');
    const { code, stderr } = await operateProcess(['restore', bad], { ...env, DATA_DIR: untouched });
    expect(code).toBe(1);
    expect(stderr).toMatch(reason);
    expect(existsSync(untouched)).toBe(false);
  });
});

it('a service does not start on a directory whose restore was interrupted', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'restore-'));
  await mkdir(dataDir, { recursive: true });
  await writeFile(dataPaths(dataDir).restoring, '');
  await expect(takeDataDirectory(dataDir)).rejects.toThrow(
    `a restore into DATA_DIR "${dataDir}" has not succeeded; run \`restore\` again, or set DATA_DIR to another directory`,
  );
  expect(await readdir(dataDir)).toContain('restoring');
  await rm(dataDir, { recursive: true, force: true });
});
