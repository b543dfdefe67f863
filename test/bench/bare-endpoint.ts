import type { IncomingMessage, RequestListener } from 'node:http';
import type { DatasetKey } from '../../lib/common/dataset-key.ts';
import { plainArray, textArray } from '../../lib/database/array-literal.ts';
import type { Database } from '../../lib/database/database.ts';
import { datasetId, recordId } from '../../lib/database/row-ids.ts';

// Creates copies of the service's tables with the same indexes, and the SQL function that a push (UpdateRecords) calls.
// The function locks, checks and writes the dataset and its records, marks the token as used and puts the event into
// the outbox. A pull (ListRecords) needs no function: one query reads the dataset and its records above a sync count.
const SETUP = [
  'CREATE SCHEMA bare',
  ...['datasets', 'records', 'spent_tokens', 'outbox'].map(
    (table) => `CREATE TABLE bare.${table} (LIKE sync.${table} INCLUDING ALL)`,
  ),
  `CREATE FUNCTION bare.push(
     pool text, identity text, dataset text, id uuid, ids uuid[], keys text[], texts text[], counts bigint[], at_ms bigint, body text)
   RETURNS bigint LANGUAGE plpgsql AS $$
   DECLARE new_count bigint;
   BEGIN
     INSERT INTO bare.datasets AS stored VALUES (id, pool, identity, dataset, 1, 0, at_ms, at_ms, 'bare', 0, 10)
       ON CONFLICT (dataset_id) DO UPDATE SET sync_count = stored.sync_count + 1, last_modified_ms = excluded.last_modified_ms
       RETURNING stored.sync_count INTO new_count;
     IF EXISTS (SELECT 1 FROM unnest(ids, counts) AS patch(record_id, count) JOIN bare.records USING (record_id)
                WHERE records.dataset_id = id AND patch.count < records.sync_count) THEN RAISE EXCEPTION 'conflict';
     END IF;
     INSERT INTO bare.records (dataset_id, record_id, record_key, record_value, sync_count, last_modified_ms, last_modified_by)
       SELECT id, patch.record_id, patch.key, patch.text, new_count, at_ms, 'bare' FROM unnest(ids, keys, texts) AS patch(record_id, key, text)
       ON CONFLICT (dataset_id, record_id) DO UPDATE SET
         record_value = excluded.record_value, sync_count = excluded.sync_count, last_modified_ms = excluded.last_modified_ms;
     INSERT INTO bare.spent_tokens VALUES (id, at_ms, gen_random_uuid());
     INSERT INTO bare.outbox VALUES (gen_random_uuid(), identity, body, now(), NULL, 0, NULL);
     RETURN new_count;
   END $$`,
];

const PUSH = `
SELECT bare.push($1, $2, $3, $4::uuid, $5::uuid[], $6::text[], $7::text[], $8::bigint[], $9::bigint, $10) AS count`;

const PULL = `
SELECT records.record_key, records.record_value, records.sync_count, records.last_modified_ms, records.last_modified_by,
  records.device_last_modified_ms, datasets.sync_count AS dataset_sync_count
FROM bare.datasets JOIN bare.records ON records.dataset_id = datasets.dataset_id
WHERE datasets.dataset_id = $1::uuid AND records.sync_count > $2
ORDER BY records.sync_count, records.record_id`;

interface Patch {
  Key: string;
  Value: string;
  SyncCount: number;
}

/** Creates a minimal endpoint: one SQL call per request, without signatures, input checks or tokens. */
export async function createBareEndpoint(database: Database): Promise<RequestListener> {
  for (const statement of SETUP) await database.query(statement);

  async function pull(key: DatasetKey, lastSyncCount: number): Promise<unknown> {
    const { rows } = await database.query(PULL, [datasetId(key), lastSyncCount]);
    return {
      Records: rows.map((row) => ({
        Key: row.record_key,
        Value: row.record_value,
        SyncCount: row.sync_count,
        LastModifiedDate: Number(row.last_modified_ms) / 1000,
        LastModifiedBy: row.last_modified_by,
        DeviceLastModifiedDate: row.device_last_modified_ms,
      })),
      DatasetSyncCount: rows[0]?.dataset_sync_count ?? 0,
    };
  }

  async function push(key: DatasetKey, body: string): Promise<unknown> {
    const patches: Patch[] = JSON.parse(body).RecordPatches;
    const { rows } = await database.query<{ count: number }>(PUSH, [
      key.identityPoolId,
      key.identityId,
      key.datasetName,
      datasetId(key),
      plainArray(patches.map((patch) => recordId(patch.Key))),
      textArray(patches.map((patch) => patch.Key)),
      textArray(patches.map((patch) => patch.Value)),
      plainArray(patches.map((patch) => patch.SyncCount)),
      Date.now(),
      body,
    ]);
    return { Records: patches.map(({ Key, Value }) => ({ Key, Value, SyncCount: rows[0]?.count })) };
  }

  async function respond(incoming: IncomingMessage): Promise<unknown> {
    const url = new URL(String(incoming.url), 'http://bare');
    const [, , identityPoolId = '', , identityId = '', , datasetName = ''] = url.pathname
      .split('/')
      .map(decodeURIComponent);
    const key = { identityPoolId, identityId, datasetName };
    if (incoming.method === 'GET') return pull(key, Number(url.searchParams.get('lastSyncCount')));
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    return push(key, Buffer.concat(chunks).toString());
  }

  return (incoming, response) => {
    respond(incoming).then(
      (body) => {
        response.setHeader('Content-Type', 'application/json');
        response.end(JSON.stringify(body));
      },
      (error: unknown) => {
        console.error(error);
        response.statusCode = 500;
        response.end();
      },
    );
  };
}
