import type { Database } from '../../database/database.ts';
import type { MoveStore } from '../ports/move-store.ts';

// A timed-out invocation may still be running and write later. Its older position must not replace a newer one. If a
// stream is created again, its sequence numbers may be lower, but its records arrive later.
const SAVE_SHARD = `
INSERT INTO move.followed_shards AS stored (origin, stream_name, shard_id, sequence_number, arrived_ms)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (origin, stream_name, shard_id) DO UPDATE SET
  sequence_number = excluded.sequence_number,
  arrived_ms = excluded.arrived_ms
WHERE stored.arrived_ms < excluded.arrived_ms
  OR (length(stored.sequence_number), stored.sequence_number)
    <= (length(excluded.sequence_number), excluded.sequence_number)`;

const LIST_SHARDS = `
SELECT shard_id, sequence_number FROM move.followed_shards WHERE origin = $1 AND stream_name = $2`;

/** Creates the part of the move store that knows how far a stream of an origin is applied, on any `Database`. */
export function createFollowedShards(database: Database): Pick<MoveStore, 'saveShard' | 'readShards'> {
  return {
    async saveShard(origin, { streamName, shardId, sequenceNumber, arrivedAt }) {
      await database.query(SAVE_SHARD, [origin, streamName, shardId, sequenceNumber, arrivedAt]);
    },

    async readShards(origin, streamName) {
      const { rows } = await database.query<{ shard_id: string; sequence_number: string }>(LIST_SHARDS, [
        origin,
        streamName,
      ]);
      return new Map(rows.map((row) => [row.shard_id, row.sequence_number]));
    },
  };
}
