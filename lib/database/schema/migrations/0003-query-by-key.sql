-- Queries by key. Record keys are hashed, so no index contains their text. To find one key across all users, these
-- functions compute its hash. The planner inlines these functions, because each is one SELECT and neither volatile nor
-- strict. An index on record_id and a value can therefore serve `… where numeric_value > 10`.
-- Every statement ends with a semicolon at the end of a line, is idempotent, and runs in its own transaction.

-- The same id as in lib/database/row-ids.ts: half of SHA-256 over UTF-8, marked as a version 8 UUID. The function is
-- not in schema `projection`, because the functions below run with the permissions of the reader, who has no access to
-- that schema.
CREATE OR REPLACE FUNCTION query.record_id_of(record_key text) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT encode(
    set_byte(
      set_byte(substring(hash FROM 1 FOR 16), 6, (get_byte(hash, 6) & 15) | 128),
      8, (get_byte(hash, 8) & 63) | 128),
    'hex')::uuid
  FROM (SELECT sha256(convert_to($1, 'UTF8')) AS hash) AS hashed
$$;

CREATE OR REPLACE VIEW query.records AS
SELECT
  datasets.identity_pool_id,
  datasets.identity_id,
  datasets.dataset_name,
  records.record_key,
  records.record_value,
  records.numeric_value,
  records.sync_count,
  to_timestamp(records.last_modified_ms / 1000) + (records.last_modified_ms % 1000) * interval '1 millisecond' AS last_modified_date,
  to_timestamp(records.device_last_modified_ms / 1000) + (records.device_last_modified_ms % 1000) * interval '1 millisecond' AS device_last_modified_date,
  records.projected_at,
  records.record_id
FROM projection.records
JOIN projection.datasets ON datasets.dataset_id = records.dataset_id
WHERE records.record_value IS NOT NULL
  AND (
    datasets.removed_ms IS NULL
    OR (records.last_modified_ms, records.sync_count) > (datasets.removed_ms, datasets.removed_sync_count)
  );

-- The records with one key, across all users.
CREATE OR REPLACE FUNCTION query.records_of(record_key text) RETURNS SETOF query.records
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT * FROM query.records WHERE records.record_id = query.record_id_of($1)
$$;

-- The records with one key and one value. Index entries are limited in size, so the index contains the first 64
-- characters.
CREATE OR REPLACE FUNCTION query.records_with(record_key text, record_value text) RETURNS SETOF query.records
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT * FROM query.records
  WHERE records.record_id = query.record_id_of($1)
    AND left(records.record_value, 64) = left($2, 64)
    AND records.record_value = $2
$$;

REVOKE ALL ON FUNCTION query.record_id_of(text), query.records_of(text), query.records_with(text, text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION query.record_id_of(text), query.records_of(text), query.records_with(text, text) TO query_reader;
