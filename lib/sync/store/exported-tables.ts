import type { TableShape } from '../../database/table-shape.ts';

/** The tables of Cognito Sync that an export of the service contains. */
export const DATASETS: TableShape = {
  name: 'sync.datasets',
  key: ['dataset_id'],
  columns: {
    dataset_id: 'uuid',
    identity_pool_id: 'text',
    identity_id: 'text',
    dataset_name: 'text',
    sync_count: 'bigint',
    deleted_sync_count: 'bigint',
    creation_ms: 'bigint',
    last_modified_ms: 'bigint',
    last_modified_by: 'text',
    data_storage: 'bigint',
    record_count: 'bigint',
    row_count: 'bigint?',
    key_bytes: 'bigint?',
    counted_sync_count: 'bigint?',
    removed_ms: 'bigint?',
  },
};

export const RECORDS: TableShape = {
  name: 'sync.records',
  key: ['dataset_id', 'record_id'],
  columns: {
    dataset_id: 'uuid',
    record_id: 'uuid',
    record_key: 'text',
    record_value: 'text?',
    sync_count: 'bigint',
    last_modified_ms: 'bigint',
    last_modified_by: 'text',
    device_last_modified_ms: 'bigint?',
  },
};

export const MERGED_DATASETS: TableShape = {
  name: 'sync.merged_datasets',
  key: ['dataset_id'],
  columns: { dataset_id: 'uuid', root_dataset_id: 'uuid' },
};

export const PENDING_MERGES: TableShape = {
  name: 'sync.pending_merges',
  key: ['identity_row_id'],
  columns: {
    identity_row_id: 'uuid',
    identity_pool_id: 'text',
    identity_id: 'text',
    into_identity_id: 'text',
    merged_ms: 'bigint',
  },
};

export const SPENT_TOKENS: TableShape = {
  name: 'sync.spent_tokens',
  key: ['dataset_id', 'expires_ms', 'session_id'],
  columns: { dataset_id: 'uuid', expires_ms: 'bigint', session_id: 'uuid' },
};

export const DEVICES: TableShape = {
  name: 'sync.devices',
  key: ['registration_id'],
  columns: {
    registration_id: 'uuid',
    device_id: 'uuid',
    identity_pool_id: 'text',
    identity_id: 'text',
    platform: 'text',
    endpoint: 'text',
    registered_ms: 'bigint',
  },
};

export const SUBSCRIPTIONS: TableShape = {
  name: 'sync.subscriptions',
  key: ['dataset_id', 'device_id'],
  columns: { dataset_id: 'uuid', device_id: 'uuid', subscribed_ms: 'bigint' },
};

export const DELETED_IDENTITIES: TableShape = {
  name: 'sync.deleted_identities',
  key: ['id_hash'],
  columns: {
    id_hash: 'uuid',
    root_hash: 'uuid',
    identity_pool_id: 'text?',
    identity_id: 'text?',
    deleted_ms: 'bigint',
  },
};

export const IDENTITY_POOLS: TableShape = {
  name: 'sync.identity_pools',
  key: ['identity_pool_id'],
  columns: {
    identity_pool_id: 'text',
    created_ms: 'bigint',
    revision: 'bigint',
    sync_trigger: 'text?',
    streaming_status: 'text?',
    stream_name: 'text?',
    stream_role_arn: 'text?',
    disabled_reason: 'text?',
    push_application_arns: 'text?',
    push_role_arn: 'text?',
    identity_settings: 'text?',
    deleted_ms: 'bigint?',
    role_settings: 'text?',
    bridges: 'boolean?',
  },
};
