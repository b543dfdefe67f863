import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetIdCommand } from '@aws-sdk/client-cognito-identity';
import { RegisterDeviceCommand } from '@aws-sdk/client-cognito-sync';
import { SignatureV4 } from '@smithy/signature-v4';
import pg from 'pg';
import { Sha256 } from '../fixtures/wire/signing.ts';
import { createGuest, type Guest, type GuestSettings } from './guest.ts';

/** How one guest, or one reader of the SQL port, can try to slow down the service for all others. */
export type Misbehaviour = 'tombstones' | 'invalid bodies' | 'floods' | 'slow rules' | 'SQL readers';

export interface MisbehaviourSettings extends GuestSettings {
  sqlUrl: string;
  misbehaviour: Misbehaviour;
}

const REMOVALS = 2_400;
const LONG_KEY = 'k'.repeat(1_000);
const INVALID_PATCHES = 1_900_000;
const NESTED_ARRAYS = 2_000_000;
const CONNECTIONS = 100;
/** Pause after each action of a worker. Without it, a guest would send rejected requests as fast as its CPU allows. */
const PAUSE_MS = 2;

// A guest that misbehaves until its standard input ends: `fairness-guest.ts <MisbehaviourSettings as JSON>`. A real
// guest runs on another machine. Here it has the lowest priority, so that it does not take CPU time from the service.
setPriority(19);
process.stdin.once('end', () => process.exit()).resume();
const settings: MisbehaviourSettings = JSON.parse(process.argv[2] ?? '');
const misbehave: Record<Misbehaviour, (guest: Guest) => Promise<void>> = {
  tombstones: writeTombstones,
  'invalid bodies': sendInvalidBodies,
  floods: flood,
  'slow rules': useSlowRule,
  'SQL readers': readSql,
};
await misbehave[settings.misbehaviour](await createGuest(settings));
console.log('{}');

/**
 * Removes keys that never existed, and lists the dataset. The service must not store a tombstone (the row of a removed
 * record) for such a key, because the listing would become slower with each removal.
 */
async function writeTombstones(guest: Guest): Promise<void> {
  keepDoing(4, async (worker, call) => {
    const name = `tombstones-${worker}`;
    const patches = Array.from({ length: REMOVALS }, (_, index) => ({
      Op: 'remove' as const,
      Key: `${call}-${index}-${LONG_KEY}`.slice(0, LONG_KEY.length),
      SyncCount: 0,
    }));
    const { SyncSessionToken } = await guest.list(name);
    await guest.update(name, SyncSessionToken, patches);
  });
}

/** Sends large invalid bodies: updates with 1.9 million empty patches, deeply nested arrays, and login maps. */
async function sendInvalidBodies(guest: Guest): Promise<void> {
  const { IdentityPoolId, IdentityId, DatasetName } = guest.dataset('invalid');
  const path = `/identitypools/${encodeURIComponent(IdentityPoolId)}/identities/${encodeURIComponent(IdentityId)}/datasets/${DatasetName}`;
  const patches = `{"SyncSessionToken":"token","RecordPatches":[${Array(INVALID_PATCHES).fill('{}').join()}]}`;
  const nested = '['.repeat(NESTED_ARRAYS) + ']'.repeat(NESTED_ARRAYS);
  const logins = Object.fromEntries(
    Array.from({ length: 50_000 }, (_, index) => [`provider-${index}`, 'token']),
  );
  const getId = JSON.stringify({ IdentityPoolId, Logins: logins });
  const target = {
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': 'AWSCognitoIdentityService.GetId',
  };
  const requests = [
    await sign(guest, path, patches),
    await sign(guest, path, nested),
    { path: '/', headers: target, body: getId },
  ];
  for (const prepared of requests) keepDoing(2, () => send(guest, prepared));
}

/** Creates identities and devices as fast as it can, and keeps half-sent requests open. */
async function flood(guest: Guest): Promise<void> {
  const { IdentityPoolId, IdentityId } = guest.dataset('');
  const { port } = new URL(settings.url);
  keepDoing(8, () => guest.identities.send(new GetIdCommand({ IdentityPoolId })));
  keepDoing(8, (worker, call) =>
    guest.sync.send(
      new RegisterDeviceCommand({ IdentityPoolId, IdentityId, Platform: 'GCM', Token: `${worker}-${call}` }),
    ),
  );
  keepDoing(8, () => guest.list('flood'));
  keepDoing(CONNECTIONS, () => holdConnection(Number(port)));
}

/** Opens a connection, sends half of a request, and waits until the service closes the connection. */
async function holdConnection(port: number): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: settings.address });
  socket.write('POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 60000\r\n');
  await once(socket.resume(), 'close');
}

/** Updates a dataset whose rule takes seconds. */
async function useSlowRule(guest: Guest): Promise<void> {
  keepDoing(8, async (worker) => {
    const name = 'slow';
    const patch = { Op: 'replace' as const, Key: `key-${worker}`, Value: 'value', SyncCount: 0 };
    const { SyncSessionToken } = await guest.list(name);
    await guest.update(name, SyncSessionToken, [patch]);
  });
}

/** Runs statements that sleep or compute on the SQL port. */
async function readSql(): Promise<void> {
  const statements = ['SELECT pg_sleep(2)', 'SELECT count(*) FROM generate_series(1, 1e8)'];
  keepDoing(8, async (worker) => {
    const client = new pg.Client({ connectionString: settings.sqlUrl });
    client.on('error', () => undefined);
    try {
      await client.connect();
      for (;;) await client.query(statements[worker % statements.length] ?? '');
    } finally {
      await client.end();
    }
  });
}

interface PreparedRequest {
  path: string;
  headers: Record<string, string>;
  body: string;
}

/** Signs a POST request to the Cognito Sync API. Its signature is valid for five minutes. */
async function sign(guest: Guest, path: string, body: string): Promise<PreparedRequest> {
  const { host, hostname, port } = new URL(settings.url);
  const signer = new SignatureV4({
    credentials: guest.credentials,
    region: 'us-east-1',
    service: 'cognito-sync',
    sha256: Sha256,
  });
  const headers = { host, 'content-type': 'application/json' };
  const signed = await signer.sign({
    method: 'POST',
    protocol: 'http:',
    hostname,
    port: Number(port),
    path,
    headers,
    body,
  });
  return { path, headers: signed.headers, body };
}

/** Sends a request and waits for the end of the response. */
function send(guest: Guest, { path, headers, body }: PreparedRequest): Promise<void> {
  return new Promise((resolve, reject) => {
    const url = new URL(path, settings.url);
    const outgoing = request(url, { method: 'POST', agent: guest.agent, headers }, (response) => {
      response.resume().once('close', resolve);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** Repeats an action in several concurrent workers, even if the service rejects the action. Never ends. */
function keepDoing(workers: number, action: (worker: number, call: number) => Promise<unknown>): void {
  for (let worker = 0; worker < workers; worker += 1) void keepWorking(worker);

  async function keepWorking(worker: number): Promise<never> {
    for (let call = 0; ; call += 1) {
      await action(worker, call).catch(() => undefined);
      await sleep(PAUSE_MS);
    }
  }
}
