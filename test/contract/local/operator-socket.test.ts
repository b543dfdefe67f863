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

/** Knows one index, and nothing else. */
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

/** Knows a thousand datasets, each of another identity: more than anybody compares while a test runs. */
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

const deps = { database, fetchPayload: noPayloads, openService: noService, now: Date.now };

/** Who gave the command: hears nothing, and stays. */
const asker = { print: () => undefined, progress: () => undefined, signal: new AbortController().signal };

describe('the socket of the operator', () => {
  it('prints what the command says, line by line, and how it ended', async () => {
    const path = join(directory, 'operator.sock');
    const socket = await openOperatorSocket({ path, deps });
    const lines: string[] = [];
    expect(await askRunningCloud(path, ['indexes'], { ...asker, print: (line) => lines.push(line) })).toEqual(
      { exitCode: 0 },
    );
    expect(lines[1]).toMatch(/^text +ready +8 kB/);
    expect(await askRunningCloud(path, ['index'], asker)).toMatchObject({
      exitCode: 2,
      error: expect.stringMatching(/^unknown command index\n/),
    });
    await socket.close();
  });

  it("is its owner's alone, takes the place of one left behind, and goes when it is closed", async () => {
    const path = join(directory, 'operator.sock');
    await writeFile(path, 'left behind');
    const socket = await openOperatorSocket({ path, deps });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await socket.close();
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await askRunningCloud(path, ['indexes'], asker)).toBeNull();
  });

  it('stands in a directory whose path is longer than a socket may have', async () => {
    const deep = join(directory, 'd'.repeat(100), 'é'.repeat(100));
    await mkdir(deep, { recursive: true });
    const path = join(deep, 'operator.sock');
    expect(await askRunningCloud(path, ['indexes'], asker)).toBeNull();
    const socket = await openOperatorSocket({ path, deps });
    expect(await askRunningCloud(path, ['indexes'], asker)).toEqual({ exitCode: 0 });
    await socket.close();
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('tells of an error of ours without its text, and goes on', async () => {
    const path = join(directory, 'operator.sock');
    const broken: Database = { ...database, query: () => Promise.reject(new TypeError('secret')) };
    const socket = await openOperatorSocket({ path, deps: { ...deps, database: broken } });
    const logged = vi.spyOn(console, 'error').mockReturnValue();
    for (const _ of ['once', 'again']) {
      expect(await askRunningCloud(path, ['indexes'], asker)).toEqual({
        exitCode: 1,
        error: 'internal error; see the terminal of `npm start`',
      });
    }
    expect(logged).toHaveBeenCalledTimes(2);
    await socket.close();
  });

  it('that cannot be made is told of, and missed by nobody else', async () => {
    const file = join(directory, 'no-directory');
    await writeFile(file, '');
    const logged = vi.spyOn(console, 'error').mockReturnValue();
    const socket = await openOperatorSocket({ path: join(file, 'operator.sock'), deps });
    expect(logged).toHaveBeenCalledWith(
      expect.stringMatching(/commands are not accepted while this process runs: .*ENOTDIR/),
    );
    await socket.close();
  });

  it('that closes in the middle of a command is told of', async () => {
    const path = join(directory, 'operator.sock');
    const server = createServer((_, response) => {
      response.write('{"print":"half of it"}\n', () => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const lines: string[] = [];
    await expect(
      askRunningCloud(path, ['indexes'], { ...asker, print: (line) => lines.push(line) }),
    ).rejects.toThrow('the local cloud stopped before the command ended');
    expect(lines).toEqual(['half of it']);
    await new Promise((resolve) => server.close(resolve));
  });

  it('that closes before the command has said anything is told of in the same words', async () => {
    const path = join(directory, 'operator.sock');
    const asked = Promise.withResolvers<void>();
    const slow: Database = {
      ...database,
      query: () => {
        asked.resolve();
        return new Promise(() => undefined);
      },
    };
    const socket = await openOperatorSocket({ path, deps: { ...deps, database: slow } });
    const answer = askRunningCloud(path, ['indexes'], asker);
    const expected = expect(answer).rejects.toThrow('the local cloud stopped before the command ended');
    await asked.promise;
    await socket.close();
    await expected;
  });

  it('passes on how far the command has come, and ends it where the one who gave it has gone', async () => {
    const path = join(directory, 'operator.sock');
    const ended = Promise.withResolvers<void>();
    const listPages = createPages();
    const openService = async () =>
      operatedService({
        api: {
          ...operatedService({}).api,
          readStreaming: async () => STREAMING,
          listDatasets: async () => [],
        },
        close: () => ended.resolve(),
      });
    const socket = await openOperatorSocket({ path, deps: { ...deps, database: listPages, openService } });
    const away = new AbortController();
    const told: string[] = [];
    const outcome = await askRunningCloud(path, ['reconcile', '--pool', 'us-east-1:0', '--rate', '1'], {
      ...asker,
      signal: away.signal,
      progress: ({ text }) => {
        told.push(text);
        away.abort();
      },
    });
    expect(outcome).toEqual({
      exitCode: 1,
      error: expect.stringContaining('the next run continues from there'),
    });
    expect(told).toEqual(['0 of 1000 datasets compared, 0 repaired']);
    await ended.promise;
    await socket.close();
  });

  it('waits for what it has ended before it is closed', async () => {
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
    const begun = Promise.withResolvers<void>();
    const answer = askRunningCloud(path, ['reconcile', '--pool', 'us-east-1:0', '--rate', '1'], {
      ...asker,
      progress: () => begun.resolve(),
    });
    const expected = expect(answer).rejects.toThrow('the local cloud stopped before the command ended');
    await begun.promise;
    await socket.close();
    order.push('closed');
    expect(order).toEqual(['kept', 'closed']);
    await expected;
  });

  it.each([
    { args: ['--failures', 'failed/here'], handed: ['--failures', resolve('failed/here')] },
    { args: ['--json', '--failures', 'here'], handed: ['--failures', resolve('here'), '--json'] },
    { args: ['--failures=../failed'], handed: ['--failures', resolve('../failed')] },
    { args: ['--failures', '/failed'], handed: ['--failures', '/failed'] },
    { args: ['--failures', 's3://bucket/aws/lambda/'], handed: ['--failures', 's3://bucket/aws/lambda/'] },
    { args: [], handed: [] },
  ])('is handed redrive $args as it is meant where the command is given', async ({ args, handed }) => {
    let body = '';
    const server = createServer(async (request, response) => {
      body = await text(request);
      response.end('{"exitCode":0}\n');
    });
    await new Promise<void>((listening) => server.listen(join(directory, 'operator.sock'), listening));
    const confirm = () => Promise.reject(new Error('nothing is asked'));
    const options = { address: undefined, dataDir: directory, confirm };
    const own = { ...asker, fetchPayload: noPayloads, openService: noService, now: Date.now };
    expect(await runOperatorCommand(['redrive', ...args], { ...options, deps: own })).toEqual({
      exitCode: 0,
    });
    expect(JSON.parse(body)).toEqual(['redrive', ...handed]);
    await new Promise((closed) => server.close(closed));
  });
});
