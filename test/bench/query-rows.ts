import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { datasetId, recordId } from '../../lib/database/row-ids.ts';
import { noProgress } from '../../lib/move/ports/move-store.ts';

export const POOLS = Array.from(
  { length: 10 },
  (_, index) => `us-east-1:0000000${index}-0000-4000-8000-000000000001`,
);
export const DATASETS = ['game', 'settings'];
/** Identities per pool. The default makes a million records in all pools, datasets and keys. */
const IDENTITIES = Number(process.env.QUERY_IDENTITIES ?? 1_000);
const KEYS = 50;
/** Number of rows with the same `projected_at`, as if the stream handler had written them in one batch. */
const BATCH_ROWS = 2_500;
const START_MS = Date.UTC(2026, 0, 1);

/** The key whose values are numbers, all of them different. */
export const NUMBER_KEY = 'key-00';
/** The key whose value is always one of TEXTS texts. */
export const TEXT_KEY = 'key-01';
/** One of the texts that are values of TEXT_KEY. */
export const TEXT = 'language 7';
const TEXTS = 20;
const keys = Array.from({ length: KEYS }, (_, index) => `key-${String(index).padStart(2, '0')}`);

export const RECORDS = POOLS.length * IDENTITIES * DATASETS.length * KEYS;

/** Returns an identity of a pool. After the last identity, the numbers continue with the first one. */
export function identityOf(pool: string, number: number): string {
  return `us-east-1:${String(number % IDENTITIES).padStart(8, '0')}-${pool.slice(14, 18)}-4000-8000-000000000001`;
}

/** Statements that insert several pages of rows for each of the other lists. */
const OTHERS = [
  `INSERT INTO projection.quarantine
   SELECT md5(i::text)::uuid, 'not-json: the data is not JSON', NULL, 'cognito-sync', 'shardId-000000000000', i::text,
     now(), now() - i * interval '1 second', NULL, 'payload'
   FROM generate_series(1, 20000) AS i`,
  `INSERT INTO projection.bulk_publishes
     (identity_pool_id, started_ms, stream_name, status, completed_ms, completeness, projected_ms, checked_ms)
   SELECT pool, ${START_MS} + i, 'cognito-sync', 'SUCCEEDED', ${START_MS} + i, 'projected', ${START_MS} + i, ${START_MS} + i
   FROM unnest($1::text[]) AS pool, generate_series(1, 100) AS i`,
  `INSERT INTO projection.gaps
   SELECT pool, ${START_MS} + i, 'expired', ${START_MS} + i, NULL FROM unnest($1::text[]) AS pool, generate_series(1, 100) AS i`,
  `INSERT INTO projection.stream_progress
   SELECT 'cognito-sync', 'shardId-' || lpad(i::text, 12, '0'), i::text, now(), now() FROM generate_series(1, 1000) AS i`,
  `INSERT INTO move.pools (identity_pool_id, origin, run_ms, progress)
   VALUES (($1::text[])[1], 'https://origin.example', 1, '${JSON.stringify(noProgress())}')`,
  `INSERT INTO move.identities (identity_row_id, identity_pool_id, copied_run_ms, taken_over_ms)
   SELECT md5(i::text)::uuid, ($1::text[])[1], 1, CASE WHEN i % 4 = 0 THEN 1 END FROM generate_series(1, 20000) AS i`,
];

/** Fills a migrated database with a million records in 20,000 datasets of 10,000 identities. */
export async function fillQueryStore(client: pg.Client): Promise<void> {
  await copy(client, 'projection.datasets', datasetLines());
  await copy(client, 'projection.records', recordLines());
  await copy(
    client,
    'identity.identities (identity_id, identity_pool_id, created_ms, modified_ms)',
    identityLines(),
  );
  for (const sql of OTHERS) await client.query(sql, sql.includes('$1') ? [POOLS] : []);
}

async function copy(client: pg.Client, table: string, lines: Iterable<string>): Promise<void> {
  await pipeline(Readable.from(lines), client.query(copyFrom(`COPY ${table} FROM STDIN`)));
}

function* datasets(): Iterable<{ pool: string; identity: string; name: string; index: number }> {
  let index = 0;
  for (let number = 0; number < IDENTITIES; number += 1) {
    for (const pool of POOLS) {
      for (const name of DATASETS) {
        yield { pool, identity: identityOf(pool, number), name, index };
        index += 1;
      }
    }
  }
}

const idOf = (pool: string, identity: string, name: string) =>
  datasetId({ identityPoolId: pool, identityId: identity, datasetName: name });

function* datasetLines(): Iterable<string> {
  for (const { pool, identity, name, index } of datasets()) {
    const version = [START_MS, KEYS, '\\N', '\\N', timeOf(index * KEYS)];
    yield `${[idOf(pool, identity, name), pool, identity, name, ...version].join('\t')}\n`;
  }
}

/** The lines of a dataset at a time, because a stream of single lines is slow. */
function* recordLines(): Iterable<string> {
  for (const { pool, identity, name, index } of datasets()) {
    const id = idOf(pool, identity, name);
    yield keys
      .map((key, place) => {
        const [value, number] = numberedValue(key, index);
        const at = index * KEYS + place;
        return `${[id, recordId(key), key, value, number, START_MS + at, place + 1, START_MS + at, timeOf(at)].join('\t')}\n`;
      })
      .join('');
  }
}

function numberedValue(key: string, index: number): [value: string, number: string] {
  // Spreads the numbers over the datasets: the factor has no divisor in common with the number of datasets.
  const number = String((index * 7_919) % 1_000_003);
  if (key === NUMBER_KEY) return [number, number];
  if (key === TEXT_KEY) return [`language ${index % TEXTS}`, '\\N'];
  return [`{"of":"${key}","item":${index},"note":"a value of an app"}`, '\\N'];
}

function timeOf(row: number): string {
  return new Date(START_MS + Math.floor(row / BATCH_ROWS) * 1_000).toISOString();
}

function* identityLines(): Iterable<string> {
  for (let number = 0; number < IDENTITIES; number += 1) {
    for (const pool of POOLS) yield `${[identityOf(pool, number), pool, START_MS, START_MS].join('\t')}\n`;
  }
}
