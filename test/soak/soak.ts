import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../../lib/database/database.ts';
import { openPg } from '../../lib/database/drivers/pg/open-pg.ts';
import { median } from '../bench/measure.ts';
import { localKinesis } from '../fixtures/aws/kinesis.ts';
import { type PostgresServer, startPostgresServer } from '../fixtures/database/postgres-server.ts';
import { checkQueryStore, checkService, checkStream } from './check.ts';
import { type Load, type LoadOptions, startLoad, VALUE_MARK } from './load.ts';
import { createProduct, type Product, residentMiB } from './product.ts';
import { createRandom } from './random.ts';

export type SoakDatabase = 'embedded' | 'PostgreSQL';

/** The tools of a scenario while the load runs. */
export interface Soak {
  /** How long the load must run, in seconds. */
  seconds: number;
  random: () => number;
  product: Product;
  load: Load;
  /** The database server. Throws on the embedded database. */
  server(): PostgresServer;
  /** Adds a remark to the results. */
  note(text: string): void;
  /** Adds a problem to the results, so the scenario fails. */
  fail(text: string): void;
}

export interface Scenario {
  name: string;
  /** Title of the table of results. */
  title: string;
  databases: readonly SoakDatabase[];
  /** Duration of the load, unless the command line sets it. */
  seconds: number;
  load?: Partial<Omit<LoadOptions, 'url' | 'random'>>;
  /** Whether each update must succeed at the first attempt. */
  mustAnswer?: true;
  /** Whether the scenario removes published events from the stream, so that the stream cannot be checked. */
  losesEvents?: true;
  /**
   * Prepares the data directory, before the first start with this environment.
   *
   * @returns the settings and how to undo them, or the reason why the scenario cannot run on this machine
   */
  prepare?(env: Product['env'], random: () => number): Promise<Prepared | { missing: string }>;
  /** Causes the faults for about `seconds`. The program must be running again when this function returns. */
  run(soak: Soak): Promise<void>;
  /** Runs after all checks, with the program stopped. */
  inspect?(soak: Soak): Promise<void>;
}

export interface Prepared {
  env?: Record<string, string>;
  undo?: () => Promise<void>;
}

export interface SoakResult {
  cells: Record<string, string>;
  problems: string[];
}

/**
 * Time in which the service must recover after the last fault. The time is sufficient, because the longest lease and
 * the longest backoff are much shorter.
 */
const HEAL_MS = 120_000;
const MEMORY_EVERY_MS = 1_000;
/** With fewer samples, the growth of memory is not evaluated. */
const MIN_MEMORY_SAMPLES = 240;
const MAX_MEMORY_GROWTH = 1.2;

/**
 * Runs one scenario on one database. Starts the program, runs load and faults, waits until the service has recovered,
 * checks the data and stops the program.
 */
export async function soak(
  scenario: Scenario,
  { database, seconds, seed }: { database: SoakDatabase; seconds: number; seed: number },
): Promise<SoakResult | { missing: string }> {
  const random = createRandom(seed);
  const dataDir = await mkdtemp(join(tmpdir(), 'soak-'));
  await using cleanUp = new AsyncDisposableStack();
  cleanUp.defer(() => rm(dataDir, { recursive: true, force: true }));
  const server = database === 'PostgreSQL' ? await startPostgresServer() : undefined;
  cleanUp.defer(async () => server?.close());
  const env = { DATA_DIR: dataDir, ...(server && { DATABASE_URL: server.url }) };
  const prepared = (await scenario.prepare?.(env, random)) ?? {};
  if ('missing' in prepared) return prepared;
  cleanUp.defer(async () => prepared.undo?.());

  const startedAt = performance.now();
  const product = await createProduct({ ...env, ...prepared.env });
  await product.start();
  cleanUp.defer(() => product.kill());
  // The load has its own random numbers. Otherwise the number of updates would change the moments of the faults.
  const load = startLoad({ url: product.url, random: createRandom(seed + 1), ...scenario.load });
  cleanUp.defer(() => load.stop());
  const memory = sampleMemory(product);
  cleanUp.defer(() => memory.stop());

  const problems: string[] = [];
  const notes: string[] = [];
  const context: Soak = {
    seconds,
    random,
    product,
    load,
    server() {
      if (server === undefined) throw new Error('there is no database server');
      return server;
    },
    note: (text) => notes.push(text),
    fail: (text) => problems.push(text),
  };
  await scenario.run(context);
  await load.stop();
  if (product.hasCrashed()) {
    problems.push(`npm start ended:\n${product.current().output().slice(-2_000)}`);
    await product.start();
  }
  const growth = memory.growth();
  problems.push(...(await heal(product)), ...findProblems(scenario, load, growth));
  const found = await check(scenario, product, load);
  problems.push(...found.problems);
  await product.stop();
  await scenario.inspect?.(context);
  const log = product.log();
  if (log.includes(VALUE_MARK)) problems.push('the log contains values of records');
  return {
    problems,
    cells: {
      duration: `${((performance.now() - startedAt) / 1000).toFixed(0)} s`,
      updates: `${load.acknowledged()}`,
      'failed requests': `${[...load.failures.values()].reduce((sum, count) => sum + count, 0)}`,
      'longest pause': `${(load.longestPause() / 1000).toFixed(1)} s`,
      lost: `${found.lost}`,
      'published twice': scenario.losesEvents ? '' : `${found.repeated}`,
      memory: growth === undefined ? '' : `${growth.toFixed(2)} x`,
      'log lines': `${log.split('\n').length - 1}`,
      notes: notes.join('; '),
    },
  };
}

/** Returns the problems that are visible in the answers to the load and in the memory use of the program. */
function findProblems({ mustAnswer }: Scenario, load: Load, growth = 1): string[] {
  const failures = [...load.failures].map(([name, count]) => `${count} x ${name}`);
  return [
    ...load.problems,
    ...(mustAnswer && failures.length > 0 ? [`not every request succeeded: ${failures.join(', ')}`] : []),
    ...(growth > MAX_MEMORY_GROWTH ? [`memory grew by ${growth.toFixed(2)} x`] : []),
  ];
}

/** Waits until `/healthz` reports no fault. */
async function heal(product: Product): Promise<string[]> {
  const deadline = performance.now() + HEAL_MS;
  for (;;) {
    const response = await fetch(`${product.url}/healthz`).catch(() => undefined);
    const health = await response?.text();
    if (response?.status === 200) return [];
    if (performance.now() > deadline) return [`/healthz still returns ${response?.status}: ${health}`];
    await sleep(200);
  }
}

async function check(
  { losesEvents }: Scenario,
  { url, env, current }: Product,
  { datasets }: Load,
): Promise<{ lost: number; repeated: number; problems: string[] }> {
  const service = await checkService(url, datasets);
  const reader = openPg({ connectionString: env.DATABASE_URL ?? current().sqlUrl });
  const kinesis = localKinesis(url);
  try {
    const inQueryStore = await checkQueryStore(reader, datasets, service.stored, HEAL_MS);
    const stream = losesEvents ? { problems: [], repeated: 0 } : await checkStream(kinesis, datasets);
    const lost = [...service.problems, ...inQueryStore, ...stream.problems];
    return {
      lost: lost.length,
      repeated: stream.repeated,
      problems: [...lost, ...(await quarantined(reader))],
    };
  } finally {
    kinesis.destroy();
    await reader.close();
  }
}

async function quarantined(reader: Database): Promise<string[]> {
  const { rows } = await reader.query<{ reason: string; count: number }>(
    'SELECT reason, count(*) AS count FROM query.quarantine WHERE redriven_at IS NULL GROUP BY reason',
  );
  return rows.map(({ reason, count }) => `${count} events are in quarantine: ${reason}`);
}

/** Samples the program's memory. The first quarter of the samples is the warm-up and is not evaluated. */
function sampleMemory(product: Product): { growth(): number | undefined; stop(): Promise<void> } {
  const samples: number[] = [];
  const stopping = new AbortController();
  const running = (async () => {
    while (!stopping.signal.aborted) {
      await sleep(MEMORY_EVERY_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
      const mib = await residentMiB(product.current().process.pid ?? 0);
      if (mib > 0) samples.push(mib);
    }
  })();
  return {
    growth() {
      const quarter = Math.floor(samples.length / 4);
      if (samples.length < MIN_MEMORY_SAMPLES) return undefined;
      return median(samples.slice(-quarter)) / median(samples.slice(quarter, 2 * quarter));
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
