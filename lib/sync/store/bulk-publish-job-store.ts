import { randomUUID } from 'node:crypto';
import { plainArray, textArray } from '../../database/array-literal.ts';
import type { Database, Transaction } from '../../database/database.ts';
import type { BulkPublishJob, BulkPublishJobStore } from '../ports/bulk-publish-job-store.ts';
import type { OutgoingEvent } from '../ports/sync-store.ts';
import {
  ALL_IN_OUTBOX,
  BEGIN_FIRST,
  BEGIN_NEXT,
  type BulkPublishRow,
  COUNT_OUTSTANDING,
  END,
  LIST_IN_PROGRESS,
  LOCK,
  type LockedRow,
  MOVE_CURSOR,
  type OutstandingRow,
  PUT_EVENTS,
  READ_LAST,
  READ_NEXT,
  STILL_WAITING,
  TOUCH_POOL,
  type WholeRow,
} from './bulk-publish-job-statements.ts';
import { readPosition, takeParts, toParts, writePosition } from './bulk-publish-parts.ts';
import { type PoolRow, READ_POOL } from './pool-statements.ts';
import { putPayloads } from './put-payloads.ts';
import { transact } from './transact.ts';

/** Creates the store of bulk publishes, on any `Database`. */
export function createBulkPublishJobStore(database: Database): BulkPublishJobStore {
  return {
    async read(identityPoolId) {
      const { rows } = await database.query<BulkPublishRow>(READ_LAST, [identityPoolId]);
      return rows[0] ? toBulkPublish(rows[0]) : null;
    },

    async begin(identityPoolId, startedAt, previousId) {
      const values = [identityPoolId, randomUUID(), startedAt];
      const begun = await transact(database, async (transaction) => {
        const touched = await transaction.query(TOUCH_POOL, [identityPoolId]);
        if (touched.rowsChanged === 0) return null;
        const begun =
          previousId === null
            ? await transaction.query(BEGIN_FIRST, values)
            : await transaction.query(BEGIN_NEXT, [...values, previousId]);
        return begun.rowsChanged === 1;
      });
      return begun ?? false;
    },

    async listInProgress() {
      const { rows } = await database.query<{ identity_pool_id: string }>(LIST_IN_PROGRESS);
      return rows.map((row) => row.identity_pool_id);
    },

    step: (identityPoolId, options) =>
      transact(database, (transaction) => step(transaction, identityPoolId, options)),
  };
}

type StepOptions = Parameters<BulkPublishJobStore['step']>[1];

async function step(
  on: Transaction,
  identityPoolId: string,
  { at, decide, toEvents }: StepOptions,
): ReturnType<BulkPublishJobStore['step']> {
  const { rows } = await on.query<LockedRow>(LOCK, [identityPoolId]);
  const [locked] = rows;
  if (!locked) return null;
  const pools = await on.query<PoolRow>(READ_POOL, [identityPoolId]);
  const [pool] = pools.rows;
  const waitingIds = await readWaiting(on, locked);
  // Counting all events of the job is slow, so they are counted only when the job may be able to end.
  const isLast = waitingIds.length === 0 && locked.all_in_outbox;
  const { waiting, parked } = isLast
    ? await countOutstanding(on, locked)
    : { waiting: waitingIds.length, parked: 0 };
  const next = decide({
    streaming: pool?.streaming_status === 'ENABLED',
    disabledReason: pool?.disabled_reason ?? null,
    waiting,
    parked,
    allInOutbox: locked.all_in_outbox,
  });
  if (next.kind === 'put') {
    const streamName = pool?.stream_name ?? null;
    const put = { locked, waitingIds, limit: next.datasets, streamName, toEvents };
    await putNext(on, identityPoolId, put);
  } else if (next.kind === 'end') {
    const { status, failureMessage } = next;
    await on.query(END, [identityPoolId, status, at, failureMessage]);
  }
  return next;
}

async function readWaiting(on: Transaction, { waiting_ids }: LockedRow): Promise<string[]> {
  if (waiting_ids === null) return [];
  const { rows } = await on.query<{ outbox_id: string }>(STILL_WAITING, [waiting_ids]);
  return rows.map((row) => row.outbox_id);
}

async function countOutstanding(on: Transaction, { bulk_publish_id }: LockedRow): Promise<OutstandingRow> {
  const { rows } = await on.query<OutstandingRow>(COUNT_OUTSTANDING, [bulk_publish_id]);
  return rows[0] ?? { waiting: 0, parked: 0 };
}

interface Put {
  locked: LockedRow;
  /** The ids of the job's events that are still in the outbox. */
  waitingIds: readonly string[];
  limit: number;
  streamName: string | null;
  toEvents: StepOptions['toEvents'];
}

async function putNext(
  on: Transaction,
  identityPoolId: string,
  { locked, waitingIds, limit, streamName, toEvents }: Put,
): Promise<void> {
  const after = [locked.last_identity_id, locked.last_dataset_name];
  const { rows } = await on.query<WholeRow>(READ_NEXT, [
    identityPoolId,
    ...after.map((name) => name ?? ''),
    limit,
    ...readPosition(locked),
  ]);
  if (rows.length === 0) {
    await on.query(ALL_IN_OUTBOX, [identityPoolId]);
    return;
  }
  const parts = takeParts(toParts(identityPoolId, rows, toEvents), limit);
  const ids = await putEvents(
    on,
    { identityPoolId, bulkPublishId: locked.bulk_publish_id, streamName },
    parts.map(({ event }) => event),
  );
  const complete = parts.findLast(({ isLast }) => isLast)?.row;
  const end = parts.at(-1);
  await on.query(MOVE_CURSOR, [
    identityPoolId,
    ...(complete ? [complete.identity_id, complete.dataset_name] : after),
    plainArray([...waitingIds, ...ids]),
    end === undefined || end.isLast ? null : writePosition(locked, end.row),
  ]);
}

/** @returns the ids of the new rows of the outbox */
async function putEvents(
  on: Transaction,
  {
    identityPoolId,
    bulkPublishId,
    streamName,
  }: { identityPoolId: string; bulkPublishId: string; streamName: string | null },
  events: readonly OutgoingEvent[],
): Promise<string[]> {
  const ids = events.map(() => randomUUID());
  await putPayloads(on, identityPoolId, events, ids);
  await on.query(PUT_EVENTS, [
    bulkPublishId,
    streamName,
    plainArray(ids),
    textArray(events.map(({ partitionKey }) => partitionKey)),
    textArray(events.map(({ data }) => data)),
  ]);
  return ids;
}

function toBulkPublish(row: BulkPublishRow): BulkPublishJob {
  return {
    bulkPublishId: row.bulk_publish_id,
    status: row.status,
    startedAt: row.started_ms,
    completedAt: row.completed_ms,
    failureMessage: row.failure_message,
  };
}
