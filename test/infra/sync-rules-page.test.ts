import { execFile } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLocalFunctions, type LocalFunctions } from '../../infra/local/functions/local-functions.ts';
import { functionArn } from '../../infra/local/names.ts';
import { isObject } from '../../lib/common/json.ts';
import { FunctionError } from '../../lib/sync/ports/functions.ts';
import { buildSyncTriggerEvent } from '../../lib/sync/trigger/build-sync-trigger-event.ts';
import { startOperator } from '../fixtures/local/operator.ts';
import {
  type Claim,
  documentedRules,
  documentedRulesOf,
  SYNC_RULES_PAGE,
  writeRulesFile,
} from '../fixtures/rules/sync-rules-page.ts';
import { IDENTITY, POOL } from '../fixtures/sync/stream-events.ts';

const ARN = functionArn('us-east-1', 'sync-trigger');
const SYNC_TRIGGER = new URL('../../functions/sync-trigger.ts', import.meta.url);
const COMMAND = fileURLToPath(new URL('../../infra/cognito-sync-backend.mjs', import.meta.url));
/** Long enough for the thread of the sync trigger to load zod on a busy machine. */
const TIMEOUT_MS = 20_000;
const RULES = documentedRules();

const operator = startOperator(fileURLToPath(new URL('../../', import.meta.url)));
afterAll(() => operator.end());

/** Runs the sync trigger on the request of a claim in docs/sync-rules.md. @returns the outcome as the page states it */
async function outcomeOf(functions: LocalFunctions, claim: Claim): Promise<Claim['outcome']> {
  const { datasetName, stored, requested } = claim;
  const event = buildSyncTriggerEvent(
    { identityPoolId: POOL, identityId: IDENTITY, datasetName },
    Object.entries(stored).map(([Key, Value]) => ({ Key, Value })),
    Object.entries(requested).map(([key, value]) => ({ key, value })),
  );
  try {
    return {
      stored: valuesOf(await functions.invoke(ARN, event, { identityId: IDENTITY, timeoutMs: TIMEOUT_MS })),
    };
  } catch (error) {
    if (!(error instanceof FunctionError)) throw error;
    return { rejected: error.message };
  }
}

function valuesOf(result: unknown): Record<string, string> {
  const records = isObject(result) && isObject(result.datasetRecords) ? result.datasetRecords : {};
  const values = Object.entries(records).map(([key, record]) => [
    key,
    isObject(record) && record.op === 'replace' ? record.newValue : undefined,
  ]);
  return Object.fromEntries(values.filter(([, value]) => value !== undefined));
}

/** Runs shell commands in a folder, with `cognito-sync-backend` of this checkout. @returns the commands' output */
async function runShell(script: string, cwd: string): Promise<string> {
  const commands = script.replaceAll('npx cognito-sync-backend', `'${process.execPath}' '${COMMAND}'`);
  const { stdout } = await promisify(execFile)('bash', ['-eu', '-c', commands], { cwd });
  return stdout;
}

describe('docs/sync-rules.md', () => {
  const blocks = [...SYNC_RULES_PAGE.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(
    ([, language = '', text = '']) => ({ language, text }),
  );

  it('has only code blocks that this test runs or checks as output', () => {
    expect(SYNC_RULES_PAGE.match(/^```/gm)).toHaveLength(blocks.length * 2);
    expect(blocks.map(({ language }) => language)).toEqual(['ts', 'ts', 'ts', 'sh', 'text']);
    expect(SYNC_RULES_PAGE.trimEnd().split('\n').length).toBeLessThanOrEqual(250);
  });

  it('makes claims about each of its rules files', () => {
    expect(RULES.map(({ heading, claims }) => [heading, claims.length > 3])).toEqual([
      ['The first rules in two minutes', true],
      ['A game', true],
      ['Preferences of an app', true],
    ]);
  });

  it('has shell commands that print the output below them', async () => {
    const path = await writeRulesFile(documentedRulesOf('A game').code, 'game-rules.ts');
    const [script = '', printed = ''] = blocks.slice(-2).map(({ text }) => text);
    const output = await runShell(script, dirname(path));
    expect(output.slice(0, printed.length)).toBe(printed);
    expect(JSON.parse(output.slice(printed.length))).toMatchObject({
      datasetRecords: { score: { newValue: '1200' }, aimbot: { op: 'remove' }, name: { newValue: 'Ada' } },
    });
  });
});

describe.each(RULES)('the rules under "$heading"', ({ code, claims }) => {
  let functions: LocalFunctions;
  let rulesFile: string;
  beforeAll(async () => {
    rulesFile = await writeRulesFile(code);
    functions = createLocalFunctions({
      modules: { 'sync-trigger': SYNC_TRIGGER },
      region: 'us-east-1',
      rulesFile,
    });
  });
  afterAll(() => functions.close());

  it('have no errors, neither in types nor in examples', async () => {
    expect(await operator.operate(['rules', 'check'], { SYNC_RULES: rulesFile })).toEqual({
      code: 0,
      stdout: expect.stringMatching(
        /^\S+\.ts: \d datasets?, \d key rules?, \d examples?: 0 errors, 0 notes\n$/,
      ),
      stderr: '',
    });
  });

  it.each(claims)('turn $stored and the request $requested into $outcome', async (claim) => {
    expect(await outcomeOf(functions, claim)).toEqual(claim.outcome);
  });
});
