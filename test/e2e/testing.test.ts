import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ListRecordsCommand } from '@aws-sdk/client-cognito-sync';
import { test as base, expect } from 'vitest';
import {
  localCloudFixture,
  startLocalCloud,
  type TestCloud,
  useLocalCloud,
} from '../../infra/local/testing/testing.ts';
import { makeRulesFolder } from '../fixtures/rules/rules-folder.ts';
import { POOL } from '../fixtures/sync/stream-events.ts';
import { createSyncClient, newIdentity } from '../fixtures/wire/sync-client.ts';

const test = base.extend<{ cloud: TestCloud }>(localCloudFixture());

test('the service for tests seeds identities, and forgets them when it is reset', async ({ cloud }) => {
  const client = createSyncClient(cloud.url);
  const read = async (IdentityId = '') => {
    const dataset = { IdentityPoolId: POOL, IdentityId, DatasetName: 'game' };
    const { Records = [] } = await client.send(new ListRecordsCommand(dataset));
    return Records.map(({ Key, Value }) => [Key, Value]);
  };
  const logins = { 'accounts.google.com': 'a-token' };
  const identityId = 'us-east-1:7b1c3a52-6e9d-4f0a-9c1e-2d8f5b4a6c10';
  const datasets = { game: { score: '1' } };
  const [guest, user, known] = await cloud.seed([
    { datasets },
    { logins, datasets },
    { identityId, datasets },
  ]);
  expect(known).toBe(identityId);
  expect(await cloud.seed([{ logins, datasets: { game: { score: '2' } } }])).toEqual([user]);
  expect(await Promise.all([guest, user, known].map(read))).toEqual([
    [['score', '1']],
    [['score', '2']],
    [['score', '1']],
  ]);
  await cloud.reset();
  expect(await read(known)).toEqual([]);
  expect(await cloud.seed([{ logins }])).not.toEqual([user]);
  await expect(cloud.seed([{ identityId, datasets: { 'no space': { a: '1' } } }])).rejects.toThrow(
    'datasetName',
  );
  client.destroy();
});

test('the sync rules apply to seeded records of identities that can log in', async () => {
  const rules = await makeRulesFolder();
  try {
    await rules.write(
      'rules.ts',
      `import { defineRules } from 'cognito-sync-backend/rules';
       export default defineRules({
         datasets: { game: { unknownKeys: 'drop', keys: { score: { maxBytes: 3, onInvalid: 'reject' } } } },
       });`,
    );
    await using cloud = await startLocalCloud({ rulesFile: rules.rulesFile });
    const client = createSyncClient(cloud.url);
    const keys = async (IdentityId = '') => {
      const dataset = { IdentityPoolId: POOL, IdentityId, DatasetName: 'game' };
      const { Records = [] } = await client.send(new ListRecordsCommand(dataset));
      return Records.map(({ Key }) => Key).sort();
    };
    const datasets = { game: { score: '1', other: '2' } };
    const logins = { 'accounts.google.com': 'a-token' };
    const [guest, user] = await cloud.seed([{ datasets }, { logins, datasets }]);
    expect([await keys(guest), await keys(user)]).toEqual([['score'], ['score']]);

    const later = { game: { later: '3' } };
    await cloud.seed([
      { identityId: String(guest), datasets: later },
      { identityId: String(user), logins, datasets: later },
    ]);
    expect([await keys(guest), await keys(user)]).toEqual([['score'], ['score']]);
    await expect(cloud.seed([{ identityId: String(user), datasets }])).rejects.toThrow(
      `${user} cannot log in; set its \`logins\` to its tokens (Access to Identity '${user}' is forbidden.)`,
    );
    await expect(cloud.seed([{ datasets: { game: { score: '1000' } } }])).rejects.toThrow(
      'its value is longer than 3 bytes',
    );

    // Cognito Identity does not have this identity, so it cannot log in.
    const [unknown] = await cloud.seed([{ identityId: newIdentity().IdentityId, datasets }]);
    expect(await keys(unknown)).toEqual(['other', 'score']);
    client.destroy();
  } finally {
    await rules.remove();
  }
}, 90_000);

test('a service for tests that cannot start says why', async () => {
  await expect(startLocalCloud({ rulesFile: '/missing/rules.ts' })).rejects.toThrow(
    'sync rules: cannot load /missing/rules.ts',
  );
});

test('unknown options and members of identities are rejected by name', async ({ cloud }) => {
  const options = { ruleFile: 'rules.ts' };
  await expect(startLocalCloud(options as object)).rejects.toThrow(
    'startLocalCloud has no option "ruleFile"; did you mean rulesFile?',
  );
  const identity = { dataset: { game: { score: '1' } } };
  await expect(cloud.seed([{}, identity as object])).rejects.toThrow(
    'an identity has no member "dataset"; did you mean datasets?',
  );
});

test('a service for tests ends if its caller ends while the service starts', async () => {
  const program = fileURLToPath(new URL('../../infra/local/testing/cloud-process.ts', import.meta.url));
  const child = fork(program, ['{}'], { execArgv: [], stdio: 'ignore' });
  const exited = once(child, 'exit').then(([code]) => code);
  child.disconnect();
  try {
    expect(await Promise.race([exited, sleep(60_000, 'still running', { ref: false })])).toBe(0);
  } finally {
    child.kill('SIGKILL');
  }
}, 90_000);

test('a service for tests whose process cannot be created says why', async () => {
  const { execPath } = process;
  process.execPath = '/missing/node';
  const starting = startLocalCloud();
  process.execPath = execPath;
  await expect(starting).rejects.toThrow('the service failed: spawn /missing/node ENOENT');
});

test('the hooks start a service, reset it before every test, and stop it', async () => {
  const run = new Map<string, () => Promise<void>>();
  const add = (name: string) => (hook: () => Promise<void>) => void run.set(name, hook);
  const cloud = useLocalCloud({
    beforeAll: add('beforeAll'),
    beforeEach: add('beforeEach'),
    afterAll: add('afterAll'),
  });
  expect(() => cloud.url).toThrow('the service runs only during tests and hooks');
  await run.get('beforeAll')?.();
  const { url } = cloud;
  try {
    const logins = { 'accounts.google.com': 'a-token' };
    const ids = [];
    for (let time = 0; time < 3; time += 1) {
      ids.push(...(await cloud.seed([{ logins }])));
      await run.get('beforeEach')?.();
    }
    expect(new Set(ids).size).toBe(3);
    expect(cloud.url).toBe(url);
  } finally {
    await run.get('afterAll')?.();
  }
  await expect(fetch(url)).rejects.toThrow();
  expect(() => cloud.url).toThrow();
}, 90_000);

test('an outdated Node is named in one line', async () => {
  const { versions } = process;
  Object.defineProperty(process, 'versions', { value: { ...versions, node: '20.19.0' }, configurable: true });
  const starting = startLocalCloud();
  Object.defineProperty(process, 'versions', { value: versions, configurable: true });
  await expect(starting).rejects.toThrow(
    'Node 20.19.0 is too old for cognito-sync-backend; install Node 22.18',
  );
});
