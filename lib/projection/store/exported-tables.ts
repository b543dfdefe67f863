import type { TableShape } from '../../database/table-shape.ts';

/**
 * Identities whose data was erased. An export of the service contains them, because a stream can still hold events of
 * these identities, which must not be projected.
 */
export const ERASED_IDENTITIES: TableShape = {
  name: 'projection.erased_identities',
  key: ['identity_row_id'],
  columns: { identity_row_id: 'uuid', erased_ms: 'bigint' },
};
