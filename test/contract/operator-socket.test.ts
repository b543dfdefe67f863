import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { askRunningCloud } from '../../infra/cli/ask-running-cloud.ts';
import { runOperatorCommand } from '../../infra/cli/run-operator-command.ts';
import { openOperatorSocket } from '../../infra/local/operator-socket.ts';
import type { Database } from '../../lib/store/database.ts';
import { noPayloads } from '../fixtures/stream-events.ts';

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

const deps = { database, fetchPayload: noPayloads, now: Date.now };

describe('the socket of the operator', () => {
  it('prints what the command says, line by line, and how it ended', async () => {
    const path = join(directory, 'operator.sock');
    const socket = await openOperatorSocket({ path, deps });
    const lines: string[] = [];
    expect(await askRunningCloud(path, ['indexes'], (line) => lines.push(line))).toEqual({ exitCode: 0 });
    expect(lines[1]).toMatch(/^text +ready +8 kB/);
    expect(await askRunningCloud(path, ['index'], () => undefined)).toMatchObject({
      exitCode: 2,
      error: expect.stringMatching(/^there is no command index\n/),
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
    expect(await askRunningCloud(path, ['indexes'], () => undefined)).toBeNull();
  });

  it('stands in a directory whose path is longer than a socket may have', async () => {
    const deep = join(directory, 'd'.repeat(100), 'é'.repeat(100));
    await mkdir(deep, { recursive: true });
    const path = join(deep, 'operator.sock');
    expect(await askRunningCloud(path, ['indexes'], () => undefined)).toBeNull();
    const socket = await openOperatorSocket({ path, deps });
    expect(await askRunningCloud(path, ['indexes'], () => undefined)).toEqual({ exitCode: 0 });
    await socket.close();
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('tells of an error of ours without its text, and goes on', async () => {
    const path = join(directory, 'operator.sock');
    const broken: Database = { ...database, query: () => Promise.reject(new TypeError('secret')) };
    const socket = await openOperatorSocket({ path, deps: { ...deps, database: broken } });
    const logged = vi.spyOn(console, 'error').mockReturnValue();
    for (const _ of ['once', 'again']) {
      expect(await askRunningCloud(path, ['indexes'], () => undefined)).toEqual({
        exitCode: 1,
        error: 'internal error; the terminal of `npm start` says more',
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
      expect.stringMatching(/no commands are taken while this runs: .*ENOTDIR/),
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
    await expect(askRunningCloud(path, ['indexes'], (line) => lines.push(line))).rejects.toThrow(
      'the local cloud stopped before the command had ended',
    );
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
    const answer = askRunningCloud(path, ['indexes'], () => undefined);
    const expected = expect(answer).rejects.toThrow('the local cloud stopped before the command had ended');
    await asked.promise;
    await socket.close();
    await expected;
  });

  it.each([
    { args: ['--failures', 'failed/here'], handed: ['--failures', resolve('failed/here')] },
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
    const options = { databaseUrl: undefined, dataDir: directory };
    const own = { fetchPayload: noPayloads, print: () => undefined, now: Date.now };
    expect(await runOperatorCommand(['redrive', ...args], { ...options, deps: own })).toEqual({
      exitCode: 0,
    });
    expect(JSON.parse(body)).toEqual(['redrive', ...handed]);
    await new Promise((closed) => server.close(closed));
  });
});
