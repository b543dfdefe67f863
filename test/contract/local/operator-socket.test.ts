import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { askRunningCloud } from '../../../infra/cli/ask-running-cloud.ts';
import { runOperatorCommand } from '../../../infra/cli/run-operator-command.ts';
import { openOperatorSocket } from '../../../infra/local/operator-socket.ts';
import type { Database } from '../../../lib/database/database.ts';
import { DEFAULT_LIMITS } from '../../../lib/sync/limits.ts';
import { operatedService } from '../../fixtures/backfill/operated-service.ts';
import { noPayloads } from '../../fixtures/sync/stream-events.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'socket-'));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(directory, { recursive: true, force: true });
});

/** A database with one index and no other data. */
const database: Database = {
  query: async () => ({
    rows: [{ relation: 'records_by_text', valid: true, bytes: 8192, building: false } as never],
    rowsChanged: 0,
  }),
  transaction: () => Promise.reject(new Error('no transactions here')),
  close: async () => undefined,
};

const noService = () => Promise.reject(new Error('no service is needed here'));
const STREAMING = { isEnabled: true, streamName: 'cognito-sync', roleArn: null };

/** Creates a database with 1,000 datasets, each of another identity: more than a test has time to compare. */
function createPages(): Database {
  const ids = Array.from({ length: 100 }, (_, number) => ({ identity_id: `us-east-1:${number}` }));
  return {
    ...database,
    query: async (sql) => {
      if (sql.includes('count(*)')) return { rows: [{ total: 1000 } as never], rowsChanged: 0 };
      return { rows: sql.includes('GROUP BY identity_id') ? (ids as never) : [], rowsChanged: 0 };
    },
  };
}

const noDatabase = {
  dataDir: '/nonexistent',
  usesTokenKeyFile: () => true,
  fetchPayload: noPayloads,
  openService: noService,
  openOrigin: () => Promise.reject(new Error('no origin is needed here')),
  readLimits: () => DEFAULT_LIMITS,
  offloading: null,
  queries: { readSql: () => Promise.reject(new Error('no SQL is needed here')) },
  describeLogins: async () => null,
  now: Date.now,
};
const deps = { database, projection: database, ...noDatabase };

/** A caller that ignores all output and stays connected. */
const caller = {
  print: () => undefined,
  write: async () => undefined,
  progress: () => undefined,
  signal: new AbortController().signal,
};

describe('the operator socket', () => {
  it('relays the output of a command line by line, and its outcome', async () => {
    const path = join(directory, 'operator.sock');
    const socket = await openOperatorSocket({ path, deps });
    const lines: string[] = [];
    expect(
      await askRunningCloud(path, ['indexes'], { ...caller, print: (line) => lines.push(line) }),
    ).toEqual({ exitCode: 0 });
    expect(lines[1]).toMatch(/^text +ready +8 kB/);
    expect(await askRunningCloud(path, ['index'], caller)).toMatchObject({
      exitCode: 2,
      error: expect.stringMatching(/^unknown command index; did you mean indexes\?\n/),
    });
    await socket.close();
  });

  it('is accessible only to its owner, replaces a stale socket, and is removed on close', async () => {
    const path = join(directory, 'operator.sock');
    await writeFile(path, 'left behind');
    const socket = await openOperatorSocket({ path, deps });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await socket.close();
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await askRunningCloud(path, ['indexes'], caller)).toBeNull();
  });

  it('works in a directory whose path is too long for a socket', async () => {
    const deep = join(directory, 'd'.repeat(100), 'é'.repeat(100));
    await mkdir(deep, { recursive: true });
    const path = join(deep, 'operator.sock');
    expect(await askRunningCloud(path, ['indexes'], caller)).toBeNull();
    const socket = await openOperatorSocket({ path, deps });
    expect(await askRunningCloud(path, ['indexes'], caller)).toEqual({ exitCode: 0 });
    await socket.close();
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('reports an internal error without its text, and keeps running', async () => {
    const path = join(directory, 'operator.sock');
    const broken: Database = { ...database, query: () => Promise.reject(new TypeError('secret')) };
    const socket = await openOperatorSocket({ path, deps: { ...deps, database: broken } });
    const logged = vi.spyOn(console, 'error').mockReturnValue();
    for (const _ of ['once', 'again']) {
      expect(await askRunningCloud(path, ['indexes'], caller)).toEqual({
        exitCode: 1,
        error: 'internal error; see the terminal of the local cloud',
      });
    }
    expect(logged).toHaveBeenCalledTimes(2);
    await socket.close();
  });

  it('that cannot be created is logged, and does not stop the process', async () => {
    const file = join(directory, 'no-directory');
    await writeFile(file, '');
    const logged = vi.spyOn(console, 'error').mockReturnValue();
    const socket = await openOperatorSocket({ path: join(file, 'operator.sock'), deps });
    expect(logged).toHaveBeenCalledWith(
      expect.stringMatching(/commands are not accepted while this process runs: .*ENOTDIR/),
    );
    await socket.close();
  });

  it('that closes during a command causes an error', async () => {
    const path = join(directory, 'operator.sock');
    const server = createServer((_, response) => {
      response.write('{"print":"half of it"}\n', () => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const lines: string[] = [];
    await expect(
      askRunningCloud(path, ['indexes'], { ...caller, print: (line) => lines.push(line) }),
    ).rejects.toThrow('the local cloud stopped before the command ended');
    expect(lines).toEqual(['half of it']);
    await new Promise((resolve) => server.close(resolve));
  });

  it('that closes before a command prints anything causes an error', async () => {
    const path = join(directory, 'operator.sock');
    const queried = Promise.withResolvers<void>();
    const slow: Database = {
      ...database,
      query: () => {
        queried.resolve();
        return new Promise(() => undefined);
      },
    };
    const socket = await openOperatorSocket({ path, deps: { ...deps, database: slow } });
    const outcome = askRunningCloud(path, ['indexes'], caller);
    const expected = expect(outcome).rejects.toThrow('the local cloud stopped before the command ended');
    await queried.promise;
    await socket.close();
    await expected;
  });

  it('relays the progress of a command, and stops the command when its caller disconnects', async () => {
    const path = join(directory, 'operator.sock');
    const ended = Promise.withResolvers<void>();
    const pages = createPages();
    const openService = async () =>
      operatedService({
        api: {
          ...operatedService({}).api,
          readStreaming: async () => STREAMING,
          listDatasets: async () => [],
        },
        close: () => ended.resolve(),
      });
    const socket = await openOperatorSocket({ path, deps: { ...deps, database: pages, openService } });
    const disconnect = new AbortController();
    const progress: string[] = [];
    const outcome = await askRunningCloud(path, ['reconcile', '--pool', 'us-east-1:0', '--rate', '1'], {
      ...caller,
      signal: disconnect.signal,
      progress: ({ text }) => {
        progress.push(text);
        disconnect.abort();
      },
    });
    expect(outcome).toEqual({
      exitCode: 1,
      error: expect.stringContaining('the next run continues where this one stopped'),
    });
    expect(progress).toEqual(['0 of 1000 datasets compared, 0 repaired']);
    await ended.promise;
    await socket.close();
  });

  it('waits on close for the commands that it stopped', async () => {
    const path = join(directory, 'operator.sock');
    const order: string[] = [];
    const pages = createPages();
    const slow: Database = {
      ...pages,
      async query(sql, values) {
        if (sql.includes('UPDATE projection.reconciliations\nSET after')) {
          await sleep(100);
          order.push('kept');
        }
        return pages.query(sql, values);
      },
    };
    const openService = async () =>
      operatedService({
        api: {
          ...operatedService({}).api,
          readStreaming: async () => STREAMING,
          listDatasets: async () => [],
        },
      });
    const socket = await openOperatorSocket({ path, deps: { ...deps, database: slow, openService } });
    const started = Promise.withResolvers<void>();
    const outcome = askRunningCloud(path, ['reconcile', '--pool', 'us-east-1:0', '--rate', '1'], {
      ...caller,
      progress: () => started.resolve(),
    });
    const expected = expect(outcome).rejects.toThrow('the local cloud stopped before the command ended');
    await started.promise;
    await socket.close();
    order.push('closed');
    expect(order).toEqual(['kept', 'closed']);
    await expected;
  });

  it('reads no further pages of the query store while the client does not read the output', async () => {
    const path = join(directory, 'operator.sock');
    let pages = 0;
    const row = {
      record_key: 'k',
      sync_count: 1,
      numeric_value: null,
      last_modified_ms: 1,
      device_last_modified_ms: null,
      record_value: 'x'.repeat(1024 * 1024),
      projected_at: new Date(0),
      dataset_id: 'a',
    };
    const endless: Database = {
      ...database,
      query: async () => {
        pages += 1;
        return { rows: [row as never], rowsChanged: 0 };
      },
    };
    const socket = await openOperatorSocket({ path, deps: { ...deps, database: endless } });
    const disconnect = new AbortController();
    const taken = Promise.withResolvers<void>();
    let written = 0;
    const outcome = askRunningCloud(path, ['export'], {
      ...caller,
      signal: disconnect.signal,
      write: async () => {
        written += 1;
        if (written > 1) await taken.promise;
      },
    });
    await vi.waitUntil(() => written === 2, { timeout: 20_000 });
    await sleep(1_000);
    // The buffers of the socket hold some pages.
    expect(pages).toBeLessThan(20);
    disconnect.abort();
    taken.resolve();
    expect(await outcome).toMatchObject({ exitCode: 1, error: expect.stringMatching(/^stopped/) });
    await socket.close();
  });

  it.each([
    { args: ['--failures', 'failed/here'], sent: ['--failures', resolve('failed/here')] },
    { args: ['--json', '--failures', 'here'], sent: ['--failures', resolve('here'), '--json'] },
    { args: ['--failures=../failed'], sent: ['--failures', resolve('../failed')] },
    { args: ['--failures', '/failed'], sent: ['--failures', '/failed'] },
    { args: ['--failures', 's3://bucket/aws/lambda/'], sent: ['--failures', 's3://bucket/aws/lambda/'] },
    { args: [], sent: [] },
  ])('receives redrive $args with paths resolved in the directory of the caller', async ({ args, sent }) => {
    let body = '';
    const server = createServer(async (request, response) => {
      body = await text(request);
      response.end('{"exitCode":0}\n');
    });
    await new Promise<void>((listening) => server.listen(join(directory, 'operator.sock'), listening));
    const confirm = () => Promise.reject(new Error('no question expected'));
    const options = { address: undefined, dataDir: directory, confirm };
    const own = { ...caller, ...noDatabase };
    expect(await runOperatorCommand(['redrive', ...args], { ...options, deps: own })).toEqual({
      exitCode: 0,
    });
    expect(JSON.parse(body)).toEqual(['redrive', ...sent]);
    await new Promise((closed) => server.close(closed));
  });
});
