import type { Database } from '../../database/database.ts';
import type { PublishStore } from '../ports/publish-store.ts';
import type { Gap } from '../publish-model.ts';
import {
  COUNT_QUARANTINED,
  COUNT_UNREPAIRED,
  END_GAPS,
  FORGET_POSITION,
  type GapRow,
  KEEP_EMPTY,
  KEEP_SEEN,
  KEEP_SEEN_CREATION,
  OPEN_GAP,
  type PositionRow,
  type QuietRow,
  READ_OPEN_GAPS,
  READ_POSITIONS,
  READ_QUIET,
  READ_RUNS,
  READ_SEEN,
  READ_SEEN_CREATION,
  SAVE_RUN,
  type SeenRow,
} from './publish-statements.ts';
import { type RunRow, toRun, toRunValues } from './run-row.ts';

/**
 * Creates a `PublishStore` on any `Database`, for bulk publishes, streaming settings and gaps. A gap is a period whose
 * removals may be missing in the query store.
 */
export function createPublishStore(database: Database): PublishStore {
  return {
    ...createRunStore(database),
    ...createGapStore(database),
    async readPositions(streamName) {
      const { rows } = await database.query<PositionRow>(READ_POSITIONS, [streamName]);
      return rows.map(({ shard_id, sequence_number, arrived_at }) => ({
        shardId: shard_id,
        sequenceNumber: sequence_number,
        arrivedAt: arrived_at?.getTime() ?? null,
      }));
    },

    async forgetPosition(streamName, shardId) {
      await database.query(FORGET_POSITION, [streamName, shardId]);
    },

    async readSeenCreation(streamName) {
      const { rows } = await database.query<{ created_ms: number }>(READ_SEEN_CREATION, [streamName]);
      return rows[0]?.created_ms ?? null;
    },

    async keepSeenCreation(streamName, createdAt) {
      await database.query(KEEP_SEEN_CREATION, [streamName, createdAt]);
    },

    async countQuarantined(identityPoolId, { streamName, from, to }) {
      const values = [identityPoolId, streamName, new Date(from), new Date(to)];
      const { rows } = await database.query<{ quarantined: number }>(COUNT_QUARANTINED, values);
      return rows[0]?.quarantined ?? 0;
    },

    async readQuietShards(streamName, before) {
      const values = [streamName, new Date(before), before];
      const { rows } = await database.query<QuietRow>(READ_QUIET, values);
      return rows.map(({ shard_id, sequence_number, arrived_at, empty_ms }) => ({
        shardId: shard_id,
        sequenceNumber: sequence_number,
        arrivedAt: arrived_at.getTime(),
        emptyAt: empty_ms,
      }));
    },

    async keepEmpty(streamName, shardId, emptyAt) {
      await database.query(KEEP_EMPTY, [streamName, shardId, emptyAt]);
    },
  };
}

function createRunStore(
  database: Database,
): Pick<PublishStore, 'readRuns' | 'saveRun' | 'readSeen' | 'keepSeen'> {
  return {
    async readRuns(identityPoolId) {
      return (await database.query<RunRow>(READ_RUNS, [identityPoolId])).rows.map(toRun);
    },

    async saveRun(run) {
      await database.query(SAVE_RUN, toRunValues(run));
    },

    async readSeen() {
      const { rows } = await database.query<SeenRow>(READ_SEEN);
      return rows.map(({ identity_pool_id, stream_name, is_enabled, checked_ms }) => ({
        identityPoolId: identity_pool_id,
        streamName: stream_name,
        isEnabled: is_enabled,
        checkedAt: checked_ms,
      }));
    },

    async keepSeen({ identityPoolId, streamName, isEnabled, checkedAt }) {
      await database.query(KEEP_SEEN, [identityPoolId, streamName, isEnabled, checkedAt]);
    },
  };
}

function createGapStore(
  database: Database,
): Pick<PublishStore, 'readOpenGaps' | 'countUnrepairedGaps' | 'openGap' | 'endGaps'> {
  return {
    async readOpenGaps() {
      return (await database.query<GapRow>(READ_OPEN_GAPS)).rows.map(toGap);
    },

    async countUnrepairedGaps() {
      const { rows } = await database.query<{ unrepaired: number }>(COUNT_UNREPAIRED);
      return rows[0]?.unrepaired ?? 0;
    },

    async openGap({ identityPoolId, since, cause, until }) {
      await database.query(OPEN_GAP, [identityPoolId, since, cause, until]);
    },

    async endGaps({ identityPoolId, cause, until }) {
      await database.query(END_GAPS, [identityPoolId, cause, until]);
    },
  };
}

/** Converts a row of `projection.gaps`. */
export function toGap(row: GapRow): Gap {
  return {
    identityPoolId: row.identity_pool_id,
    since: row.since_ms,
    cause: row.cause,
    until: row.until_ms,
    repairedAt: row.mended_ms,
  };
}
