import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgresServer } from '../fixtures/database/postgres-server.ts';
import { createDatabase } from './create-database.ts';
import { median, type Table } from './measure.ts';
import { type Connection, createConnection, type HttpRequest } from './peers/connection.ts';
import { DATASETS, type Device, RECORDS } from './peers/device.ts';
import { createParseClass, createParseDevice } from './peers/parse-device.ts';
import { createPouchDbDevice } from './peers/pouchdb-device.ts';
import { createServiceDevice } from './peers/service-device.ts';
import { installPeers, startParseServer, startPouchDbServer } from './peers/start-peers.ts';
import { startProcess } from './start-process.ts';

const CLIENTS = 8;
/** V8 optimizes the servers' code in the first rounds. */
const WARM_UP_ROUNDS = 3;
const ROUNDS = 4;
/** Number of pushes of each dataset in each round; PULLS is the number of pulls. */
const PUSHES = 2;
const PULLS = 5;
const BARE = 'bare endpoint, PostgreSQL';

interface Contender {
  name: string;
  connection: Connection;
  devices: Device[];
  /** Requests per second of each round. */
  rates: { push: number[]; pull: number[] };
}

/**
 * Compares this service with Parse Server and PouchDB Server, by pushes and pulls of ten records. npm installs the two
 * servers into the folder PEERS_DIR, which is kept. If PEERS_DIR is not set, npm installs them into a temporary folder.
 */
export async function benchPeers(): Promise<Table[]> {
  await using started = new AsyncDisposableStack();
  const temporary = await mkdtemp(join(tmpdir(), 'bench-peers-'));
  started.defer(() => rm(temporary, { recursive: true }));
  const folder = process.env.PEERS_DIR ?? temporary;
  if (!existsSync(join(folder, 'node_modules'))) await installPeers(folder);
  const contenders = await startContenders(started, folder, temporary);
  // The servers alternate, so that a machine that slows down affects all of them.
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round += 1) {
    for (const contender of contenders) await measureRound(contender, round >= 0);
  }
  const bare = contenders.find(({ name }) => name === BARE);
  return [
    {
      title: `Push and pull of ${RECORDS} records, ${CLIENTS} clients`,
      rows: Object.fromEntries(
        contenders.map(({ name, rates }) => [
          name,
          {
            push: perSecond(rates.push),
            'push / bare endpoint': ratio(rates.push, bare?.rates.push),
            pull: perSecond(rates.pull),
            'pull / bare endpoint': ratio(rates.pull, bare?.rates.pull),
          },
        ]),
      ),
    },
  ];
}

async function startContenders(
  started: AsyncDisposableStack,
  folder: string,
  temporary: string,
): Promise<Contender[]> {
  const server = await startPostgresServer();
  started.defer(() => server.close());
  const script = new URL('./sync-server.ts', import.meta.url);
  const startServices = async (database: string) => {
    const { ready, stop } = await startProcess<{ service: number; bare: number }>(script, database);
    started.defer(stop);
    return ready;
  };
  const onPostgres = await startServices(await createDatabase(server.url));
  const embedded = await startServices(join(temporary, 'embedded'));
  const parse = await startParseServer(folder, await createDatabase(server.url));
  started.defer(parse.stop);
  const pouchDb = await startPouchDbServer(folder, join(temporary, 'pouchdb'));
  started.defer(pouchDb.stop);
  return Promise.all([
    createContender(BARE, onPostgres.bare, createServiceDevice),
    createContender('this service, PostgreSQL', onPostgres.service, createServiceDevice),
    createContender('Parse Server, PostgreSQL', parse.port, createParseDevice, createParseClass),
    createContender('bare endpoint, embedded database', embedded.bare, createServiceDevice),
    createContender('this service, embedded database', embedded.service, createServiceDevice),
    createContender('PouchDB Server, LevelDB', pouchDb.port, createPouchDbDevice),
  ]);
}

async function createContender(
  name: string,
  port: number,
  createDevice: (connection: Connection, name: string) => Device | Promise<Device>,
  prepare: (connection: Connection) => Promise<void> = async () => undefined,
): Promise<Contender> {
  const connection = createConnection(port, CLIENTS);
  await prepare(connection);
  const devices = await Promise.all(
    Array.from({ length: CLIENTS }, async (_, index) => createDevice(connection, String(index))),
  );
  return { name, connection, devices, rates: { push: [], pull: [] } };
}

async function measureRound({ name, connection, devices, rates }: Contender, counts: boolean): Promise<void> {
  connection.reset();
  const times = { push: 0, pull: 0 };
  for (let push = 0; push < PUSHES; push += 1) {
    const requests = await Promise.all(devices.map((device) => device.preparePushes()));
    times.push += await send(requests, (index, response) => devices[index]?.countWritten(response));
  }
  const pulls = await Promise.all(devices.map((device) => device.preparePulls()));
  for (let pull = 0; pull < PULLS; pull += 1)
    times.pull += await send(pulls, (index, response) => devices[index]?.countRead(response));
  connection.reset();
  if (!counts) return;
  const requests = CLIENTS * DATASETS * 1000;
  rates.push.push((PUSHES * requests) / times.push);
  rates.pull.push((PULLS * requests) / times.pull);

  /** Sends the requests of all devices. @returns milliseconds @throws {Error} a response lacks records */
  async function send(
    requests: readonly HttpRequest[][],
    count: (device: number, response: string) => number | undefined,
  ): Promise<number> {
    const start = performance.now();
    const responses = await Promise.all(requests.map(sendInOrder));
    const milliseconds = performance.now() - start;
    for (const [index, ofDevice] of responses.entries())
      for (const response of ofDevice)
        if (count(index, response) !== RECORDS) throw new Error(`${name}: unexpected ${response}`);
    return milliseconds;
  }

  async function sendInOrder(requests: readonly HttpRequest[]): Promise<string[]> {
    const responses: string[] = [];
    for (const request of requests) responses.push(await connection.send(request));
    return responses;
  }
}

function perSecond(rates: readonly number[]): string {
  return `${Math.round(median(rates))} /s`;
}

/** Returns the median of the ratios of each round. */
function ratio(rates: readonly number[], others: readonly number[] = []): string {
  const ratios = rates.map((rate, round) => rate / (others[round] ?? Number.NaN));
  return `${median(ratios).toFixed(2)} x`;
}
