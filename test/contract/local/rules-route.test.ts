import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHttpServer } from '../../../infra/local/http/http-server.ts';
import { createRulesRoute } from '../../../infra/local/http/rules-route.ts';
import { askRules } from '../../../infra/local/rules/ask-rules.ts';

const RULES = `import { defineRules, number } from 'cognito-sync-backend/rules';
export default defineRules({
  datasets: { game: { unknownKeys: 'drop', keys: {
    score: { schema: number(), monotonic: 'increasing', onInvalid: 'reject' },
    code: { validate: () => { throw new Error('a bug'); } },
  } } },
});`;

const started = new AsyncDisposableStack();
let file: string;
let url: string;
beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'rules-route-'));
  started.defer(() => rm(folder, { recursive: true }));
  file = join(folder, 'rules.ts');
  const server = await startHttpServer({ host: '127.0.0.1', port: 0, routes: [createRulesRoute(file)] });
  started.defer(() => server.close());
  url = `http://127.0.0.1:${server.port}/console/rules`;
});
afterAll(() => started.disposeAsync());

async function ask(init?: RequestInit): Promise<{ status: number; answer: unknown }> {
  const response = await fetch(url, init);
  return { status: response.status, answer: await response.json() };
}

const tryRecords = (datasetRecords: object) =>
  ask({ method: 'POST', body: JSON.stringify({ datasetName: 'game', datasetRecords }) });

describe('/console/rules', () => {
  it('describes the rules file as it is now', async () => {
    await writeFile(file, RULES);
    expect(await ask()).toMatchObject({
      status: 200,
      answer: {
        path: file,
        mode: 'enforce',
        datasets: [
          {
            name: 'game',
            unknownKeys: 'drop',
            keys: [
              { name: 'score', conditions: ['matches a schema', 'never decreases'], onInvalid: 'reject' },
              { name: 'code', conditions: ['passes a function'] },
            ],
          },
        ],
      },
    });
    await writeFile(file, RULES.replace("'game'", "'play'").replace('game:', 'play:'));
    expect(await ask()).toMatchObject({ answer: { datasets: [{ name: 'play' }] } });
    await writeFile(file, RULES);
  });

  it('returns the verdict on an event', async () => {
    const { status, answer } = await tryRecords({ score: { oldValue: '10', newValue: '5' } });
    expect(status).toBe(200);
    expect(answer).toMatchObject({
      results: [{ hasRules: true, verdict: { kind: 'rejected' } }],
      thrown: [],
    });
  });

  it('returns the error of a function in the rules file', async () => {
    const { answer } = await tryRecords({ code: '1' });
    expect(answer).toMatchObject({ thrown: [expect.stringContaining('validate threw: a bug')] });
  });

  it.each(['{', '[]', '{"datasetName":1}'])('rejects %s, which is not an event', async (body) => {
    expect(await ask({ method: 'POST', body })).toMatchObject({
      status: 422,
      answer: { message: expect.any(String) },
    });
  });

  it.each([
    ['does not exist', undefined, 'not found'],
    ['ends its process', 'process.exit(3)', 'ended early'],
    ['has an invalid rule', "export default 'x'", 'defineRules'],
  ])('returns 422 and the reason if the rules file %s', async (_, text, message) => {
    if (text === undefined) await rm(file);
    else await writeFile(file, text);
    const { status, answer } = await ask();
    expect(status).toBe(422);
    expect(JSON.stringify(answer)).toContain(message);
  });

  it('stops a rules file that never finishes loading', async () => {
    await writeFile(file, 'for (;;);');
    await expect(askRules(file, { kind: 'describe' }, 500)).rejects.toThrow('did not finish within 0.5 s');
  });
});
