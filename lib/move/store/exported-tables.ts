import type { TableShape } from '../../database/table-shape.ts';

/** The tables of migrations that an export of the service contains. A lease belongs to a process, so it stays here. */
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
    verified_ms: 'bigint?',
    differences: 'bigint?',
  },
};

export const MOVED_IDENTITIES: TableShape = {
  name: 'move.identities',
  key: ['identity_row_id'],
  columns: {
    identity_row_id: 'uuid',
    identity_pool_id: 'text',
    listed_run_ms: 'bigint?',
    copied_run_ms: 'bigint?',
    taken_over_ms: 'bigint?',
  },
};
