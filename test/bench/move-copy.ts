import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { prepareCommand } from '../../infra/cli/run-command.ts';
import { startLocalCloud } from '../../infra/local/start-local-cloud.ts';
import { openOrigin } from '../../lib/aws/origin.ts';
import { DEFAULT_CREDENTIALS } from '../../lib/common/environment.ts';
import { SetupError } from '../../lib/common/errors.ts';
import { openPg } from '../../lib/database/drivers/pg/open-pg.ts';
import { createMoveStore } from '../../lib/move/store/move-store.ts';
import type { ReplicaChange } from '../../lib/sync/replica.ts';
import { createPoolStore } from '../../lib/sync/store/pool-store.ts';
import { startPostgresServer } from '../fixtures/database/postgres-server.ts';
import { newPool, STREAMING } from '../fixtures/identity/identity-pools.ts';
import { commandDeps } from '../fixtures/local/command-deps.ts';
import { createDatabase } from './create-database.ts';
import { median, type Table } from './measure.ts';
import { startCloud } from './start-process.ts';

const IDENTITIES = Number(process.env.BENCH_IDENTITIES ?? 5_000);
const DATASETS = 2;
const RECORDS = 10;
/** The heap of the target may grow by this many MiB from a quarter of the copy to its end. */
const MAX_GROWTH_MIB = 15;
const STATUS_EVERY_MS = 1_000;

// A log line per batch would be measured too.
process.env.POWERTOOLS_LOG_LEVEL ??= 'SILENT';
setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/**
 * Copies a pool from a service in another process to a service in this process, and calls `move status` in the meantime.
 * Measures the rate, the memory of the target, and the time of `move status`.
 */
export async function benchMoveCopy(): Promise<Table[]> {
  const server = await startPostgresServer();
  try {
    return await bench(server.url);
  } finally {
    await server.close();
  }
}

async function bench(serverUrl: string): Promise<Table[]> {
  const readOrigin = () => {
    throw new SetupError('this benchmark measures the copy without the stream');
  };
  const originDatabase = await createDatabase(serverUrl);
  const origin = await startCloud({ databaseUrl: originDatabase });
  const target = await startLocalCloud({ databaseUrl: await createDatabase(serverUrl), readOrigin });
  try {
    const database = openPg({ connectionString: originDatabase });
    const pool = await fill(database).finally(() => database.close());
    const measured: Measured = { seconds: 0, memory: [], statusMs: [] };
    const deps = commandDeps({
      database: target.database,
      openOrigin: async () =>
        openOrigin({
          region: 'us-east-1',
          endpoint: origin.ready.url,
          streamName: 'cognito-sync',
          credentials: DEFAULT_CREDENTIALS,
        }),
      progress({ share }) {
        if (share && share.done >= (measured.memory.length + 1) * (share.total / 4)) sampleMemory(measured);
      },
    });
    const start = performance.now();
    let isDone = false;
    const copy = await prepareCommand(['move', 'copy', '--pool', pool, '--rate', '1000']);
    const copying = copy(deps).finally(() => {
      isDone = true;
    });
    while (!isDone) {
      await Promise.race([sleep(STATUS_EVERY_MS), copying]);
      const asked = performance.now();
      await (await prepareCommand(['move', 'status', '--json']))(deps);
      measured.statusMs.push(performance.now() - asked);
    }
    await copying;
    measured.seconds = (performance.now() - start) / 1000;
    if (measured.memory.length < 4) sampleMemory(measured);
    return toTables(measured);
  } finally {
    await target.close();
    await origin.stop();
  }
}

interface Measured {
  seconds: number;
  /** One sample per quarter of the copy, after a garbage collection. */
  memory: { heapUsed: number; rss: number }[];
  statusMs: number[];
}

function sampleMemory({ memory }: Measured): void {
  collectGarbage();
  memory.push(process.memoryUsage());
}

function toTables({ seconds, memory, statusMs }: Measured): Table[] {
  const records = IDENTITIES * DATASETS * RECORDS;
  const mib = (bytes = Number.NaN) => bytes / 2 ** 20;
  const cells = (of: 'heapUsed' | 'rss') =>
    Object.fromEntries(
      memory.map((sample, index) => [`after ${(index + 1) * 25} %`, `${mib(sample[of]).toFixed(1)} MiB`]),
    );
  const growthMib = mib(memory.at(-1)?.heapUsed) - mib(memory[0]?.heapUsed);
  return [
    {
      title: `Copy of ${records} records: ${IDENTITIES} identities with ${DATASETS} datasets of ${RECORDS} records, on PostgreSQL 18`,
      rows: {
        '`move copy`': {
          records: `${(records / seconds).toFixed(0)} /s`,
          identities: `${(IDENTITIES / seconds).toFixed(0)} /s`,
          duration: `${seconds.toFixed(0)} s`,
          'move status, calls': `${statusMs.length}`,
          p50: `${median(statusMs).toFixed(0)} ms`,
          max: `${Math.max(...statusMs).toFixed(0)} ms`,
        },
      },
    },
    {
      title: 'Memory of the target during this copy, after a garbage collection',
      rows: { 'heap used': cells('heapUsed'), resident: cells('rss') },
      overLimit: growthMib > MAX_GROWTH_MIB ? [`the heap grew by ${growthMib.toFixed(1)} MiB`] : [],
    },
  ];
}

/**
 * Fills a pool at the origin. Enables streaming only after that, because the benchmark needs no events of the data.
 * @returns the id of the pool
 */
async function fill(database: Parameters<typeof newPool>[0]): Promise<string> {
  const pool = await newPool(database);
  const store = createMoveStore(database, { offloading: null, now: Date.now });
  for (let done = 0; done < IDENTITIES; done += 50) {
    const ids = Array.from({ length: Math.min(50, IDENTITIES - done) }, () => `us-east-1:${randomUUID()}`);
    const identities = ids.map((identityId) => ({ identityId, createdAt: 1, modifiedAt: 1, providers: [] }));
    await store.putIdentities(pool, identities, {
      startedAt: 1,
      state: 'usable',
      developerProvider: undefined,
    });
    await Promise.all(
      ids.flatMap((id) =>
        Array.from({ length: DATASETS }, (_, index) =>
          store.applyChange(datasetOf(pool, id, `data${index}`)),
        ),
      ),
    );
  }
  const pools = createPoolStore(database);
  const stored = await pools.readPool(pool);
  if (stored) await pools.changePool({ ...stored, streams: STREAMING });
  return pool;
}

function datasetOf(identityPoolId: string, identityId: string, datasetName: string): ReplicaChange {
  const version = { lastModifiedDate: 1_700_000_000_000, syncCount: 1 };
  return {
    dataset: { identityPoolId, identityId, datasetName },
    version,
    removal: null,
    records: Array.from({ length: RECORDS }, (_, index) => ({
      key: `key${index}`,
      value: `value ${index} of ${identityId}`,
      version,
      deviceLastModifiedDate: null,
      lastModifiedBy: identityId,
    })),
    listing: { creationDate: version.lastModifiedDate, lastModifiedBy: identityId, unstorableKeys: [] },
  };
}
