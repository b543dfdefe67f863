import { existsSync } from 'node:fs';
import { cp, open, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { dataPaths } from '../../lib/database/data-directory.ts';
import { openPglite } from '../../lib/database/drivers/pglite/open-pglite.ts';
import { median } from '../bench/measure.ts';
import type { PostgresServer } from '../fixtures/database/postgres-server.ts';
import { spawnStart } from '../fixtures/local/npm-start.ts';
import { operateProcess } from '../fixtures/local/operator.ts';
import { mountSmallDisk } from '../fixtures/local/small-disk.ts';
import { createSyncClient, list } from '../fixtures/wire/sync-client.ts';
import type { Scenario, Soak } from './soak.ts';

const BOTH = ['embedded', 'PostgreSQL'] as const;
const EMBEDDED = ['embedded'] as const;
const POSTGRESQL = ['PostgreSQL'] as const;

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'steady',
    title: '150 updates per second',
    databases: BOTH,
    seconds: 600,
    mustAnswer: true,
    load: { deletes: true },
    run: ({ seconds }) => sleep(seconds * 1_000),
    inspect: reportSpeed,
  },
  {
    name: 'sigkill',
    title: 'ten kills of the process',
    databases: BOTH,
    seconds: 120,
    load: { deletes: true },
    run: (soak) => repeatedly(soak, 10, ({ product }) => product.kill().then(product.start)),
  },
  {
    name: 'first-start',
    title: 'kills during the first start',
    databases: BOTH,
    seconds: 10,
    async prepare(env, random) {
      for (let kill = 0; kill < 6; kill += 1) await killFirstStart(env, random() * 700);
      return {};
    },
    run: ({ seconds }) => sleep(seconds * 1_000),
  },
  {
    name: 'stream-tail',
    title: 'a stream that lost its newest events',
    databases: BOTH,
    seconds: 60,
    losesEvents: true,
    async run({ product, seconds }) {
      const { kinesis } = dataPaths(product.env.DATA_DIR);
      const older = `${kinesis}-older`;
      await sleep(seconds * 300);
      await killWithChildren(product);
      await cp(kinesis, older, { recursive: true });
      await product.start();
      await sleep(seconds * 300);
      await killWithChildren(product);
      await rm(kinesis, { recursive: true });
      await cp(older, kinesis, { recursive: true });
      await product.start();
      await sleep(seconds * 300);
    },
  },
  {
    name: 'postgres-stops',
    title: 'PostgreSQL stopped and started again',
    databases: POSTGRESQL,
    seconds: 120,
    run: (soak) =>
      repeatedly(soak, 6, ({ server, random }) => stopServer(server(), 1_000 + random() * 5_000)),
  },
  {
    name: 'backends-end',
    title: 'backends terminated',
    databases: POSTGRESQL,
    seconds: 60,
    run: (soak) => repeatedly(soak, 60, ({ server }) => terminateBackends(server())),
  },
  {
    name: 'connections',
    title: 'all connections of PostgreSQL taken',
    databases: POSTGRESQL,
    seconds: 90,
    run: (soak) => repeatedly(soak, 3, ({ server }) => takeConnections(server(), 10_000)),
  },
  {
    name: 'locks',
    title: 'a table locked by another session',
    databases: POSTGRESQL,
    seconds: 120,
    run: (soak) => repeatedly(soak, 8, ({ server, random }) => lockTable(server(), random, 8_000)),
  },
  {
    name: 'crowd',
    title: '1,500 requests at the same moment',
    databases: BOTH,
    seconds: 30,
    run: (soak) => repeatedly(soak, 3, crowd),
  },
  {
    name: 'disk-full',
    title: 'a full disk',
    databases: EMBEDDED,
    seconds: 60,
    prepare: useSmallDisk,
    run: (soak) => repeatedly(soak, 2, fillDisk),
  },
  {
    name: 'clock',
    title: 'a clock that jumps a day forward and an hour back',
    databases: EMBEDDED,
    seconds: 60,
    prepare: fakeClock,
    async run({ product, seconds, fail }) {
      for (const offset of ['+0d', '+1d', '+0d', '-1h', '+0d']) {
        await setClock(product.env.DATA_DIR, offset);
        await sleep(seconds * 200);
      }
      const { code, stderr } = await operateProcess(['redrive'], { DATA_DIR: product.env.DATA_DIR });
      if (code !== 0) fail(`redrive failed: ${stderr}`);
    },
  },
  {
    name: 'two-faults',
    title: 'two of these faults at the same time',
    databases: POSTGRESQL,
    seconds: 180,
    run: (soak) => repeatedly(soak, 10, twoFaults),
  },
  {
    name: 'churn',
    title: '200,000 updates of 200 datasets',
    databases: EMBEDDED,
    seconds: 1_800,
    mustAnswer: true,
    load: { rate: Number.POSITIVE_INFINITY, devices: 4, datasetsPerDevice: 50, deletes: true },
    run: (soak) => grow(soak, 200_000),
    async inspect(soak) {
      reportSpeed(soak, 1.3);
      await reportBloat(soak, 2);
    },
  },
  {
    name: 'growth',
    title: '100,000 identities',
    databases: BOTH,
    seconds: 1_800,
    mustAnswer: true,
    load: { rate: Number.POSITIVE_INFINITY, devices: 8, datasetsPerDevice: 0 },
    run: (soak) => grow(soak, 100_000),
    inspect: reportSpeed,
  },
];

/** After each fault, this many updates must succeed within HEALED_MS. */
const HEALED_UPDATES = 50;
const HEALED_MS = 120_000;

/** Causes a fault `times` times, at random moments. Each time, waits until the service has recovered from the fault. */
async function repeatedly(soak: Soak, times: number, fault: (soak: Soak) => Promise<void>): Promise<void> {
  const end = performance.now() + soak.seconds * 1_000;
  for (let left = times; left > 0; left -= 1) {
    const meanPauseMs = Math.max(0, end - performance.now()) / (left + 1);
    await sleep(meanPauseMs * (0.5 + soak.random()));
    await fault(soak);
    if (!(await until(soak, soak.load.acknowledged() + HEALED_UPDATES, HEALED_MS))) {
      return soak.fail(
        `fewer than ${HEALED_UPDATES} updates succeeded in ${HEALED_MS / 1_000} s after a fault`,
      );
    }
  }
  await sleep(Math.max(0, end - performance.now()));
}

/** Waits until this many updates of the load are acknowledged. @returns false if that takes longer than `limitMs` */
async function until({ load }: Soak, updates: number, limitMs: number): Promise<boolean> {
  const end = performance.now() + limitMs;
  while (load.acknowledged() < updates && performance.now() < end) await sleep(20);
  return load.acknowledged() >= updates;
}

/** Waits until this many updates are acknowledged. If the time of the scenario ends first, notes how many there are. */
async function grow(soak: Soak, updates: number): Promise<void> {
  if (!(await until(soak, updates, soak.seconds * 1_000))) {
    soak.note(`stopped after ${soak.load.acknowledged()} of ${updates} updates`);
  }
}

async function killFirstStart(env: Soak['product']['env'], afterMs: number): Promise<void> {
  const child = spawnStart({ ...env, PORT: '0', PG_PORT: '0' });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const { kinesis } = dataPaths(env.DATA_DIR);
  while (!existsSync(kinesis) && child.exitCode === null) await sleep(5);
  await sleep(afterMs);
  child.kill('SIGKILL');
  await exited;
  await sleep(CHILDREN_END_MS);
}

/** Time in which the children of a killed process notice that the process has ended, and end as well. */
const CHILDREN_END_MS = 500;

async function killWithChildren(product: Soak['product']): Promise<void> {
  await product.kill();
  await sleep(CHILDREN_END_MS);
}

async function stopServer(server: PostgresServer, forMs: number): Promise<void> {
  await server.kill();
  await sleep(forMs);
  await server.start();
}

async function withSession(
  server: PostgresServer,
  work: (session: pg.Client) => Promise<void>,
): Promise<void> {
  const session = new pg.Client({ connectionString: server.url });
  // A concurrent fault may end the session. This fault then ends early, without an error.
  session.on('error', () => undefined);
  await session.connect().then(
    () => work(session).catch(() => undefined),
    () => undefined,
  );
  await session.end().catch(() => undefined);
}

const OTHER_BACKENDS = `FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`;

function terminateBackends(server: PostgresServer): Promise<void> {
  return withSession(server, async (session) => {
    await session.query(`SELECT pg_terminate_backend(pid) ${OTHER_BACKENDS}`);
  });
}

/** Takes all connections of the server, including those of the product, and holds them for `forMs` milliseconds. */
async function takeConnections(server: PostgresServer, forMs: number): Promise<void> {
  await terminateBackends(server);
  const taken: pg.Client[] = [];
  const until = performance.now() + forMs;
  while (performance.now() < until) {
    const client = new pg.Client({ connectionString: server.url });
    client.on('error', () => undefined);
    const isConnected = await client.connect().then(
      () => true,
      () => false,
    );
    if (isConnected) taken.push(client);
    else await sleep(50);
  }
  await Promise.all(taken.map((client) => client.end()));
}

const TABLES = ['sync.datasets', 'sync.records', 'sync.outbox', 'projection.records', 'projection.datasets'];

function lockTable(server: PostgresServer, random: () => number, forMs: number): Promise<void> {
  const table = TABLES[Math.floor(random() * TABLES.length)];
  return withSession(server, async (session) => {
    await session.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
    await sleep(forMs);
    await session.query('ROLLBACK');
  });
}

function twoFaults({ product, server, random }: Soak): Promise<void> {
  const faults = [
    () => product.kill().then(() => startPatiently(product)),
    () => stopServer(server(), 3_000),
    () => terminateBackends(server()),
    () => takeConnections(server(), 5_000),
    () => lockTable(server(), random, 5_000),
  ];
  const first = Math.floor(random() * faults.length);
  const second = (first + 1 + Math.floor(random() * (faults.length - 1))) % faults.length;
  return Promise.all([faults[first]?.(), faults[second]?.()]).then(() => undefined);
}

/**
 * Starts the program as a process supervisor does: it repeats a failed start, because the database may be unreachable.
 */
async function startPatiently(product: Soak['product']): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await product.start();
    } catch (error) {
      if (attempt === 30) throw error;
      await sleep(1_000);
    }
  }
}

/**
 * Maximum number of connections of the crowd. The port closes connections above its limit, which is in
 * infra/local/http/port-limits.ts. Some of the connections within the limit belong to the devices.
 */
const CROWD_CONNECTIONS = 850;

/** Sends 1,500 requests at the same moment. Each request must return its records, or the status 429. */
async function crowd({ product, load, note, fail }: Soak): Promise<void> {
  const dataset = load.datasets[0];
  if (dataset === undefined) return;
  const client = createSyncClient(product.url, {
    maxAttempts: 1,
    requestHandler: { httpAgent: { keepAlive: true, maxSockets: CROWD_CONNECTIONS } },
  });
  const answers = await Promise.allSettled(
    Array.from({ length: 1_500 }, () => list(client, dataset.identity, dataset.name)),
  );
  client.destroy();
  const refused = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason] : []));
  const wrong = refused.filter((error) => error?.$metadata?.httpStatusCode !== 429);
  if (wrong.length > 0) fail(`${wrong.length} of 1,500 requests failed: ${wrong[0]}`);
  note(`${refused.length - wrong.length} of 1,500 got 429`);
}

const DISK_MIB = 400;

async function useSmallDisk({ DATA_DIR: dataDir }: { DATA_DIR: string }) {
  const disk = mountSmallDisk(DISK_MIB, dataDir);
  if (disk === undefined) return { missing: 'a small disk; mounting a tmpfs needs root' };
  return { undo: async () => disk.unmount() };
}

/** Fills the disk while the load runs. Keeps the disk full for 15 seconds, then frees the space. */
async function fillDisk({ product, note, fail }: Soak): Promise<void> {
  const directory = product.env.DATA_DIR;
  const ballast = join(directory, 'ballast');
  const until = performance.now() + 15_000;
  const seen = new Set<number>();
  while (performance.now() < until) {
    const { bavail, bsize } = await statfs(directory);
    await append(ballast, bavail * bsize);
    await sleep(500);
    const response = await fetch(`${product.url}/healthz`).catch(() => undefined);
    seen.add(response?.status ?? 0);
  }
  await rm(ballast, { force: true });
  note(`/healthz returned ${[...seen].join(', ')}`);
  if (!seen.has(503)) fail('/healthz did not return 503 while the disk was full');
}

async function append(file: string, bytes: number): Promise<void> {
  const handle = await open(file, 'a');
  try {
    const chunk = Buffer.alloc(64 * 1024);
    for (let left = bytes; left > 0; left -= chunk.length)
      await handle.write(chunk, 0, Math.min(left, chunk.length));
  } catch {
    // The disk is full.
  } finally {
    await handle.close();
  }
}

/** Path of the library on Debian. The environment variable LIBFAKETIME can name another path. */
const LIBFAKETIME = process.env.LIBFAKETIME ?? '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1';
const clockFile = (dataDir: string) => join(tmpdir(), `clock-of-${dataDir.split('/').at(-1)}`);

async function fakeClock({ DATA_DIR: dataDir }: { DATA_DIR: string }) {
  if (!existsSync(LIBFAKETIME)) return { missing: 'libfaketime; install it, or set LIBFAKETIME to its path' };
  await setClock(dataDir, '+0d');
  return {
    env: {
      LD_PRELOAD: LIBFAKETIME,
      FAKETIME_TIMESTAMP_FILE: clockFile(dataDir),
      FAKETIME_NO_CACHE: '1',
      // Timers must not be affected by the fake clock.
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
    undo: () => rm(clockFile(dataDir), { force: true }),
  };
}

function setClock(dataDir: string, offset: string): Promise<void> {
  return writeFile(clockFile(dataDir), offset);
}

/**
 * Compares the median duration of the last 1,000 updates with that of the first 1,000. A ratio above `limit` is a
 * failure.
 */
async function reportSpeed({ load, note, fail }: Soak, limit = Number.POSITIVE_INFINITY): Promise<void> {
  const { durations } = load;
  const first = median(durations.slice(0, 1_000));
  const last = median(durations.slice(-1_000));
  note(`p50 of the last 1,000 updates ${last.toFixed(1)} ms, ${(last / first).toFixed(2)} x the first`);
  if (last / first > limit) fail(`updates became ${(last / first).toFixed(2)} x slower`);
}

const SIZES = `SELECT sum(pg_total_relation_size(oid))::bigint AS bytes FROM pg_class
  WHERE relkind = 'r' AND relnamespace IN ('sync'::regnamespace, 'projection'::regnamespace, 'identity'::regnamespace)`;

/** Compares the size of all tables with their size after VACUUM FULL. A ratio above `limit` is a failure. */
async function reportBloat({ product, note, fail }: Soak, limit: number): Promise<void> {
  const database = await openPglite({ dataDir: dataPaths(product.env.DATA_DIR).database });
  const size = async () => Number((await database.query<{ bytes: number }>(SIZES)).rows[0]?.bytes);
  const before = await size();
  await database.query('VACUUM FULL');
  const ratio = before / (await size());
  await database.close();
  note(`tables ${(before / 2 ** 20).toFixed(0)} MiB, ${ratio.toFixed(2)} x of what live rows need`);
  if (ratio > limit) fail(`tables are ${ratio.toFixed(2)} x of what live rows need`);
}
