import type { TableRow, TableShape } from '../../database/table-shape.ts';
import { type CopyProgress, noProgress } from '../ports/move-store.ts';
import { parseProgress } from './stored-progress.ts';

/**
 * The tables of migrations that an export of the service contains. Leases are not exported, because a lease belongs to
 * a process.
 */
export const MOVING_POOLS: TableShape = {
  name: 'move.pools',
  key: ['identity_pool_id'],
  columns: {
    identity_pool_id: 'text',
    origin: 'text',
    run_ms: 'bigint',
    progress: 'text',
    copied_ms: 'bigint?',
    followed_ms: 'bigint?',
    caught_up_ms: 'bigint?',
    gap_since_ms: 'bigint?',
    gap_seen_ms: 'bigint?',
    last_old_write_ms: 'bigint?',
    finished_ms: 'bigint?',
    verified_ms: 'bigint?',
    differences: 'bigint?',
  },
};

/**
 * Returns the row of an imported pool with a gap. The export did not read all rows of the pool at one point in time. It
 * finds rows that changed during the export by their dates, but the rows of a replica have the dates of the origin. So
 * changes may be missing until the next copy, which starts again and compares everything.
 *
 * @param since the time since which changes may be missing, epoch milliseconds
 */
export function withGap(row: TableRow, { since, now }: { since: number; now: number }): TableRow {
  const { gap_since_ms: earlier } = row;
  return {
    ...row,
    progress: JSON.stringify({ ...parse(row.progress), phase: 'done', position: null }),
    gap_since_ms: typeof earlier === 'number' ? Math.min(earlier, since) : since,
    gap_seen_ms: now,
  };
}

function parse(progress: unknown): CopyProgress {
  try {
    return parseProgress(String(progress));
  } catch {
    return noProgress();
  }
}

export const MOVED_IDENTITIES: TableShape = {
  name: 'move.identities',
  key: ['identity_row_id'],
  columns: {
    identity_row_id: 'uuid',
    identity_pool_id: 'text',
    listed_run_ms: 'bigint?',
    copied_run_ms: 'bigint?',
    taken_over_ms: 'bigint?',
    deleted_ms: 'bigint?',
  },
};

export const AGREED_DATASETS: TableShape = {
  name: 'move.datasets',
  key: ['dataset_id'],
  columns: { dataset_id: 'uuid', identity_row_id: 'uuid', agreed_here: 'bigint', agreed_there: 'bigint' },
};

export const PENDING_KEYS: TableShape = {
  name: 'move.pending',
  key: ['dataset_id', 'record_id'],
  columns: {
    dataset_id: 'uuid',
    record_id: 'uuid',
    record_key: 'text',
    value_hash: 'text?',
    here_count: 'bigint',
    after_there: 'bigint',
    there_count: 'bigint?',
  },
};

export const CONFLICTS: TableShape = {
  name: 'move.conflicts',
  key: ['conflict_id'],
  columns: {
    conflict_id: 'uuid',
    identity_pool_id: 'text',
    identity_id: 'text',
    dataset_name: 'text',
    record_key: 'text?',
    kind: 'text',
    winner: 'text',
    here_ms: 'bigint?',
    there_ms: 'bigint?',
    decided_ms: 'bigint',
  },
};
