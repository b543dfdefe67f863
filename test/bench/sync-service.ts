import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgresServer } from '../fixtures/database/postgres-server.ts';
import { localSigner } from '../fixtures/wire/signing.ts';
import { median, type Table } from './measure.ts';
import { startProcess } from './start-process.ts';

const CLIENTS = 8;
const KEYS = 10;
const PUSHES = 150;
/** Number of pushes that write only new keys. It is limited because a dataset can have 1,024 records. */
const NEW_PUSHES = 60;
const PULLS = 1_000;
const ROUNDS = 5;
const POOL = 'us-east-1:00000000-0000-4000-8000-000000000001';
/** The service on the port of the local cloud, the bare endpoint, and the service behind the handler for Lambda. */
const TARGETS = ['service', 'bare', 'handler'] as const;
type Target = (typeof TARGETS)[number];
/** The first part of the identity ids of each target. */
const OWNER = { service: 'aaaaaaaa', bare: 'bbbbbbbb', handler: 'cccccccc' };
/** Minimum of the rate of UpdateRecords through the handler, relative to the port, on PostgreSQL. */
const MIN_HANDLER_RATIO = 0.8;

/** Compares UpdateRecords and ListRecords over HTTP with an endpoint that makes only one SQL call per request. */
export async function benchSyncService(): Promise<Table[]> {
  const server = await startPostgresServer();
  const onPostgres = await bench(server.url).finally(() => server.close());
  const directory = await mkdtemp(join(tmpdir(), 'bench-sync-'));
  const onEmbedded = await bench(join(directory, 'database')).finally(() =>
    rm(directory, { recursive: true }),
  );
  return [
    {
      title: `Sync service on PostgreSQL 18, ${CLIENTS} clients, ${KEYS} records per call`,
      rows: onPostgres.rows,
      overLimit:
        onPostgres.handlerRatio < MIN_HANDLER_RATIO
          ? [`UpdateRecords through the handler: ${onPostgres.handlerRatio.toFixed(2)} x of the port`]
          : [],
    },
    {
      title: `Sync service on the embedded database, ${CLIENTS} clients, ${KEYS} records per call`,
      rows: onEmbedded.rows,
    },
  ];
}

/** @returns `handlerRatio`: the rate of UpdateRecords through the handler, relative to the port */
async function bench(database: string): Promise<{ rows: Table['rows']; handlerRatio: number }> {
  const { ready: ports, stop } = await startProcess<Record<Target, number>>(
    new URL('./sync-server.ts', import.meta.url),
    database,
  );
  const rates: Record<string, Record<Target, number[]>> = {
    UpdateRecords: { service: [], bare: [], handler: [] },
    'UpdateRecords, keys never written before': { service: [], bare: [], handler: [] },
    ListRecords: { service: [], bare: [], handler: [] },
  };
  // Round 0 warms up. The targets alternate, so that a machine that slows down affects both.
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const target of TARGETS) {
      // New connections for each turn: the server closes connections that are idle during the other target's turn.
      const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
      const clients = Array.from({ length: CLIENTS }, (_, index) =>
        createClient(agent, ports[target], target, `${round}${index}`),
      );
      await Promise.all(clients.map((client) => client.prepare()));
      const pushes = await rate(CLIENTS * PUSHES, () => Promise.all(clients.map((client) => client.push())));
      const newPushes = await rate(CLIENTS * NEW_PUSHES, () =>
        Promise.all(clients.map((client) => client.pushNew())),
      );
      const pulls = await rate(CLIENTS * PULLS, () => Promise.all(clients.map((client) => client.pull())));
      agent.destroy();
      if (round === 0) continue;
      rates.UpdateRecords?.[target].push(pushes);
      rates['UpdateRecords, keys never written before']?.[target].push(newPushes);
      rates.ListRecords?.[target].push(pulls);
    }
  }
  await stop();
  const rows = Object.fromEntries(
    Object.entries(rates).map(([operation, { service, bare, handler }]) => {
      return [
        operation,
        {
          service: `${Math.round(median(service))} /s`,
          'bare endpoint': `${Math.round(median(bare))} /s`,
          'function handler': `${Math.round(median(handler))} /s`,
          'service / bare': `${ratioOf(service, bare).toFixed(2)} x`,
          'handler / service': `${ratioOf(handler, service).toFixed(2)} x`,
        },
      ];
    }),
  );
  const { handler = [], service = [] } = rates.UpdateRecords ?? {};
  return { rows, handlerRatio: ratioOf(handler, service) };
}

/** Returns the median of the ratios of each round. */
function ratioOf(rates: readonly number[], others: readonly number[]): number {
  return median(rates.map((rate, round) => rate / (others[round] ?? Number.NaN)));
}

interface Signed {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string;
}

/** Creates a device with its own datasets. Its requests are created and signed before they are timed. */
function createClient(agent: Agent, port: number, target: Target, name: string) {
  const identity = `us-east-1:${OWNER[target]}-0000-4000-8000-${name.padStart(12, '0')}`;
  const path = (dataset: string) =>
    `/identitypools/${encodeURIComponent(POOL)}/identities/${encodeURIComponent(identity)}/datasets/${dataset}`;
  const signer = localSigner('cognito-sync');
  let pushes: Signed[] = [];
  let newPushes: Signed[] = [];
  let pulls: Signed[] = [];

  async function sign(
    method: string,
    target: string,
    query: Record<string, string>,
    body: string,
  ): Promise<Signed> {
    const headers = { host: `127.0.0.1:${port}`, 'content-type': 'application/json' };
    const signed = await signer.sign({
      method,
      protocol: 'http:',
      hostname: '127.0.0.1',
      port,
      path: target,
      query,
      headers,
      body,
    });
    const search = new URLSearchParams(query).toString();
    return { method, path: target + (search && `?${search}`), headers: signed.headers, body };
  }

  function send({ method, path: signedPath, headers, body }: Signed): Promise<string> {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        { agent, host: '127.0.0.1', port, method, path: signedPath, headers },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk) => {
            text += chunk;
          });
          response.on('end', () =>
            response.statusCode === 200 ? resolve(text) : reject(new Error(`${response.statusCode} ${text}`)),
          );
        },
      );
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  async function signPushes(
    dataset: string,
    pushCount: number,
    patchOf: (count: number, key: number) => { Key: string; SyncCount: number },
  ): Promise<Signed[]> {
    const list = await sign('GET', `${dataset}/records`, { lastSyncCount: '0' }, '');
    const signed: Signed[] = [];
    for (let count = 0; count < pushCount; count += 1) {
      // Each update needs its own session token.
      const token = target === 'bare' ? 'none' : JSON.parse(await send(list)).SyncSessionToken;
      const RecordPatches = Array.from({ length: KEYS }, (_, key) => ({
        Op: 'replace',
        Value: `value ${count}`,
        ...patchOf(count, key),
      }));
      signed.push(
        await sign('POST', dataset, {}, JSON.stringify({ SyncSessionToken: token, RecordPatches })),
      );
    }
    return signed;
  }

  return {
    async prepare() {
      pushes = await signPushes(path('game'), PUSHES, (count, key) => ({
        Key: `key-${key}`,
        SyncCount: count,
      }));
      newPushes = await signPushes(path('album'), NEW_PUSHES, (count, key) => ({
        Key: `key-${count}-${key}`,
        SyncCount: 0,
      }));
      const pull = await sign('GET', `${path('game')}/records`, { lastSyncCount: String(PUSHES - 1) }, '');
      pulls = Array.from({ length: PULLS }, () => pull);
    },
    async push() {
      for (const push of pushes) await send(push);
    },
    async pushNew() {
      for (const push of newPushes) await send(push);
    },
    async pull() {
      for (const pull of pulls) await send(pull);
    },
  };
}

async function rate(requests: number, work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (requests * 1000) / (performance.now() - start);
}
