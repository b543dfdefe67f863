import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import type { OperatorMessage } from '../../../infra/cli/operator-protocol.ts';
import { dataPaths } from '../../../lib/database/data-directory.ts';
import { inFolder } from '../../fixtures/export/run-export.ts';
import { operate } from '../../fixtures/local/operator.ts';

const ID = '00000000-0000-4000-8000-000000000000';
const DONE: OperatorMessage = { exitCode: 0 };

interface Options {
  env?: Record<string, string>;
  /** What the other process answers to each command line. */
  answer?: OperatorMessage[];
}

/**
 * Runs a command while another process, which opens no file, accepts the commands of the data directory.
 * @returns the result, and the command lines that the process has received
 */
async function run(dataDir: string, args: string[], { env = {}, answer = [DONE] }: Options = {}) {
  const lines: unknown[] = [];
  const server = createServer(async (request, response) => {
    lines.push(await json(request));
    response.end(answer.map((message) => `${JSON.stringify(message)}\n`).join(''));
  }).listen(dataPaths(dataDir).operatorSocket);
  await once(server, 'listening');
  try {
    return { ...(await operate(args, { DATA_DIR: dataDir, ...env })), lines };
  } finally {
    server.close();
  }
}

const base64 = (text: string) => Buffer.from(text).toString('base64');

it('quarantine edit --file sends the content of the file, not its path', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'payload.json');
    await writeFile(file, '{"fixed": true}');
    expect(await run(folder, ['quarantine', 'edit', ID, '--file', file, '--json'])).toMatchObject({
      code: 0,
      lines: [['quarantine', 'edit', ID, '--content', base64('{"fixed": true}'), '--json']],
    });
  }));

it('quarantine edit sends the edited text, not the path of the temporary file', () =>
  inFolder(async (folder) => {
    const env = { EDITOR: 'printf edited >' };
    const answer = [{ write: '{"shown": true}' }, DONE];
    expect(await run(folder, ['quarantine', 'edit', ID], { env, answer })).toMatchObject({
      code: 0,
      lines: [
        ['quarantine', 'edit', ID],
        ['quarantine', 'edit', ID, '--content', base64('edited')],
      ],
    });
  }));

it('quarantine edit says which file it cannot read', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'missing.json');
    expect(await run(folder, ['quarantine', 'edit', ID, '--file', file])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`${file} cannot be read: ENOENT`),
      lines: [],
    });
  }));

it.each([['backup'], ['export', '--service']])(
  '%s fails if the service has written the file where the operator does not see it',
  (...command) =>
    inFolder(async (folder) => {
      const out = join(folder, 'service.jsonl');
      expect(await run(folder, [...command, '--out', out])).toMatchObject({
        code: 1,
        stderr: expect.stringContaining(
          `${out} does not exist here; the process of the service reads and writes`,
        ),
      });
      await writeFile(out, '');
      expect(await run(folder, [...command, '--out', out])).toMatchObject({ code: 0, stderr: '' });
    }),
);

it.each([
  ['an existing file', '', 'exists; delete it, or choose another name with --out'],
  ['a missing directory', 'missing', 'cannot be written (ENOENT)'],
])('backup gives no advice about other files if the operator sees the same: %s', (_, directory, problem) =>
  inFolder(async (folder) => {
    const out = join(folder, directory, 'backup.jsonl');
    if (directory === '') await writeFile(out, '');
    const answer = [{ exitCode: 1 as const, error: `${out} ${problem}` }];
    expect(await run(folder, ['backup', '--out', out], { answer })).toMatchObject({
      code: 1,
      stderr: `cognito-sync-backend: ${out} ${problem}\n`,
    });
  }),
);

it('backup explains why the service may not find a directory that the operator sees', () =>
  inFolder(async (folder) => {
    const out = join(folder, 'backup.jsonl');
    const answer = [{ exitCode: 1 as const, error: `${out}.partial cannot be written (ENOENT)` }];
    expect(await run(folder, ['backup', '--out', out], { answer })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('(ENOENT); the process of the service reads and writes'),
    });
  }));

it('import gives no advice about a file that the operator does not see either', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'missing.jsonl');
    const answer = [{ exitCode: 1 as const, error: `there is no file ${file}` }];
    expect(await run(folder, ['import', file], { answer })).toMatchObject({
      code: 1,
      stderr: `cognito-sync-backend: there is no file ${file}\n`,
    });
  }));

it('import explains why the service may not find the file', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'service.jsonl');
    await writeFile(file, '');
    const answer = [{ exitCode: 1 as const, error: `there is no file ${file}` }];
    expect(await run(folder, ['import', file], { answer })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        `there is no file ${file}; the process of the service reads and writes`,
      ),
    });
  }));
