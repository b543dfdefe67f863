// SQL statements for the poller's data.

import type { Gap } from '../publish-model.ts';

/**
 * Reads the newest bulk publishes of a pool. The row limit is high enough: only the pause after failed bulk publishes
 * depends on their number, and this pause stops growing after far fewer failures.
 */
export const READ_RUNS = `
SELECT identity_pool_id, started_ms, stream_name, status, completed_ms, failure_message, completeness, waiting_for,
  projected_ms, position_mark, position_ms, checked_ms, stream_created_ms
FROM projection.bulk_publishes
WHERE identity_pool_id = $1
ORDER BY started_ms DESC
LIMIT 50`;

/**
 * Pollers may run concurrently, and a slow poller may write an old state. A run that was saved as projected therefore
 * remains projected.
 */
export const SAVE_RUN = `
INSERT INTO projection.bulk_publishes AS stored (
  identity_pool_id, started_ms, stream_name, status, completed_ms, failure_message, completeness, waiting_for,
  projected_ms, position_mark, position_ms, checked_ms, stream_created_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (identity_pool_id, started_ms) DO UPDATE SET
  stream_name = excluded.stream_name,
  status = excluded.status,
  completed_ms = excluded.completed_ms,
  failure_message = excluded.failure_message,
  completeness = excluded.completeness,
  waiting_for = excluded.waiting_for,
  projected_ms = excluded.projected_ms,
  position_mark = excluded.position_mark,
  position_ms = excluded.position_ms,
  checked_ms = excluded.checked_ms,
  stream_created_ms = excluded.stream_created_ms
WHERE stored.completeness <> 'projected'`;

export interface SeenRow {
  identity_pool_id: string;
  stream_name: string | null;
  is_enabled: boolean;
  checked_ms: number;
}

export const READ_SEEN = `
SELECT identity_pool_id, stream_name, is_enabled, checked_ms FROM projection.pool_streaming`;

export const KEEP_SEEN = `
INSERT INTO projection.pool_streaming (identity_pool_id, stream_name, is_enabled, checked_ms)
VALUES ($1, $2, $3, $4)
ON CONFLICT (identity_pool_id) DO UPDATE SET
  stream_name = excluded.stream_name, is_enabled = excluded.is_enabled, checked_ms = excluded.checked_ms`;

export interface GapRow {
  identity_pool_id: string;
  since_ms: number;
  cause: Gap['cause'];
  until_ms: number | null;
  mended_ms: number | null;
}

export const READ_OPEN_GAPS = `
SELECT identity_pool_id, since_ms, cause, until_ms, mended_ms FROM projection.gaps WHERE until_ms IS NULL`;

export const COUNT_UNREPAIRED = `
SELECT count(*) AS unrepaired FROM projection.gaps WHERE mended_ms IS NULL`;

export const OPEN_GAP = `
INSERT INTO projection.gaps (identity_pool_id, since_ms, cause, until_ms)
VALUES ($1, $2, $3, $4)
ON CONFLICT (identity_pool_id, since_ms, cause) DO NOTHING`;

/** If the clock was set back, a gap must still not end before it started. */
export const END_GAPS = `
UPDATE projection.gaps SET until_ms = greatest(since_ms, $3::bigint)
WHERE identity_pool_id = $1 AND cause = $2 AND until_ms IS NULL`;

export interface PositionRow {
  shard_id: string;
  sequence_number: string | null;
  arrived_at: Date | null;
}

export const READ_POSITIONS = `
SELECT shard_id, sequence_number, arrived_at FROM projection.stream_progress WHERE stream_name = $1`;

export const FORGET_POSITION = `
DELETE FROM projection.stream_progress WHERE stream_name = $1 AND shard_id = $2`;

export const READ_SEEN_CREATION = `
SELECT created_ms FROM projection.polled_streams WHERE stream_name = $1`;

export const KEEP_SEEN_CREATION = `
INSERT INTO projection.polled_streams (stream_name, created_ms)
VALUES ($1, $2)
ON CONFLICT (stream_name) DO UPDATE SET created_ms = excluded.created_ms`;

/**
 * $1: pool; $2: stream; $3 and $4: the period. Quarantined data without a pool id counts, because it may belong to any
 * pool.
 */
export const COUNT_QUARANTINED = `
SELECT count(*) AS quarantined
FROM projection.quarantine
WHERE redriven_at IS NULL AND (identity_pool_id = $1 OR identity_pool_id IS NULL) AND stream_name = $2
  AND arrived_at BETWEEN $3::timestamptz AND $4::timestamptz`;

export interface QuietRow {
  shard_id: string;
  sequence_number: string;
  arrived_at: Date;
  empty_ms: number | null;
}

/** $2 and $3: the same time, as a timestamp and in epoch milliseconds. */
export const READ_QUIET = `
SELECT progress.shard_id, progress.sequence_number, progress.arrived_at, quiet.empty_ms
FROM projection.stream_progress AS progress
LEFT JOIN projection.quiet_shards AS quiet
  ON quiet.stream_name = progress.stream_name AND quiet.shard_id = progress.shard_id
WHERE progress.stream_name = $1 AND progress.sequence_number IS NOT NULL
  AND progress.arrived_at < $2::timestamptz AND (quiet.empty_ms IS NULL OR quiet.empty_ms < $3::bigint)`;

export const KEEP_EMPTY = `
INSERT INTO projection.quiet_shards (stream_name, shard_id, empty_ms)
VALUES ($1, $2, $3)
ON CONFLICT (stream_name, shard_id) DO UPDATE SET empty_ms = excluded.empty_ms`;
