import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { DeleteDatasetCommand, SetCognitoEventsCommand } from '@aws-sdk/client-cognito-sync';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { functionArn } from '../../infra/local/names.ts';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import { MAX_LISTENERS } from '../../lib/query/activity-feed.ts';
import { identityClient } from '../fixtures/identity/identity-credentials.ts';
import { startCloud } from '../fixtures/local/local-cloud.ts';
import { operate } from '../fixtures/local/operator.ts';
import { programEnvironment } from '../fixtures/local/program-environment.ts';
import { makeRulesFolder, type RulesFolder } from '../fixtures/rules/rules-folder.ts';
import { change, newPerson, newSubscriber } from '../fixtures/sync/push-devices.ts';
import { readEvents } from '../fixtures/sync/push-readers.ts';
import { createSyncClient, newIdentity, refusalOf, set, write } from '../fixtures/wire/sync-client.ts';

const COMMAND = fileURLToPath(new URL('../../infra/cognito-sync-backend.mjs', import.meta.url));
const SECRET = 'a value that no activity may contain';
const RULES = `
  import { defineRules, number } from 'cognito-sync-backend/rules';
  export default defineRules({
    datasets: {
      game: {
        keys: {
          score: { schema: number(), monotonic: 'increasing', onInvalid: 'revert' },
          name: { rewrite: ({ value }) => value.trim() },
          strict: { maxBytes: 40, onInvalid: 'reject' },
        },
      },
    },
  });`;
/** A function that leaves out every record, so that nothing is written. */
const OMITTING = 'export const handler = async (event) => ({ ...event, datasetRecords: {} });';

let rules: RulesFolder;
let cloud: LocalCloud;
beforeAll(async () => {
  rules = await makeRulesFolder();
  await rules.write('rules.ts', RULES);
  const omitting = `data:text/javascript,${encodeURIComponent(OMITTING)}`;
  cloud = await startCloud({ rulesFile: rules.rulesFile, functions: { omitting: new URL(omitting) } });
});
afterAll(async () => {
  await cloud.close();
  await rules.remove();
});

/** Starts a command that runs until the test finishes. */
function startCommand(args: string[], env: Record<string, string>) {
  const child = spawn(process.execPath, [COMMAND, ...args], { env: { ...programEnvironment(), ...env } });
  onTestFinished(() => void child.kill());
  const printed = { output: '', errors: '' };
  child.stdout.on('data', (chunk) => {
    printed.output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    printed.errors += chunk;
  });
  return { output: () => printed.output, errors: () => printed.errors };
}

/** Reads the feed of activities from now on. */
async function watch(parameters: Record<string, string> = {}) {
  const reader = await readEvents(`${cloud.url}/query/activity?${new URLSearchParams(parameters)}`);
  await reader.nextComment();
  let lastId = 0;
  /** Returns the next activity of a kind; skips the others. */
  const next = async (kind: string): Promise<Record<string, unknown>> => {
    for (;;) {
      const { id, event, data } = await reader.next();
      expect(data).not.toContain(SECRET);
      expect(Number(id)).toBeGreaterThan(lastId);
      lastId = Number(id);
      if (event === kind) return JSON.parse(data);
    }
  };
  return { ...reader, next };
}

describe('the command tail', () => {
  it('prints each sync with the decisions of the rules and the time until it was in SQL', async () => {
    const identity = newIdentity();
    const client = await identityClient(cloud, identity);
    const env = { AWS_ENDPOINT_URL: cloud.url };
    const lines = startCommand(['tail', '--identity', identity.IdentityId], env);
    const asJson = startCommand(['tail', '--identity', identity.IdentityId, '--json'], env);
    await expect
      .poll(() => lines.errors() + asJson.errors(), { timeout: 20_000 })
      .toMatch(/Waiting.*\n.*Waiting/);
    await write(client, identity, 'game', [set('score', '5')]);
    // The line of a sync that wrote something appears only after its projection, but that of a rejected sync appears
    // immediately. So wait for each line before the next sync.
    const untilLines = (count: number) =>
      expect.poll(() => lines.output().split('\n').length - 1, { timeout: 20_000 }).toBe(count);
    await untilLines(1);
    await write(client, identity, 'game', [set('score', '4', 1)]);
    await untilLines(2);
    await write(client, identity, 'game', [set('other', 'x'), set('score', 'ten', 2)]);
    await untilLines(3);
    await refusalOf(write(client, identity, 'game', [set('strict', SECRET.repeat(2))]));
    await untilLines(4);
    const [first, second, third, fourth] = lines.output().split('\n');
    expect(first).toMatch(/UpdateRecords {2}1 record {2}sync count 1 {2}\d+ ms {2}projected after \d+ ms$/);
    expect(second).toMatch(
      /1 record {2}sync count 2 {2}\d+ ms {2}score reverted by datasets\.game\.keys\.score \(it must not go down\); projected after \d+ ms$/,
    );
    expect(third).toMatch(/ {2}score reverted by .*; projected after \d+ ms$/);
    expect(fourth).toMatch(
      /1 record {2}\d+ ms {2}rejected: strict rejected by datasets\.game\.keys\.strict \(.*40 bytes\)$/,
    );
    await expect.poll(() => asJson.output().trim().split('\n').length, { timeout: 20_000 }).toBe(4);
    expect(
      asJson
        .output()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toMatchObject([
      { operation: 'UpdateRecords', projectedAfterMs: expect.any(Number), trigger: { outcome: 'accepted' } },
      {
        syncCount: 2,
        trigger: {
          outcome: 'changed',
          records: [{ decision: 'reverted', rule: 'datasets.game.keys.score' }],
        },
        projectedAfterMs: expect.any(Number),
      },
      { trigger: { outcome: 'changed' }, projectedAfterMs: expect.any(Number) },
      {
        trigger: { outcome: 'rejected', records: [{ decision: 'rejected' }] },
        projectedAfterMs: null,
      },
    ]);
  });

  it('says how to start a local cloud if none is running', async () => {
    expect(await operate(['tail'], { PORT: '1' })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('run `npx cognito-sync-backend start`'),
    });
    expect(await operate(['tail', '--pool', 'x'], {})).toMatchObject({ code: 2 });
  });
});

describe('GET /query/activity', () => {
  it('reports a sync, the decision of the sync trigger, and the projection', async () => {
    const identity = newIdentity();
    const client = await identityClient(cloud, identity);
    await write(client, identity, 'game', [set('score', '5')]);
    const feed = await watch({ identity: identity.IdentityId });
    await write(client, identity, 'game', [
      set('score', '4', 1),
      set('name', ` ${SECRET} `),
      set('other', 'x'),
    ]);
    const trigger = await feed.next('trigger');
    expect(trigger).toMatchObject({
      identityId: identity.IdentityId,
      datasetName: 'game',
      functionName: 'sync-trigger',
      outcome: 'changed',
      reason: null,
      recordCount: 3,
    });
    expect(trigger.records).toEqual([
      {
        key: 'score',
        decision: 'reverted',
        rule: 'datasets.game.keys.score',
        reason: expect.stringContaining('go down'),
      },
      { key: 'name', decision: 'rewritten', rule: 'datasets.game.keys.name', reason: expect.any(String) },
      { key: 'other', decision: 'accepted', rule: null, reason: null },
    ]);
    const sync = await feed.next('sync');
    expect(sync).toMatchObject({
      operation: 'UpdateRecords',
      identityPoolId: identity.IdentityPoolId,
      identityId: identity.IdentityId,
      datasetName: 'game',
      syncCount: 2,
      records: 3,
      error: null,
      requestId: trigger.requestId,
      at: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    // The feed may first report the projection of the update that was written before the feed was opened.
    const updates: unknown[] = [];
    await vi.waitUntil(
      async () => {
        const projected = await feed.next('projected');
        expect(projected).toMatchObject({
          streamName: 'cognito-sync',
          shardId: expect.stringMatching(/^shardId-/),
          quarantined: 0,
        });
        if (Array.isArray(projected.datasets)) updates.push(...projected.datasets);
        return JSON.stringify(updates.at(-1)).includes('"syncCount":2');
      },
      { timeout: 20_000 },
    );
    expect(updates.at(-1)).toEqual({
      identityPoolId: identity.IdentityPoolId,
      identityId: identity.IdentityId,
      datasetName: 'game',
      syncCount: 2,
      isRemoval: false,
    });
    await client.send(new DeleteDatasetCommand({ ...identity, DatasetName: 'game' }));
    expect(await feed.next('sync')).toMatchObject({ operation: 'DeleteDataset', records: 0, error: null });
    expect(await feed.next('projected')).toMatchObject({
      datasets: [{ datasetName: 'game', isRemoval: true }],
    });
  });

  it('reports that a rule dropped the only record of an update, and the projection of its event', async () => {
    const identity = newIdentity();
    const client = await identityClient(cloud, identity);
    const feed = await watch({ identity: identity.IdentityId });
    await write(client, identity, 'game', [set('score', 'ten')]);
    expect(await feed.next('trigger')).toMatchObject({
      outcome: 'changed',
      reason: null,
      records: [{ key: 'score', decision: 'dropped', rule: 'datasets.game.keys.score' }],
    });
    expect(await feed.next('sync')).toMatchObject({ error: null, syncCount: 1 });
    expect(await feed.next('projected')).toMatchObject({ datasets: [{ datasetName: 'game', syncCount: 1 }] });
  });

  it('reports an update that the sync trigger rejected, with the rule', async () => {
    const identity = newIdentity();
    const client = await identityClient(cloud, identity);
    const feed = await watch();
    await refusalOf(write(client, identity, 'game', [set('strict', SECRET.repeat(2))]));
    expect(await feed.next('trigger')).toMatchObject({
      outcome: 'rejected',
      reason: expect.stringContaining('longer than 40 bytes'),
      records: [{ key: 'strict', decision: 'rejected', rule: 'datasets.game.keys.strict' }],
    });
    expect(await feed.next('sync')).toMatchObject({
      error: { code: 'InvalidLambdaFunctionOutputException', message: expect.stringContaining('40 bytes') },
      syncCount: null,
    });
  });

  it('reports no sync count if the sync trigger left nothing to write', async () => {
    const identity = newIdentity();
    const client = await identityClient(cloud, identity);
    await write(client, identity, 'game', [set('score', '5')]);
    const developer = createSyncClient(cloud.url);
    const useFunction = (name: string) =>
      developer.send(
        new SetCognitoEventsCommand({
          IdentityPoolId: identity.IdentityPoolId,
          Events: { SyncTrigger: functionArn('us-east-1', name) },
        }),
      );
    await useFunction('omitting');
    onTestFinished(async () => {
      await useFunction('sync-trigger');
      developer.destroy();
    });
    const feed = await watch({ identity: identity.IdentityId });
    await write(client, identity, 'game', [set('score', '6', 1), set('level', '1', 1)]);
    expect((await feed.next('trigger')).records).toEqual([
      { key: 'score', decision: 'reverted', rule: null, reason: null },
      { key: 'level', decision: 'dropped', rule: null, reason: null },
    ]);
    expect(await feed.next('sync')).toMatchObject({ records: 2, error: null, syncCount: null });
  });

  it('reports conflicts and push messages', async () => {
    const person = await newPerson(cloud);
    await change(person, 'game');
    const feed = await watch({ pool: person.identity.IdentityPoolId });
    const device = await newSubscriber(person, 'game');
    expect(await feed.next('sync')).toMatchObject({ operation: 'RegisterDevice', deviceId: device });
    expect(await feed.next('sync')).toMatchObject({ operation: 'SubscribeToDataset', deviceId: device });
    await change(person, 'game');
    expect(await feed.next('push')).toMatchObject({ deviceId: device, datasetName: 'game', syncCount: 2 });
    const { identity, client } = person;
    await write(client, identity, 'game', [set('k', '1')]);
    await refusalOf(write(client, identity, 'game', [set('k', '2')]));
    await expect
      .poll(async () => (await feed.next('sync')).error)
      .toMatchObject({ code: 'ResourceConflictException' });
  });

  it('leaves out the activities of other identities', async () => {
    const [one, other] = [newIdentity(), newIdentity()];
    const client = createSyncClient(cloud.url);
    onTestFinished(() => client.destroy());
    const feed = await watch({ pool: one.IdentityPoolId, identity: one.IdentityId });
    await write(client, other, 'game', [set('a', '1')]);
    await write(client, one, 'game', [set('a', '1')]);
    expect(await feed.next('sync')).toMatchObject({ identityId: one.IdentityId });
    const { datasets } = await feed.next('projected');
    expect(datasets).toEqual([expect.objectContaining({ identityId: one.IdentityId })]);
  });

  it.each([
    ['the parameter after', (id: string) => [`&after=${id}`, {}] as const],
    ['the header Last-Event-ID', (id: string) => ['', { 'last-event-id': id }] as const],
  ])('first sends what a client has missed since the id in %s', async (_, resume) => {
    const identity = newIdentity();
    const client = createSyncClient(cloud.url);
    onTestFinished(() => client.destroy());
    const address = `${cloud.url}/query/activity?${new URLSearchParams({ identity: identity.IdentityId })}`;
    const first = await readEvents(address);
    await first.nextComment();
    await write(client, identity, 'game', [set('a', '1')]);
    const { id } = await first.next();
    first.close();
    await write(client, identity, 'game', [set('a', '2', 1)]);
    const second = await readEvents(address + resume(id)[0], resume(id)[1]);
    const counts: unknown[] = [];
    while (!counts.includes(2)) {
      const { event, data, id: nextId } = await second.next();
      expect(Number(nextId)).toBeGreaterThan(Number(id));
      if (event === 'sync') counts.push(JSON.parse(data).syncCount);
    }
  });

  it('rejects unknown parameters, other methods than GET, other origins, and listeners above the limit', async () => {
    const address = `${cloud.url}/query/activity`;
    expect((await fetch(`${address}?user=1`)).status).toBe(400);
    expect((await fetch(`${address}?after=yesterday`)).status).toBe(400);
    expect((await fetch(address, { method: 'POST' })).status).toBe(405);
    expect((await fetch(address, { headers: { origin: 'https://example.com' } })).status).toBe(403);
    const readers = await Promise.all(Array.from({ length: MAX_LISTENERS + 8 }, () => readEvents(address)));
    expect(readers.filter(({ response }) => response.status === 429).length).toBeGreaterThanOrEqual(8);
    for (const reader of readers) reader.close();
    await expect
      .poll(
        async () => {
          const reader = await readEvents(address);
          reader.close();
          return reader.response.status;
        },
        { timeout: 10_000 },
      )
      .toBe(200);
  });
});
