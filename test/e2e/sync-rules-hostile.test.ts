import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CognitoSyncClient, RecordPatch } from '@aws-sdk/client-cognito-sync';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLocalFunctions } from '../../infra/local/functions/local-functions.ts';
import { functionArn } from '../../infra/local/names.ts';
import { identityClient } from '../fixtures/identity/identity-credentials.ts';
import { type StartedProcess, startProcess } from '../fixtures/local/npm-start.ts';
import rules, { HARMLESS } from '../fixtures/rules/hostile-rules.ts';
import { IDENTITY, POOL } from '../fixtures/sync/stream-events.ts';
import { type Identity, list, newIdentity, refusalOf, set, write } from '../fixtures/wire/sync-client.ts';

const RULES_FILE = fileURLToPath(new URL('../fixtures/rules/hostile-rules.ts', import.meta.url));
/** The value that a device sends. No log may contain it. */
const SECRET = 'hunter2hunter2hunter2hunter2hunter2!';

const invalidOutput = (reason: string | RegExp) => ({
  name: 'InvalidLambdaFunctionOutputException',
  status: 400,
  message:
    typeof reason === 'string' ? `SyncTrigger failed with error ${reason}.` : expect.stringMatching(reason),
});
const TIMED_OUT = {
  name: 'LambdaSocketTimeoutException',
  status: 400,
  message: 'SyncTrigger timed out; sync again',
};

/** By dataset: the error of a call that sets the key `sent` to the secret. */
const REJECTED: Record<string, unknown> = {
  throws: invalidOutput('datasets.throws.keys.* failed: validate threw'),
  'throws-text': invalidOutput('datasets.throws-text.keys.* failed: rewrite threw'),
  promises: invalidOutput('datasets.promises.keys.* failed: validate returned a promise'),
  'promises-to-look': invalidOutput('datasets.promises-to-look.keys.* failed: schema returned a promise'),
  answers: invalidOutput('datasets.answers.keys.* failed: validate returned neither a boolean nor a string'),
  exits: invalidOutput('it ended itself with exit code 7'),
  quotes: invalidOutput('sent: its value does not match the schema'),
  'quotes-names': invalidOutput('sent: its value does not match the schema'),
  'long-key': invalidOutput(
    /derive failed: derive used a key that is empty or longer than 1024 characters\.$/,
  ),
  'no-key': invalidOutput(/derive failed: derive used a key that is empty or longer than 1024 characters\.$/),
  'no-text': invalidOutput(/derive failed: derive set a value that is not a string\.$/),
  'not-storable': invalidOutput(
    /derive failed: derive set a value that contains NUL or unpaired surrogates\.$/,
  ),
  'long-value': invalidOutput(/derive failed: derive set a value that is longer than 1048575 characters\.$/),
  'long-rewrite': invalidOutput(
    /keys\.\* failed: rewrite returned a value that is longer than 1048575 characters\.$/,
  ),
  'large-dataset': { name: 'LimitExceededException', status: 400, message: expect.any(String) },
  'many-records': invalidOutput('the dataset would have more than 1024 records'),
  changes: invalidOutput('datasets.changes.derive failed: derive threw'),
};

/** By dataset: the additional records that are stored when the call succeeds. */
const STORED: Record<string, Record<string, string>> = {
  'throws-later': {},
  transforms: {},
  coerces: {},
  renames: {},
  'sets-later': {},
  prototype: JSON.parse(`{ "__proto__": ${JSON.stringify(SECRET)} }`),
};

describe('hostile or broken sync rules', () => {
  let started: StartedProcess;
  let dataDir: string;
  let identity: Identity;
  let client: CognitoSyncClient;
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'hostile-rules-'));
    const env = { DATA_DIR: dataDir, SYNC_RULES: RULES_FILE, POWERTOOLS_LOG_LEVEL: 'DEBUG' };
    started = await startProcess(env);
  });
  afterAll(async () => {
    await started.end('SIGTERM');
    await rm(dataDir, { recursive: true });
  });
  beforeEach(() => becomeAnother());

  const update = (datasetName: string, ...patches: RecordPatch[]) =>
    write(client, identity, datasetName, patches);
  /** Continues as another user, because one identity may occupy only two threads of the sync trigger. */
  async function becomeAnother(): Promise<void> {
    identity = newIdentity();
    client = await identityClient({ url: started.url, dataDir }, identity);
  }
  async function stored(datasetName: string): Promise<Record<string, string | undefined>> {
    const { Records = [] } = await list(client, identity, datasetName);
    return Object.fromEntries(Records.map(({ Key = '', Value }) => [Key, Value]));
  }

  it('are all covered by these tests', () => {
    const covered = [...Object.keys(REJECTED), ...Object.keys(STORED)];
    const names = rules.datasets.map(({ name }) => name);
    expect([...covered, 'never-returns', 'slow-pattern', 'slow-globs'].toSorted()).toEqual(names.toSorted());
  });

  it.each(Object.entries(REJECTED))('fail the call, which stores nothing: %s', async (name, error) => {
    const value = name === 'quotes-names' ? JSON.stringify({ [SECRET]: SECRET }) : SECRET;
    expect(await refusalOf(update(name, set('sent', value)))).toEqual(error);
    expect(await stored(name)).toEqual({});
  });

  it.each(Object.entries(STORED))('store the sent value unchanged: %s', async (name, additional) => {
    const values = { sent: SECRET, ...additional };
    const { Records = [] } = await update(name, set('sent', SECRET));
    expect(Records.map(({ Key, Value }) => [Key, Value])).toEqual(Object.entries(values));
    expect(await stored(name)).toEqual(values);
    expect(await stored('throws')).toEqual({});
    // The rule may have ended its thread in the meantime. The next call must work anyway.
    await update(name, set('sent', HARMLESS, 1));
  });

  it('time out after five seconds; concurrent and later calls work', async () => {
    let ended = 0;
    const slow = ['never-returns', 'slow-pattern'].map((name) =>
      refusalOf(update(name, set('sent', SECRET))).finally(() => {
        ended += 1;
      }),
    );
    const [slowIdentity, slowClient] = [identity, client];
    await becomeAnother();
    for (let syncCount = 0; syncCount < 3; syncCount += 1) {
      await update('transforms', set('sent', SECRET, syncCount));
      expect(await stored('transforms')).toEqual({ sent: SECRET });
    }
    expect(ended).toBe(0);
    expect(await Promise.all(slow)).toEqual([TIMED_OUT, TIMED_OUT]);
    [identity, client] = [slowIdentity, slowClient];
    for (const name of ['never-returns', 'slow-pattern']) {
      expect(await stored(name)).toEqual({});
      await update(name, set('sent', HARMLESS));
      expect(await stored(name)).toEqual({ sent: HARMLESS });
    }
  });

  it('can match 500 keys against a slow glob within the time limit of a call', async () => {
    const keys = Array.from({ length: 500 }, (_, index) => `${index}-${'a'.repeat(1_000)}`);
    const { Records = [] } = await update('slow-globs', ...keys.map((key) => set(key, SECRET)));
    expect(Records.map(({ Key, Value }) => [Key, Value])).toEqual(keys.map((key) => [key, undefined]));
  });

  it('are logged if they end the function; keys cannot forge log lines', async () => {
    await refusalOf(update('exits', set('sent', SECRET)));
    await update('throws-later', set('sent', SECRET));
    const key = 'evil\u001b[31m\nforged';
    await refusalOf(update('quotes', set(key, SECRET)));
    for (const reason of ['it ended itself with exit code 7', 'it threw after it had responded']) {
      await expect.poll(() => started.output()).toContain(`"sync-trigger: ${reason}"`);
    }
    await expect.poll(() => started.output()).toContain('Error: evil\\u001b[31m\\nforged: its value');
    expect(started.output()).not.toContain(key);
  });

  it('are logged with each decision but without values', async () => {
    await refusalOf(update('throws', set('last', SECRET)));
    await expect.poll(() => started.output()).toContain('"key":"last"');
    const output = started.output();
    expect(output).toContain('"action":"rule-error"');
    expect(output).not.toContain(SECRET);
    expect(output).not.toContain('hunter2');
  });
});

it('a record that AWS sends as null stays null under any rules', async () => {
  const functions = createLocalFunctions({
    modules: { 'sync-trigger': new URL('../../functions/sync-trigger.ts', import.meta.url) },
    region: 'us-east-1',
    rulesFile: RULES_FILE,
  });
  const event = {
    version: 2,
    eventType: 'SyncTrigger',
    region: 'us-east-1',
    identityPoolId: POOL,
    identityId: IDENTITY,
    datasetName: 'throws',
    datasetRecords: { gone: null },
  };
  try {
    const result = await functions.invoke(functionArn('us-east-1', 'sync-trigger'), event, {
      identityId: IDENTITY,
      timeoutMs: 20_000,
    });
    expect(result).toEqual(event);
  } finally {
    functions.close();
  }
});
