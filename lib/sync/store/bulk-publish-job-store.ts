import { randomUUID } from 'node:crypto';
import { plainArray, textArray } from '../../database/array-literal.ts';
import type { Database, Transaction } from '../../database/database.ts';
import type { BulkPublishJob, BulkPublishJobStore, WholeDataset } from '../ports/bulk-publish-job-store.ts';
import type { OutgoingEvent } from '../ports/sync-store.ts';
import {
  ALL_IN_OUTBOX,
  BEGIN,
  type BulkPublishRow,
  COUNT_OUTSTANDING,
  END,
  LIST_IN_PROGRESS,
  LOCK,
  type LockedRow,
  MOVE_CURSOR,
  type OutstandingRow,
  PUT_EVENTS,
  PUT_PAYLOADS,
  READ_LAST,
  READ_NEXT,
  type WholeRow,
} from './bulk-publish-job-statements.ts';
import { type PoolRow, READ_POOL } from './pool-statements.ts';
import { toRecordOrNull } from './sync-rows.ts';

/** Creates the store of bulk publishes, on any `Database`. */
export function createBulkPublishJobStore(database: Database): BulkPublishJobStore {
  return {
    async read(identityPoolId) {
      const { rows } = await database.query<BulkPublishRow>(READ_LAST, [identityPoolId]);
      return rows[0] ? toBulkPublish(rows[0]) : null;
    },

    async begin(identityPoolId, startedAt, previousId) {
      const values = [identityPoolId, randomUUID(), startedAt, previousId];
      return (await database.query(BEGIN, values)).rowsChanged === 1;
    },

    async listInProgress() {
      const { rows } = await database.query<{ identity_pool_id: string }>(LIST_IN_PROGRESS);
      return rows.map((row) => row.identity_pool_id);
    },

    step: (identityPoolId, options) =>
      database.transaction((transaction) => step(transaction, identityPoolId, options)),
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
  const outstanding = await on.query<OutstandingRow>(COUNT_OUTSTANDING, [locked.bulk_publish_id]);
  const [pool] = pools.rows;
  const { waiting, parked } = outstanding.rows[0] ?? { waiting: 0, parked: 0 };
  const move = decide({
    streaming: pool?.streaming_status === 'ENABLED',
    disabledReason: pool?.disabled_reason ?? null,
    waiting,
    parked,
    allInOutbox: locked.all_in_outbox,
  });
  if (move.kind === 'put') {
    const put = { locked, limit: move.datasets, streamName: pool?.stream_name ?? null, toEvents };
    await putNext(on, identityPoolId, put);
  } else if (move.kind === 'end') {
    const { status, failureMessage } = move;
    await on.query(END, [identityPoolId, status, at, failureMessage]);
  }
  return move;
}

interface Put {
  locked: LockedRow;
  limit: number;
  streamName: string | null;
  toEvents: StepOptions['toEvents'];
}

async function putNext(
  on: Transaction,
  identityPoolId: string,
  { locked, limit, streamName, toEvents }: Put,
): Promise<void> {
  const after = [locked.last_identity_id ?? '', locked.last_dataset_name ?? ''];
  const { rows } = await on.query<WholeRow>(READ_NEXT, [identityPoolId, ...after, limit]);
  const last = rows.at(-1);
  if (!last) {
    await on.query(ALL_IN_OUTBOX, [identityPoolId]);
    return;
  }
  const events = toWholeDatasets(identityPoolId, rows).flatMap(toEvents);
  await putEvents(on, locked.bulk_publish_id, streamName, events);
  await on.query(MOVE_CURSOR, [identityPoolId, last.identity_id, last.dataset_name]);
}

/**
 * Groups rows into datasets. Rows of one dataset are adjacent; a dataset without records has one row without a
 * record.
 */
function toWholeDatasets(identityPoolId: string, rows: readonly WholeRow[]): WholeDataset[] {
  const datasets: WholeDataset[] = [];
  for (const row of rows) {
    let whole = datasets.at(-1);
    if (whole?.key.identityId !== row.identity_id || whole.key.datasetName !== row.dataset_name) {
      const key = { identityPoolId, identityId: row.identity_id, datasetName: row.dataset_name };
      const dataset = { syncCount: row.sync_count, lastModifiedDate: row.last_modified_ms };
      whole = { key, dataset, records: [] };
      datasets.push(whole);
    }
    const record = toRecordOrNull(row);
    if (record !== null) whole.records.push(record);
  }
  return datasets;
}

async function putEvents(
  on: Transaction,
  bulkPublishId: string,
  streamName: string | null,
  events: readonly OutgoingEvent[],
): Promise<void> {
  const payloads = events.flatMap(({ payload }) => (payload === null ? [] : [payload]));
  if (payloads.length > 0) {
    await on.query(PUT_PAYLOADS, [
      plainArray(payloads.map(({ payloadId }) => payloadId)),
      textArray(payloads.map(({ body }) => body)),
      plainArray(payloads.map(({ expiresAt }) => expiresAt)),
    ]);
  }
  await on.query(PUT_EVENTS, [
    bulkPublishId,
    streamName,
    plainArray(events.map(() => randomUUID())),
    textArray(events.map(({ partitionKey }) => partitionKey)),
    textArray(events.map(({ data }) => data)),
  ]);
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
