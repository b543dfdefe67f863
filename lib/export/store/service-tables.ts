import type { TableShape } from '../../database/table-shape.ts';
import { DELETED_MERGES } from '../../identity/store/exported-tables.ts';
import {
  AGREED_DATASETS,
  CONFLICTS,
  MOVED_IDENTITIES,
  MOVING_POOLS,
  PENDING_KEYS,
} from '../../move/store/exported-tables.ts';
import { ERASED_IDENTITIES } from '../../projection/store/exported-tables.ts';
import {
  DELETED_IDENTITIES,
  DEVICES,
  IDENTITY_POOLS,
  PENDING_MERGES,
  SPENT_TOKENS,
  SUBSCRIPTIONS,
} from '../../sync/store/exported-tables.ts';

/**
 * The tables whose rows are lines of their own, in the order of the export. Datasets and identities come before them.
 * The deletions come after the data, so that data of an identity that was deleted during the export can be skipped. The
 * pools come after that: while an import runs, no caller sees their data. The migrations of pools are last: a running
 * service starts to follow a pool's origin as soon as it finds the row of the migration.
 */
export const SINGLE_ROWS: readonly TableShape[] = [
  DEVICES,
  SUBSCRIPTIONS,
  SPENT_TOKENS,
  MOVED_IDENTITIES,
  AGREED_DATASETS,
  PENDING_KEYS,
  CONFLICTS,
  PENDING_MERGES,
  DELETED_IDENTITIES,
  DELETED_MERGES,
  ERASED_IDENTITIES,
  IDENTITY_POOLS,
  MOVING_POOLS,
];
