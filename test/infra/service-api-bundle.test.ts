import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createRelayOutbox } from '../../functions/relay-outbox.ts';
import { ensureFirstPool } from '../../infra/local/first-pool.ts';
import { createLambdaContext } from '../../infra/local/lambda-context.ts';
import { STREAM_NAME } from '../../infra/local/names.ts';
import { createKinesisPublisher } from '../../lib/aws/kinesis-publisher.ts';
import { createLogger } from '../../lib/aws/telemetry.ts';
import type { Database } from '../../lib/database/database.ts';
import { openPg } from '../../lib/database/drivers/pg/open-pg.ts';
import { createTemporaryCredentials } from '../../lib/identity/temporary-credentials.ts';
import { createOutboxStore } from '../../lib/sync/store/outbox-store.ts';
import { createStreamingSwitch } from '../../lib/sync/store/streaming-switch.ts';
import { type FunctionUrl, startFunctionUrl } from '../fixtures/aws/function-url.ts';
import { type KinesisEmulator, region, startKinesisEmulator } from '../fixtures/aws/kinesis-emulator.ts';
import { readEvents } from '../fixtures/aws/read-stream.ts';
import { type SecretsManager, startSecretsManager } from '../fixtures/aws/secrets-manager.ts';
import { createPostgresDatabase } from '../fixtures/database/databases.ts';
import { newPool } from '../fixtures/identity/identity-pools.ts';
import { startFcmServer } from '../fixtures/push/fcm-server.ts';
import { bundleFunction } from '../fixtures/stack/bundle-function.ts';
import { runBundle } from '../fixtures/stack/run-bundle.ts';
import { change, GCM_APP, newDevice, PUSH_SYNC, subscribe } from '../fixtures/sync/push-devices.ts';
import { createSyncClient, list, newIdentity, refusalOf, set, write } from '../fixtures/wire/sync-client.ts';

const SECRET = 'service-keys';
const TOKEN_KEY = Buffer.alloc(32, 1).toString('base64');
const FIRST = { accessKeyId: 'FIRST', secretAccessKey: 'secret-of-the-first' };
const SECOND = { accessKeyId: 'SECOND', secretAccessKey: 'secret-of-the-second' };
const keysOf = (...developers: object[]) => JSON.stringify({ developers, tokenKeys: [TOKEN_KEY] });
/** Upper bound for an update that waits 300 ms for a network that does not respond, on a busy machine. */
const SLOW_MS = 3_000;

let bundle: string;
let databaseUrl: string;
let database: Database;
let kinesis: KinesisEmulator;
let secrets: SecretsManager;
/** A function that has read the first key from its secret, before the secret received the second key. */
let rotated: FunctionUrl;
beforeAll(async () => {
  bundle = await bundleFunction('service-api');
  databaseUrl = await createPostgresDatabase();
  database = openPg({ connectionString: databaseUrl });
  await ensureFirstPool(database, region);
  kinesis = await startKinesisEmulator();
  await kinesis.createStream(1, STREAM_NAME);
  secrets = await startSecretsManager();
  // The function reads a secret at most every 30 s. It reads the first key here, so that the other tests run before the
  // test of the second key has to wait.
  await secrets.put(SECRET, keysOf(FIRST));
  rotated = await open({ SERVICE_KEYS: '', SERVICE_KEYS_SECRET: SECRET });
  const client = createSyncClient(rotated.url, { credentials: { ...FIRST }, maxAttempts: 1 });
  await list(client, newIdentity(), 'game');
  client.destroy();
  await secrets.put(SECRET, keysOf(FIRST, SECOND));
}, 120_000);
afterAll(async () => {
  await rotated.close();
  await kinesis.close();
  await database.close();
  await secrets.close();
});

function open(env: Readonly<Record<string, string>>): Promise<FunctionUrl> {
  return startFunctionUrl({
    bundle,
    maxInstances: 1,
    freezes: true,
    env: {
      ...secrets.env,
      DATABASE_URL: databaseUrl,
      SERVICE_KEYS: keysOf(FIRST),
      STREAM_NAME,
      AWS_ENDPOINT_URL_KINESIS: kinesis.endpoint,
      ...env,
    },
  });
}

/** Starts a function for this test. */
async function start(env: Readonly<Record<string, string>> = {}): Promise<FunctionUrl> {
  const functionUrl = await open(env);
  onTestFinished(() => functionUrl.close());
  return functionUrl;
}

function connect(url: string, credentials = FIRST) {
  // The client adds members to the object that it receives.
  const client = createSyncClient(url, { credentials: { ...credentials }, maxAttempts: 1 });
  onTestFinished(() => client.destroy());
  return client;
}

/** Returns the URL of a server that accepts connections and never responds. */
async function startBlackHole(): Promise<string> {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => void sockets.push(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `http://127.0.0.1:${address.port}`;
}

async function eventsOf(identityId: string): Promise<unknown[]> {
  const events = await readEvents(kinesis.client, STREAM_NAME);
  return events.map(({ event }) => event).filter((event) => event.identityId === identityId);
}

const waitingRows = async () => (await createOutboxStore(database).count()).waiting;

/** Connects as an identity of a new pool with a push application. */
async function connectDevice(url: string) {
  const identityPoolId = await newPool(database, { pushSync: PUSH_SYNC });
  const identity = { IdentityPoolId: identityPoolId, IdentityId: `us-east-1:${randomUUID()}` };
  const issuer = createTemporaryCredentials({
    keys: [Buffer.from(TOKEN_KEY, 'base64')],
    now: Date.now,
    randomId: randomUUID,
  });
  const { accessKeyId, secretAccessKey, sessionToken } = issuer.issue({
    identityPoolId,
    identityId: identity.IdentityId,
  });
  const credentials = { accessKeyId, secretAccessKey, sessionToken };
  return { identity, client: connect(url, credentials) };
}

/** Runs the scheduled relay once. */
function relay() {
  const run = createRelayOutbox({
    outbox: createOutboxStore(database),
    publisher: createKinesisPublisher(kinesis.client),
    streaming: createStreamingSwitch(database),
    streamName: STREAM_NAME,
    logger: createLogger('relay-outbox'),
  });
  return run({}, createLambdaContext('relay-outbox', region));
}

describe('the bundle of service-api', () => {
  it('has less than 950 kB', async () => {
    expect((await stat(bundle)).size).toBeLessThan(950_000);
  });

  it('notifies a device through the provider in PUSH_PROVIDERS_SECRET', async () => {
    const fcm = await startFcmServer();
    onTestFinished(() => fcm.close());
    await secrets.put('push-providers', JSON.stringify({ [GCM_APP]: fcm.provider }));
    const { url } = await start({ PUSH_PROVIDERS_SECRET: 'push-providers' });
    const person = await connectDevice(url);
    await change(person, 'game');
    await subscribe(person, 'game', await newDevice(person, 'GCM'));
    await change(person, 'game');
    // A function that has answered is frozen. If sending the message takes longer than 300 ms, the function continues
    // to send it only while it serves another request. So this test sends more requests.
    const requests = async () => {
      await list(person.client, person.identity, 'game');
      return fcm.requests;
    };
    await expect
      .poll(requests, { timeout: 20_000 })
      .toMatchObject([{ body: { message: { data: { syncCount: '2' } } } }]);
  });

  it.each([
    ['STREAM_NAME', {}],
    ['DATABASE_URL is not set', { STREAM_NAME }],
    ['neither SERVICE_KEYS nor SERVICE_KEYS_SECRET is set', { STREAM_NAME, DATABASE_URL: 'postgres://h/d' }],
    ['LOGINS=trusted', { STREAM_NAME, LOGINS: 'trusted' }],
  ])('fails with the reason if a setting is missing: %s', async (reason, env) => {
    expect(await runBundle(bundle, { AWS_REGION: region, ...env })).toEqual({
      error: expect.stringContaining(reason),
    });
  });
});

describe('an update through the function', () => {
  it('has published its event when it is answered', async () => {
    const identity = newIdentity();
    const { url } = await start();
    await write(connect(url), identity, 'game', [set('level', '7')]);
    expect(await eventsOf(identity.IdentityId)).toEqual([
      expect.objectContaining({ datasetName: 'game', syncCount: 1 }),
    ]);
    expect(await waitingRows()).toBe(0);
  });

  it('succeeds within the time limit if Kinesis does not respond, and the relay publishes its event', async () => {
    const identity = newIdentity();
    const { url } = await start({ AWS_ENDPOINT_URL_KINESIS: await startBlackHole() });
    const client = connect(url);
    await list(client, identity, 'game');
    const startedAt = performance.now();
    await write(client, identity, 'game', [set('level', '7')]);
    await write(client, identity, 'game', [set('level', '8', 1)]);
    expect(performance.now() - startedAt).toBeLessThan(2 * SLOW_MS);
    expect(await waitingRows()).toBe(2);
    await expect.poll(() => relay().then(waitingRows), { timeout: 30_000, interval: 500 }).toBe(0);
    expect((await eventsOf(identity.IdentityId)).length).toBe(2);
  });

  it('loses no event if the instance is killed between commit and publication', async () => {
    const identity = newIdentity();
    const functionUrl = await start({ AWS_ENDPOINT_URL_KINESIS: await startBlackHole() });
    const client = connect(functionUrl.url);
    await list(client, identity, 'game');
    const update = write(client, identity, 'game', [set('level', '7')]).catch(() => undefined);
    while ((await waitingRows()) === 0) await sleep(1);
    functionUrl.kill();
    await update;
    expect(await eventsOf(identity.IdentityId)).toEqual([]);
    await expect.poll(() => relay().then(waitingRows), { timeout: 30_000, interval: 500 }).toBe(0);
    expect((await eventsOf(identity.IdentityId)).length).toBe(1);
    const { Records } = await list(connect((await start()).url), identity, 'game');
    expect(Records).toEqual([expect.objectContaining({ Key: 'level', Value: '7' })]);
  });
});

describe('the keys of the function', () => {
  it('are read again when a caller uses a key that is not known', async () => {
    const identity = newIdentity();
    const client = connect(rotated.url, SECOND);
    const result = () =>
      list(client, identity, 'game').then(
        () => 'accepted',
        (error: Error) => error.name,
      );
    await expect.poll(result, { timeout: 50_000, interval: 2_000 }).toBe('accepted');
    await list(connect(rotated.url), identity, 'game');
  }, 60_000);

  it('cause an internal error without their text as long as they cannot be read', async () => {
    const { url } = await start({ SERVICE_KEYS: '', SERVICE_KEYS_SECRET: 'not-there' });
    const refusal = await refusalOf(list(connect(url), newIdentity(), 'game'));
    expect(refusal).toEqual({ name: 'InternalErrorException', status: 500, message: 'internal error' });
    await secrets.put('not-there', keysOf(FIRST));
    await list(connect(url), newIdentity(), 'game');
  });
});
