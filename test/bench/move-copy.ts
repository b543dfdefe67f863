import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { prepareCommand } from '../../infra/cli/run-command.ts';
import { startLocalCloud } from '../../infra/local/start-local-cloud.ts';
import { openOrigin } from '../../lib/aws/origin.ts';
import { DEFAULT_CREDENTIALS } from '../../lib/common/environment.ts';
import { SetupError } from '../../lib/common/errors.ts';
import { createMoveStore } from '../../lib/move/store/move-store.ts';
import type { ReplicaChange } from '../../lib/sync/replica.ts';
import { createPoolStore } from '../../lib/sync/store/pool-store.ts';
import { startPostgresServer } from '../fixtures/database/postgres-server.ts';
import { newPool, STREAMING } from '../fixtures/identity/identity-pools.ts';
import { commandDeps } from '../fixtures/local/command-deps.ts';
import { createDatabase } from './create-database.ts';
import type { Table } from './measure.ts';

const IDENTITIES = Number(process.env.BENCH_IDENTITIES ?? 5_000);
const DATASETS = 2;
const RECORDS = 10;
/** The heap may grow by this many MiB from a quarter of the copy to its end. */
const MAX_GROWTH_MIB = 15;
const STATUS_EVERY_MS = 1_000;

// A log line per batch would be measured too.
process.env.POWERTOOLS_LOG_LEVEL ??= 'SILENT';
setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/**
 * Copies a pool from one service to another, both in this process, and calls `move status` in the meantime. Measures the
 * rate, the growth of the heap, and the time of `move status`.
 */
export async function benchMoveCopy(): Promise<Table[]> {
  const server = await startPostgresServer();
  try {
    return [await bench(server.url)];
  } finally {
    await server.close();
  }
}

async function bench(serverUrl: string): Promise<Table> {
  const readOrigin = () => {
    throw new SetupError('this benchmark measures the copy without the stream');
  };
  const origin = await startLocalCloud({ databaseUrl: await createDatabase(serverUrl) });
  const target = await startLocalCloud({ databaseUrl: await createDatabase(serverUrl), readOrigin });
  try {
    const pool = await fill(origin.database);
    const heaps: number[] = [];
    const statusMs: number[] = [];
    const deps = commandDeps({
      database: target.database,
      openOrigin: async () =>
        openOrigin({
          region: 'us-east-1',
          endpoint: origin.url,
          streamName: 'cognito-sync',
          credentials: DEFAULT_CREDENTIALS,
        }),
      progress: ({ share }) => {
        if (!share || share.done < (heaps.length + 1) * (share.total / 8)) return;
        collectGarbage();
        heaps.push(process.memoryUsage().heapUsed);
      },
    });
    const start = performance.now();
    let isDone = false;
    const copying = prepareCommand(['move', 'copy', '--pool', pool, '--rate', '1000'])(deps).finally(() => {
      isDone = true;
    });
    while (!isDone) {
      await Promise.race([sleep(STATUS_EVERY_MS), copying]);
      const asked = performance.now();
      await prepareCommand(['move', 'status', '--json'])(deps);
      statusMs.push(performance.now() - asked);
    }
    await copying;
    return toTable((performance.now() - start) / 1000, heaps, statusMs);
  } finally {
    await target.close();
    await origin.close();
  }
}

function toTable(seconds: number, heaps: readonly number[], statusMs: readonly number[]): Table {
  const records = IDENTITIES * DATASETS * RECORDS;
  const growthMib = ((heaps.at(-1) ?? 0) - (heaps[1] ?? 0)) / 2 ** 20;
  return {
    title: `Copy of ${records} records: ${IDENTITIES} identities with ${DATASETS} datasets of ${RECORDS} records, two services in one process`,
    rows: {
      'PostgreSQL 18': {
        'records/s': (records / seconds).toFixed(0),
        'identities/s': (IDENTITIES / seconds).toFixed(0),
        'growth of the heap from 1/4 to the end': `${growthMib.toFixed(1)} MiB`,
        'move status, slowest': `${Math.max(...statusMs).toFixed(0)} ms`,
      },
    },
    overLimit: growthMib > MAX_GROWTH_MIB ? [`the heap grew by ${growthMib.toFixed(1)} MiB`] : [],
  };
}

/** Fills a pool at the origin, and enables streaming only then: no event of the data is needed. @returns its id */
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
