import type { IncomingMessage, RequestListener } from 'node:http';
import type { Database } from '../../lib/store/database.ts';

// What an endpoint cannot do without, in one call each: lock, check, write, count, outbox; and the records above a count.
const SETUP = [
  'CREATE SCHEMA bare',
  'CREATE TABLE bare.datasets (dataset_id text PRIMARY KEY, sync_count bigint NOT NULL, last_modified_ms bigint NOT NULL)',
  `CREATE TABLE bare.records (dataset_id text, key text, value text, sync_count bigint NOT NULL, last_modified_ms bigint NOT NULL,
     PRIMARY KEY (dataset_id, key))`,
  'CREATE INDEX ON bare.records (dataset_id, sync_count)',
  'CREATE TABLE bare.outbox (outbox_id uuid PRIMARY KEY, event text NOT NULL)',
  `CREATE FUNCTION bare.push(dataset text, keys text[], texts text[], counts bigint[], body text) RETURNS bigint LANGUAGE plpgsql AS $$
   DECLARE new_count bigint;
   BEGIN
     INSERT INTO bare.datasets VALUES (dataset, 1, 0)
       ON CONFLICT (dataset_id) DO UPDATE SET sync_count = datasets.sync_count + 1, last_modified_ms = 0 RETURNING datasets.sync_count INTO new_count;
     IF EXISTS (SELECT 1 FROM unnest(keys, counts) AS patch(key, count) JOIN bare.records USING (key)
                WHERE dataset_id = dataset AND patch.count < records.sync_count) THEN RAISE EXCEPTION 'conflict';
     END IF;
     INSERT INTO bare.records SELECT dataset, patch.key, patch.text, new_count, 0 FROM unnest(keys, texts) AS patch(key, text)
       ON CONFLICT (dataset_id, key) DO UPDATE SET value = excluded.value, sync_count = excluded.sync_count;
     INSERT INTO bare.outbox VALUES (gen_random_uuid(), body);
     RETURN new_count;
   END $$`,
];

/** A plain endpoint: no signatures, no checks of input, no tokens; one SQL call a request. */
export async function createBareEndpoint(database: Database): Promise<RequestListener> {
  for (const statement of SETUP) await database.query(statement);

  async function answer(incoming: IncomingMessage): Promise<unknown> {
    const dataset = String(incoming.url);
    if (incoming.method === 'GET') {
      const sql =
        'SELECT key, value, sync_count FROM bare.records WHERE dataset_id = $1 AND sync_count > $2 ORDER BY sync_count';
      const url = new URL(dataset, 'http://bare');
      return {
        Records: (await database.query(sql, [url.pathname, Number(url.searchParams.get('lastSyncCount'))]))
          .rows,
      };
    }
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const patches: { Key: string; Value: string; SyncCount: number }[] = JSON.parse(body).RecordPatches;
    const { rows } = await database.query(
      'SELECT bare.push($1, $2::text[], $3::text[], $4::bigint[], $5) AS count',
      [
        `${dataset}/records`,
        JSON.stringify(patches.map((patch) => patch.Key))
          .replace('[', '{')
          .replace(']', '}'),
        JSON.stringify(patches.map((patch) => patch.Value))
          .replace('[', '{')
          .replace(']', '}'),
        `{${patches.map((patch) => patch.SyncCount).join(',')}}`,
        body,
      ],
    );
    return { Records: patches, count: rows[0] };
  }

  return (incoming, response) => {
    answer(incoming).then(
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
