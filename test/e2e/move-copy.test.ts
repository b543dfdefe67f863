import {
  CreateIdentityPoolCommand,
  DeleteIdentitiesCommand,
  DescribeIdentityCommand,
  DescribeIdentityPoolCommand,
  GetCredentialsForIdentityCommand,
  ListIdentitiesCommand,
  MergeDeveloperIdentitiesCommand,
} from '@aws-sdk/client-cognito-identity';
import {
  DeleteDatasetCommand,
  ListDatasetsCommand,
  SetIdentityPoolConfigurationCommand,
} from '@aws-sdk/client-cognito-sync';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openOrigin } from '../../lib/aws/origin.ts';
import { SyncClientError } from '../../lib/backfill/ports/sync-client.ts';
import { DEFAULT_CREDENTIALS } from '../../lib/common/environment.ts';
import type { Origin } from '../../lib/move/ports/origin.ts';
import { readOriginSettings } from '../../lib/move/read-origin-settings.ts';
import { DEFAULT_LIMITS } from '../../lib/sync/limits.ts';
import { startCloud } from '../fixtures/local/local-cloud.ts';
import { operate } from '../fixtures/local/operator.ts';
import {
  DEVELOPER_PROVIDER,
  type OriginAndTarget,
  startOriginAndTarget,
} from '../fixtures/local/origin-and-target.ts';
import { list, remove, set, write } from '../fixtures/wire/sync-client.ts';

describe('move copy', () => {
  let both: OriginAndTarget;
  beforeAll(async () => {
    both = await startOriginAndTarget(startCloud, { follows: false });
  });
  afterAll(() => both.close());

  const at = (pool: string, id: string) => ({ IdentityPoolId: pool, IdentityId: id });
  const copy = (pool: string, ...more: string[]) =>
    both.run(['move', 'copy', '--pool', pool, '--rate', '1000', ...more]);
  /** Takes over all identities with the command, because this target itself cannot call the origin. */
  const takeOver = async (pool: string) =>
    expect(await both.run(['move', 'take-over', '--pool', pool, '--rate', '1000'])).toMatchObject({
      exitCode: 0,
    });
  const verify = (pool: string) => both.run(['move', 'verify', '--pool', pool, '--rate', '1000', '--json']);
  /** Returns what a service lists for a dataset, without the session token. */
  const listed = async (side: 'origin' | 'target', pool: string, id: string, name: string) => {
    const { $metadata: _, SyncSessionToken: __, ...answer } = await list(both[side].sync, at(pool, id), name);
    return answer;
  };
  const described = async (side: 'origin' | 'target', pool: string, id: string) =>
    (await both[side].sync.send(new ListDatasetsCommand(at(pool, id)))).Datasets;

  it('copies identities, developer users, datasets, records and tombstones, with sync counts, dates and authors', async () => {
    const pool = await both.newPool();
    const guest = await both.newGuest(pool);
    const player = await both.logIn(pool, 'ada');
    await both.logIn(pool, 'ada@work', player);
    await write(both.origin.sync, at(pool, guest), 'game', [set('score', '1'), set('level', '2')]);
    await write(both.origin.sync, at(pool, guest), 'game', [remove('level', 1), set('score', '3', 1)]);
    await write(both.origin.sync, at(pool, player), 'game', [set('score', '1')]);
    await both.origin.sync.send(new DeleteDatasetCommand({ ...at(pool, player), DatasetName: 'game' }));
    await write(both.origin.sync, at(pool, player), 'game', [set('score', '9')]);

    const { exitCode, error, lines } = await copy(pool);
    expect({ exitCode, error }).toEqual({ exitCode: 0, error: undefined });
    expect(lines.join('\n')).toContain('2 identities listed, 2 new here, 2 compared');
    for (const id of [guest, player]) {
      expect(await listed('target', pool, id, 'game')).toEqual(await listed('origin', pool, id, 'game'));
      expect(await described('target', pool, id)).toEqual(await described('origin', pool, id));
      const [there, here] = await Promise.all(
        [both.origin, both.target].map(async ({ identity }) => {
          const { Logins, CreationDate } = await identity.send(
            new DescribeIdentityCommand({ IdentityId: id }),
          );
          return { Logins, CreationDate };
        }),
      );
      expect(here).toEqual(there);
    }
    const settings = await both.target.identity.send(
      new DescribeIdentityPoolCommand({ IdentityPoolId: pool }),
    );
    expect(settings).toMatchObject({
      IdentityPoolName: 'Game',
      AllowUnauthenticatedIdentities: true,
      DeveloperProviderName: DEVELOPER_PROVIDER,
      SupportedLoginProviders: { 'accounts.google.com': 'client' },
    });
    await both.newGuest(pool);
    const verified = await verify(pool);
    expect(JSON.parse(verified.lines[0] ?? '')).toMatchObject({
      identities: 2,
      datasets: 2,
      differences: [],
    });
    expect(verified.exitCode).toBe(0);
  });

  it('tells a device that synced a dataset before its deletion at the origin that the dataset was deleted', async () => {
    const pool = await both.newPool();
    const guest = await both.newGuest(pool);
    for (let count = 0; count < 4; count += 1) {
      await write(both.origin.sync, at(pool, guest), 'game', [set('score', String(count), count)]);
    }
    await both.origin.sync.send(new DeleteDatasetCommand({ ...at(pool, guest), DatasetName: 'game' }));
    await write(both.origin.sync, at(pool, guest), 'game', [set('other', '1')]);
    await copy(pool);
    for (const LastSyncCount of [1, 3, 4, 5, 6]) {
      const answers = await Promise.all(
        [both.origin, both.target].map(({ sync }) => list(sync, at(pool, guest), 'game', { LastSyncCount })),
      );
      const [there, here] = answers.map(({ $metadata: _, SyncSessionToken: __, ...answer }) => answer);
      expect(here).toEqual(there);
    }
  });

  it('shows copied records in the query store, and removes datasets that are gone when it is repeated', async () => {
    const pool = await both.newPool();
    const guest = await both.newGuest(pool);
    await write(both.origin.sync, at(pool, guest), 'game', [set('score', '1')]);
    await write(both.origin.sync, at(pool, guest), 'old', [set('a', '1')]);
    await copy(pool);
    const live = async () => {
      const { rows } = await both.target.cloud.database.query<{ dataset_name: string; record_value: string }>(
        'SELECT dataset_name, record_value FROM query.records WHERE identity_id = $1 ORDER BY dataset_name',
        [guest],
      );
      return rows.map((row) => `${row.dataset_name}=${row.record_value}`);
    };
    await vi.waitFor(async () => expect(await live()).toEqual(['game=1', 'old=1']), { timeout: 30_000 });
    await both.origin.sync.send(new DeleteDatasetCommand({ ...at(pool, guest), DatasetName: 'old' }));
    await write(both.origin.sync, at(pool, guest), 'game', [set('score', '2', 1)]);
    const { lines } = await copy(pool, '--json');
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      end: 'finished',
      counts: { created: 0, records: 1, removed: 1 },
    });
    await vi.waitFor(async () => expect(await live()).toEqual(['game=2']), { timeout: 30_000 });
    const third = await copy(pool, '--json');
    expect(JSON.parse(third.lines[0] ?? '')).toMatchObject({
      counts: { records: 0, removed: 0, skipped: 0 },
    });
  });

  it('does not make an identity with a developer login a guest if the copy stops before it has the login', async () => {
    const pool = await both.newPool();
    const player = await both.logIn(pool, 'ada');
    const stop = new AbortController();
    // Stops the copy when the identities are listed, but before the developer users are copied.
    const wrap = (origin: Origin): Origin => ({
      ...origin,
      listDeveloperUsers: () => {
        stop.abort();
        return Promise.reject(new SyncClientError('unavailable', 'gone'));
      },
    });
    await both.run(['move', 'copy', '--pool', pool, '--rate', '1000'], { wrap, signal: stop.signal });
    const { Logins } = await both.target.identity.send(new DescribeIdentityCommand({ IdentityId: player }));
    expect(Logins).toEqual([DEVELOPER_PROVIDER]);
    const asGuest = () =>
      both.target.identity.send(new GetCredentialsForIdentityCommand({ IdentityId: player }));
    await expect(asGuest()).rejects.toThrow('forbidden');
    await takeOver(pool);
    await expect(asGuest()).rejects.toThrow('forbidden');
  });

  it('copies the datasets that a merge at the origin has created, and keeps the merged identity inaccessible', async () => {
    const pool = await both.newPool();
    const [survivor, merged] = [await both.logIn(pool, 'ada'), await both.logIn(pool, 'grace')];
    await write(both.origin.sync, at(pool, merged), 'game', [set('score', '1')]);
    await both.origin.identity.send(
      new MergeDeveloperIdentitiesCommand({
        IdentityPoolId: pool,
        DeveloperProviderName: DEVELOPER_PROVIDER,
        SourceUserIdentifier: 'grace',
        DestinationUserIdentifier: 'ada',
      }),
    );
    const name = `game.${merged}`;
    await vi.waitFor(
      async () => expect((await listed('origin', pool, survivor, name)).DatasetExists).toBe(true),
      { timeout: 30_000 },
    );
    // A copy skips identities that were created in the last minutes, so the clock of this copy is an hour ahead.
    const later = { now: () => Date.now() + 3_600_000 };
    const { exitCode } = await both.run(['move', 'copy', '--pool', pool, '--rate', '1000'], later);
    expect(exitCode).toBe(0);
    for (const dataset of ['game', name]) {
      const there = await listed('origin', pool, survivor, dataset);
      expect(await listed('target', pool, survivor, dataset)).toEqual(there);
    }
    expect((await listed('target', pool, survivor, 'game')).MergedDatasetNames).toEqual([name]);
    await takeOver(pool);
    for (const { identity } of [both.origin, both.target]) {
      const asGuest = identity.send(new GetCredentialsForIdentityCommand({ IdentityId: merged }));
      await expect(asGuest).rejects.toThrow('forbidden');
    }
  });

  it('verify says that the origin does not respond, and that the next run starts from the beginning', async () => {
    const pool = await both.newPool();
    expect(await copy(pool)).toMatchObject({ exitCode: 0 });
    const stop = new AbortController();
    const texts: string[] = [];
    const { error } = await both.run(['move', 'verify', '--pool', pool], {
      wrap: (origin) => ({
        ...origin,
        readPool: () => Promise.reject(new SyncClientError('unavailable', 'refused')),
      }),
      signal: stop.signal,
      progress({ text }) {
        texts.push(text);
        // Stops the command after its first message, because its retries take a minute.
        setTimeout(() => stop.abort());
      },
    });
    expect(texts[0]).toContain('does not respond; trying again');
    expect(error).toContain('run the command again, it starts again');
  });

  it('refuses this service itself as the origin, and leaves no trace', async () => {
    const { cloud, identity, sync } = both.target;
    const { IdentityPoolId: pool = '' } = await identity.send(
      new CreateIdentityPoolCommand({ IdentityPoolName: 'Own', AllowUnauthenticatedIdentities: true }),
    );
    const CognitoStreams = { StreamName: 'cognito-sync', StreamingStatus: 'ENABLED' } as const;
    await sync.send(new SetIdentityPoolConfigurationCommand({ IdentityPoolId: pool, CognitoStreams }));
    const { port } = new URL(cloud.url);
    for (const endpoint of [cloud.url, `http://localhost:${port}`]) {
      const settings = { region: 'us-east-1', endpoint, credentials: DEFAULT_CREDENTIALS };
      const own = openOrigin({ ...settings, streamName: 'cognito-sync' });
      const command = ['move', 'copy', '--pool', pool];
      expect(await both.run(command, { openOrigin: async () => own })).toMatchObject({
        exitCode: 1,
        error: expect.stringContaining('is this service itself'),
      });
    }
    expect((await both.run(['move', 'status', '--pool', pool])).error).toContain('was never copied');
    const listed = await identity.send(new ListIdentitiesCommand({ IdentityPoolId: pool, MaxResults: 10 }));
    expect(listed.Identities).toEqual([]);
  });

  it('copies nothing and exits with 1 if the pool does not stream at the origin', async () => {
    const pool = await both.newPool({ streams: false });
    const { exitCode, error } = await copy(pool);
    expect(exitCode).toBe(1);
    expect(error).toMatch(/^the pool does not stream at the origin/);
    expect((await copy(pool, '--dry-run')).error).toBe(error);
    expect((await both.run(['move', 'status', '--pool', pool])).error).toContain('was never copied');
  });

  it('continues an interrupted copy when it is run again, and reads no identity twice', async () => {
    const pool = await both.newPool();
    const ids = [];
    for (let index = 0; index < 6; index += 1) ids.push(await both.newGuest(pool));
    for (const id of ids) await write(both.origin.sync, at(pool, id), 'game', [set('score', id)]);
    const asked: string[] = [];
    const wrap =
      (failAfter: number) =>
      (origin: Origin): Origin => ({
        ...origin,
        listDatasets(identity) {
          if (asked.length >= failAfter)
            return Promise.reject(new SyncClientError('not-authorized', 'expired'));
          asked.push(identity.identityId);
          return origin.listDatasets(identity);
        },
      });
    const line = ['move', 'copy', '--pool', pool, '--rate', '1000'];
    const first = await both.run(line, { wrap: wrap(3) });
    expect(first).toMatchObject({ exitCode: 1 });
    expect(first.error).toContain('not authorized at the origin');
    const second = await both.run(line, { wrap: wrap(100) });
    expect(second.lines.join('\n')).toContain('continued an interrupted copy');
    expect(asked.toSorted()).toEqual(ids.toSorted());
    expect((await verify(pool)).exitCode).toBe(0);
  });

  it('retries throttled calls, and copies an identity only once if the origin lists it twice', async () => {
    const pool = await both.newPool();
    const guest = await both.newGuest(pool);
    await write(both.origin.sync, at(pool, guest), 'game', [set('score', '1')]);
    let throttled = 2;
    const wrap = (origin: Origin): Origin => ({
      ...origin,
      listIdentities: async (...about) => {
        const page = await origin.listIdentities(...about);
        return { ...page, items: [...page.items, ...page.items] };
      },
      listRecords(dataset) {
        throttled -= 1;
        if (throttled >= 0)
          return Promise.reject(new SyncClientError('throttled', 'TooManyRequestsException'));
        return origin.listRecords(dataset);
      },
    });
    const { lines } = await both.run(['move', 'copy', '--pool', pool, '--rate', '1000', '--json'], { wrap });
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      end: 'finished',
      counts: { listed: 1, created: 1, copied: 1 },
    });
    expect((await verify(pool)).exitCode).toBe(0);
  });

  it('continues with the next identity if one was deleted at the origin since it was listed', async () => {
    const pool = await both.newPool();
    const [deleted, kept] = [await both.newGuest(pool), await both.newGuest(pool)];
    await write(both.origin.sync, at(pool, kept), 'game', [set('score', '1')]);
    const wrap = (origin: Origin): Origin => ({
      ...origin,
      async listDatasets(identity) {
        if (identity.identityId !== deleted) return origin.listDatasets(identity);
        await both.origin.identity.send(new DeleteIdentitiesCommand({ IdentityIdsToDelete: [deleted] }));
        throw new SyncClientError('not-authorized', 'Access to Identity is forbidden');
      },
    });
    const { lines } = await both.run(['move', 'copy', '--pool', pool, '--rate', '1000', '--json'], { wrap });
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ end: 'finished', counts: { copied: 1, missing: 1 } });
  });

  it('reads a dataset again if it changes while it is listed, and skips and reports it if it never stops changing', async () => {
    const pool = await both.newPool();
    const guest = await both.newGuest(pool);
    await write(both.origin.sync, at(pool, guest), 'game', [set('score', '1')]);
    const unstable = (times: number) => {
      let left = times;
      return (origin: Origin): Origin => ({
        ...origin,
        listRecords: async (dataset) => {
          left -= 1;
          return {
            ...(await origin.listRecords(dataset)),
            ...(left >= 0 && { isConsistent: false, records: [] }),
          };
        },
      });
    };
    const line = ['move', 'copy', '--pool', pool, '--rate', '1000', '--json'];
    const never = JSON.parse((await both.run(line, { wrap: unstable(5) })).lines[0] ?? '');
    expect(never).toMatchObject({
      counts: { records: 0, skipped: 1 },
      skippedItems: [{ reason: 'kept-changing' }],
    });
    const once = JSON.parse((await both.run(line, { wrap: unstable(1) })).lines[0] ?? '');
    expect(once).toMatchObject({ counts: { records: 1, skipped: 0 } });
  });

  it('reports datasets above the limits of SYNC_LIMITS, or above those of the service that runs the command', async () => {
    const pool = await both.newPool();
    const guest = await both.newGuest(pool);
    await write(both.origin.sync, at(pool, guest), 'game', [set('score', '1'), set('level', '2')]);
    const settings = { ORIGIN_ENDPOINT_URL: both.origin.cloud.url, DATABASE_URL: both.target.cloud.sqlUrl };
    const run = (env: Readonly<Record<string, string>>) =>
      operate(['move', 'copy', '--pool', pool, '--rate', '1000', '--json'], env);
    const problemsOf = ({ stdout }: { stdout: string }) => JSON.parse(stdout).skippedItems;
    const problem = { identityId: guest, datasetName: 'game', reason: 'above-limits' };
    const lowered = { ...settings, SYNC_LIMITS: '{"rowsPerDataset":1}' };
    expect(problemsOf(await run(lowered))).toEqual([problem]);
    expect(problemsOf(await run(settings))).toEqual([]);
    expect(await run({ ...settings, SYNC_LIMITS: 'on' })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('invalid SYNC_LIMITS'),
    });

    const service = await startCloud({
      limits: { ...DEFAULT_LIMITS, rowsPerDataset: 1 },
      readOrigin: (identityPoolId) => readOriginSettings(settings, identityPoolId),
    });
    try {
      expect(problemsOf(await run({ DATA_DIR: service.dataDir }))).toEqual([problem]);
    } finally {
      await service.close();
    }
  });

  it('does not run twice on a pool; the second command names the process that runs', async () => {
    const pool = await both.newPool();
    await both.newGuest(pool);
    const gate = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    const wrap = (origin: Origin): Origin => ({
      ...origin,
      async listDatasets(identity) {
        started.resolve();
        await gate.promise;
        return origin.listDatasets(identity);
      },
    });
    const first = both.run(['move', 'copy', '--pool', pool, '--rate', '1000'], { wrap });
    await started.promise;
    const second = await copy(pool);
    expect(second.exitCode).toBe(1);
    expect(second.error).toMatch(/move copy on .+, started at .+, is working on this pool/);
    const { lines } = await both.run(['move', 'status', '--pool', pool, '--json']);
    const running = { holder: expect.stringContaining('move copy on') };
    expect(JSON.parse(lines[0] ?? '').identityPools).toMatchObject([{ phase: 'data', running }]);
    gate.resolve();
    expect((await first).exitCode).toBe(0);
    expect((await copy(pool)).exitCode).toBe(0);
  });

  it('writes nothing in a dry run', async () => {
    const pool = await both.newPool();
    const guest = await both.newGuest(pool);
    await write(both.origin.sync, at(pool, guest), 'game', [set('score', '12')]);
    const { lines, exitCode } = await copy(pool, '--dry-run', '--json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      isPoolNew: true,
      identities: 1,
      datasets: 1,
      records: 1,
      bytes: 7,
      aboveLimits: 0,
    });
    const settings = both.target.identity.send(new DescribeIdentityPoolCommand({ IdentityPoolId: pool }));
    await expect(settings).rejects.toThrow('not found');
  });

  it('verify names an identity that has data and was not copied', async () => {
    const pool = await both.newPool();
    await copy(pool);
    const guest = await both.newGuest(pool);
    await write(both.origin.sync, at(pool, guest), 'game', [set('score', '1')]);
    let now = Date.now();
    const { lines, exitCode } = await both.run(['move', 'verify', '--pool', pool, '--rate', '1000'], {
      now: () => (now += 20_000),
    });
    expect(exitCode).toBe(1);
    expect(lines).toContain(`  identity not here: ${guest}`);
  });

  it('verify names differences by ids, never by values, and exits with 1', async () => {
    const pool = await both.newPool();
    const guest = await both.newGuest(pool);
    await write(both.origin.sync, at(pool, guest), 'game', [set('score', 'secret-1')]);
    await copy(pool);
    await write(both.origin.sync, at(pool, guest), 'game', [set('score', 'secret-2', 1)]);
    // Each reading of the clock is 20 s later than the one before, so that `move verify` does not have to wait for
    // writes that may be in flight.
    let now = Date.now();
    const deps = { now: () => (now += 20_000) };
    const line = ['move', 'verify', '--pool', pool, '--rate', '1000'];
    const { lines, exitCode, error } = await both.run(line, deps);
    expect(exitCode).toBe(1);
    expect(error).toContain('1 difference');
    expect(lines).toContain(`  values differ: ${guest} game (1 record)`);
    expect(lines.join('\n')).not.toContain('secret');
    const sampled = await both.run([...line, '--sample', '1'], deps);
    expect(sampled.exitCode).toBe(1);
    const { lines: status } = await both.run(['move', 'status', '--pool', pool, '--json']);
    expect(JSON.parse(status[0] ?? '').identityPools).toMatchObject([
      { phase: 'done', differences: 1, takenOver: 0 },
    ]);
  });
});
