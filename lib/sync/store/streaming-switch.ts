import type { Database } from '../../database/database.ts';
import type { StreamingSwitch } from '../ports/outbox.ts';

// A pool that has been given another stream since is none of those that stream to this one.
const DISABLE = `
UPDATE sync.identity_pools
SET streaming_status = 'DISABLED', disabled_reason = $2, revision = revision + 1
WHERE stream_name IS NOT DISTINCT FROM $1::text AND streaming_status = 'ENABLED'`;

/** What the service itself changes of the identity pools' streaming, on any `Database`. */
export function createStreamingSwitch(database: Database): StreamingSwitch {
  return {
    async disable(stream, reason) {
      return (await database.query(DISABLE, [stream, reason])).rowsChanged;
    },
  };
}
