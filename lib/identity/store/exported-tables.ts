import type { TableShape } from '../../database/table-shape.ts';

/** The tables of Cognito Identity that an export of the service contains. */
export const IDENTITIES: TableShape = {
  name: 'identity.identities',
  key: ['identity_id'],
  columns: {
    identity_id: 'text',
    identity_pool_id: 'text',
    created_ms: 'bigint',
    modified_ms: 'bigint',
    merged_into: 'text?',
    used_ms: 'bigint?',
    unlinked_ms: 'bigint?',
    copied_ms: 'bigint?',
    copied_providers: 'text?',
  },
};

export const LOGINS: TableShape = {
  name: 'identity.logins',
  key: ['login_id'],
  columns: {
    login_id: 'uuid',
    identity_pool_id: 'text',
    provider: 'text',
    user_id: 'text',
    identity_id: 'text',
    linked_ms: 'bigint',
  },
};

export const DELETED_MERGES: TableShape = {
  name: 'identity.deleted_merges',
  key: ['merged_hash'],
  columns: { merged_hash: 'uuid', root_hash: 'uuid', sealed_id: 'text', deleted_ms: 'bigint' },
};
