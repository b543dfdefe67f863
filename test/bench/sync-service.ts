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
/** Datasets of a client. Each measurement of UpdateRecords writes to each of them once. */
const DATASETS = 60;
/** Maximum datasets of an identity. */
const DATASETS_PER_IDENTITY = 20;
const PULLS = 300;
/** V8 needs a few thousand requests until it has optimized the service's code. */
const WARM_UP_ROUNDS = 4;
const ROUNDS = 7;
const POOL = 'us-east-1:00000000-0000-4000-8000-000000000001';
/** The service on the port of the local cloud, the bare endpoint, and the service behind the handler for Lambda. */
const TARGETS = ['service', 'bare', 'handler'] as const;
type Target = (typeof TARGETS)[number];
/** The first part of the identity ids of each target. */
const OWNER = { service: 'aaaaaaaa', bare: 'bbbbbbbb', handler: 'cccccccc' };
/** Minimum of the rate of UpdateRecords through the handler, relative to the port, on PostgreSQL. */
const MIN_HANDLER_RATIO = 0.8;

type Client = ReturnType<typeof createClient>;
/** What is measured, in this order, because each measurement continues from the datasets that the previous one left. */
const MEASUREMENTS: Record<string, (client: Client) => Promise<Signed[]>> = {
  'UpdateRecords, new datasets': (client) => client.signPushes('key', 0),
  UpdateRecords: (client) => client.signPushes('key', 1),
  'UpdateRecords, keys never written before': (client) => client.signPushes('new', 0),
  ListRecords: (client) => client.signPulls(2),
};

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
  const rates = Object.keys(MEASUREMENTS).map((title) => ({
    title,
    service: [] as number[],
    bare: [] as number[],
    handler: [] as number[],
  }));
  // The targets alternate, so that a machine that slows down affects all of them.
  for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round += 1) {
    for (const target of TARGETS) {
      // Opens new connections, because a server closes connections that are idle while the other targets are measured.
      const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
      const clients = Array.from({ length: CLIENTS }, (_, index) =>
        createClient(agent, ports[target], target, `${round}${index}`),
      );
      for (const { title, [target]: ofTarget } of rates) {
        const measured = await measure(clients, title);
        if (round >= WARM_UP_ROUNDS) ofTarget.push(measured);
      }
      agent.destroy();
    }
  }
  await stop();
  const rows = Object.fromEntries(
    rates.map(({ title, service, bare, handler }) => [
      title,
      {
        service: `${Math.round(median(service))} /s`,
        'bare endpoint': `${Math.round(median(bare))} /s`,
        'function handler': `${Math.round(median(handler))} /s`,
        'service / bare': `${ratioOf(service, bare).toFixed(2)} x`,
        'handler / service': `${ratioOf(handler, service).toFixed(2)} x`,
      },
    ]),
  );
  const updates = rates.find(({ title }) => title === 'UpdateRecords');
  return { rows, handlerRatio: updates ? ratioOf(updates.handler, updates.service) : 0 };
}

/** Prepares the requests of each client, sends them, and returns the requests per second. */
async function measure(clients: readonly Client[], title: string): Promise<number> {
  const requests = await Promise.all(clients.map((client) => MEASUREMENTS[title]?.(client) ?? []));
  const start = performance.now();
  await Promise.all(
    clients.map(async (client, index) => {
      for (const request of requests[index] ?? []) await client.send(request);
    }),
  );
  return (requests.flat().length * 1000) / (performance.now() - start);
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
  const datasets = Array.from({ length: DATASETS }, (_, index) => {
    const number = `${name}${Math.floor(index / DATASETS_PER_IDENTITY)}`;
    const identity = `us-east-1:${OWNER[target]}-0000-4000-8000-${number.padStart(12, '0')}`;
    return `/identitypools/${encodeURIComponent(POOL)}/identities/${encodeURIComponent(identity)}/datasets/game-${index}`;
  });
  const signer = localSigner('cognito-sync');

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

  return {
    send,

    /**
     * Signs one UpdateRecords for each dataset. As on a device, its session token comes from a listing of the current
     * version.
     * @param prefix the start of the keys
     * @param syncCount the sync count that each patch sends for its record
     */
    async signPushes(prefix: string, syncCount: number): Promise<Signed[]> {
      const signed: Signed[] = [];
      for (const dataset of datasets) {
        const list = await sign('GET', `${dataset}/records`, { lastSyncCount: '0' }, '');
        const { SyncSessionToken = 'none' } = JSON.parse(await send(list));
        const RecordPatches = Array.from({ length: KEYS }, (_, key) => ({
          Op: 'replace',
          Key: `${prefix}-${key}`,
          Value: `value ${syncCount}`,
          SyncCount: syncCount,
        }));
        signed.push(await sign('POST', dataset, {}, JSON.stringify({ SyncSessionToken, RecordPatches })));
      }
      return signed;
    },

    /** Signs listings of all datasets in rotation. */
    async signPulls(lastSyncCount: number): Promise<Signed[]> {
      const query = { lastSyncCount: String(lastSyncCount) };
      const signed = await Promise.all(
        datasets.map((dataset) => sign('GET', `${dataset}/records`, query, '')),
      );
      return Array.from({ length: PULLS / DATASETS }, () => signed).flat();
    },
  };
}
