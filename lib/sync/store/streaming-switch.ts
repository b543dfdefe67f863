import type { Database } from '../../database/database.ts';
import type { StreamingSwitch } from '../ports/outbox.ts';
import { STEP_ROWS } from './deleted-dataset-statements.ts';
import { changeInSteps } from './remove-deleted-datasets.ts';

const IS_STREAMING = "stream_name IS NOT DISTINCT FROM $1::text AND streaming_status = 'ENABLED'";

// Does not change a pool whose stream was changed in the meantime.
const DISABLE = `
UPDATE sync.identity_pools
SET streaming_status = 'DISABLED', disabled_reason = $2, revision = revision + 1
WHERE identity_pool_id IN (SELECT identity_pool_id FROM sync.identity_pools WHERE ${IS_STREAMING} LIMIT ${STEP_ROWS})
  AND ${IS_STREAMING}`;

const IS_DISABLED = `
  stream_name = $1 AND streaming_status = 'DISABLED' AND disabled_reason = $2 AND deleted_ms IS NULL`;

const ENABLE = `
UPDATE sync.identity_pools
SET streaming_status = 'ENABLED', disabled_reason = NULL, revision = revision + 1
WHERE identity_pool_id IN (SELECT identity_pool_id FROM sync.identity_pools WHERE ${IS_DISABLED} LIMIT ${STEP_ROWS})
  AND ${IS_DISABLED}`;

const LIST_STREAMING = `
SELECT identity_pool_id FROM sync.identity_pools
WHERE stream_name = $1 AND streaming_status = 'ENABLED' AND deleted_ms IS NULL
ORDER BY identity_pool_id`;

/** The operations on the pools of one stream. */
interface StreamPools extends StreamingSwitch {
  /** Enables streaming of the pools that `disable` has disabled with this reason. @returns the number of pools */
  enable(streamName: string, reason: string): Promise<number>;
  /** Returns the ids of the pools that stream to this stream. */
  list(streamName: string): Promise<string[]>;
}

/** Creates the operations on the pools of a stream, on any `Database`. */
export function createStreamingSwitch(database: Database): StreamPools {
  return {
    disable: (stream, reason) => changeInSteps(database, DISABLE, [stream, reason]),
    enable: (streamName, reason) => changeInSteps(database, ENABLE, [streamName, reason]),

    async list(streamName) {
      const { rows } = await database.query<{ identity_pool_id: string }>(LIST_STREAMING, [streamName]);
      return rows.map((row) => row.identity_pool_id);
    },
  };
}
