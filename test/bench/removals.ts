import { datasetId } from '../../lib/database/row-ids.ts';
import { upsertDatasets } from '../../lib/projection/store/upsert-changes.ts';
import { NEW_YEAR, POOL } from '../fixtures/sync/stream-events.ts';
import { openBenchEmbedded } from './bench-embedded.ts';
import { openBenchPostgres } from './bench-postgres.ts';
import { contender, medianTimes, type Table } from './measure.ts';
import { createHandler } from './projection.ts';
import type { BenchDatabase } from './shard-writers.ts';
import { identityOf, syncBatch } from './sync-batch.ts';

/** Datasets of each contender. */
const DATASETS = 500_000;
const CHUNK = 2_500;
const BATCH = { events: 500, records: 10 };
const ROUNDS = 15;
const WARM_UP = 5;
const MAX_RATIO = 1.2;

/** Compares batches on datasets that were each deleted once with batches on datasets that were never deleted. */
export async function benchRemovals(): Promise<Table[]> {
  process.env.POWERTOOLS_LOG_LEVEL = 'SILENT';
  const tables: Table[] = [];
  for (const open of [openBenchPostgres, openBenchEmbedded]) {
    const database = await open(1);
    tables.push(await bench(database).finally(() => database.close()));
  }
  return tables;
}

async function bench({ name, shards: [writers] }: BenchDatabase): Promise<Table> {
  if (!writers) throw new Error('a benchmark needs a shard');
  const { database } = writers;
  const handle = createHandler(database);
  const groups = [
    { group: 'never deleted', isRemoved: false },
    { group: 'deleted once', isRemoved: true },
  ];
  for (const { group, isRemoved } of groups) {
    for (let first = 0; first < DATASETS; first += CHUNK) {
      const { sql, values } = upsertDatasets(
        Array.from({ length: CHUNK }, (_, index) => toRow(identityOf(group, first + index), isRemoved)).sort(
          (a, b) => (a.datasetId < b.datasetId ? -1 : 1),
        ),
      );
      await database.query(sql, values);
    }
  }
  const times = await medianTimes(
    groups.map(({ group }) =>
      contender({
        name: group,
        // Each round writes to other datasets.
        prepare: (round) =>
          syncBatch({ ...BATCH, group, version: 2, firstEvent: (round + WARM_UP) * BATCH.events }),
        run: handle,
      }),
    ),
    { rounds: ROUNDS, warmUp: WARM_UP },
  );
  const ratio = (times.get('deleted once') ?? 0) / (times.get('never deleted') ?? 1);
  const title = `Batch of ${BATCH.events} events x ${BATCH.records} records on ${name}, with ${DATASETS.toLocaleString('en')} datasets of each kind`;
  const cells = Array.from(times, ([group, ms]) => [group, `${ms.toFixed(1)} ms`]);
  return {
    title,
    rows: { 'new records': { ...Object.fromEntries(cells), ratio: `${ratio.toFixed(2)} x` } },
    overLimit: ratio > MAX_RATIO ? [`${title}: ${ratio.toFixed(2)} x, limit ${MAX_RATIO} x`] : [],
  };
}

function toRow(identityId: string, isRemoved: boolean) {
  const dataset = { identityPoolId: POOL, identityId, datasetName: 'game' };
  return {
    datasetId: datasetId(dataset),
    ...dataset,
    lastModifiedMs: NEW_YEAR,
    syncCount: 1,
    removedMs: isRemoved ? NEW_YEAR : null,
    removedSyncCount: isRemoved ? 1 : null,
  };
}
