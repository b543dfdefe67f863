import { randomUUID } from 'node:crypto';
import type { DatasetKey } from '../../common/dataset-key.ts';
import { plainArray, textArray } from '../../database/array-literal.ts';
import type { SqlValue } from '../../database/database.ts';
import { datasetId, identityIdHash, identityRowId } from '../../database/row-ids.ts';
import type {
  Creation,
  CreationConditions,
  DatasetUpdate,
  OutgoingEvent,
  Payload,
  Snapshot,
  SyncSession,
  VersionedUpdate,
} from '../ports/sync-store.ts';
import { CREATE_DATASET, CREATE_OFFLOADED_DATASET, type CreatedRow } from './create-dataset-statements.ts';
import type { WrittenRow } from './dataset-write-parts.ts';
import { WRITE_DELETION, WRITE_OFFLOADED_UPDATE, WRITE_UPDATE } from './dataset-write-statements.ts';
import type { DatasetWrites, WrittenAtVersion } from './dataset-writes.ts';
import { PUT_CHANGES, WRITE_COPY, WRITE_MERGED } from './merge-statements.ts';
import { toPartColumns } from './payload-parts.ts';
import { toDatasetValues, toRecordColumns, toVersionedValues } from './sync-rows.ts';
import { WRITE_AT_VERSION, WRITE_OFFLOADED_AT_VERSION } from './versioned-update-statements.ts';

/** Writes for PostgreSQL and the embedded database: one statement, which is one round trip, per write. */
export const SINGLE_STATEMENT_WRITES: DatasetWrites = {
  alone: (database, write) => write(database),

  async writeChange(on, dataset, update, snapshot) {
    const { rows } = await on.query<WrittenRow>(...toStatement(dataset, update, snapshot));
    return rows[0] ?? null;
  },

  async create(on, dataset, update, conditions) {
    const { rows } = await on.query<CreatedRow>(...toCreation(dataset, update, conditions));
    return rows[0] ?? null;
  },

  async writeAtVersion(on, dataset, update) {
    const { rows } = await on.query<WrittenAtVersion>(...toVersionedStatement(dataset, update));
    return rows[0] ?? null;
  },

  async writeCopy(on, target, { dataset, records }, before) {
    const values = [...toDatasetValues(target.dataset, dataset, before), datasetId(target.root)];
    const { rows } = await on.query(WRITE_COPY, [...values, ...toRecordColumns(records)]);
    return rows.length > 0;
  },

  async writeMerged(on, source, deletion, before) {
    const { rows } = await on.query(WRITE_MERGED, toDatasetValues(source, deletion, before));
    return rows.length > 0;
  },

  async putEvents(on, identityPoolId, events) {
    const { starts, parts } = toPartColumns(events.map(({ payload }) => payload));
    const { rows } = await on.query<{ outbox_id: string }>(PUT_CHANGES, [
      identityPoolId,
      plainArray(events.map(() => randomUUID())),
      textArray(events.map(({ partitionKey }) => partitionKey)),
      textArray(events.map(({ data }) => data)),
      plainArray(events.map(({ payload }) => payload?.payloadId ?? null)),
      textArray(starts),
      plainArray(events.map(({ payload }) => payload?.expiresAt ?? null)),
      plainArray(events.map(({ partitionKey: identityId }) => identityRowId({ identityPoolId, identityId }))),
      ...parts,
    ]);
    return rows.map((row) => row.outbox_id);
  },
};

function toStatement(
  dataset: DatasetKey,
  { dataset: stored, records, spend, event }: DatasetUpdate,
  { dataset: before }: Snapshot,
): [sql: string, values: SqlValue[]] {
  const values: SqlValue[] = [...toDatasetValues(dataset, stored, before), ...toEventValues(event)];
  if (spend === null) return [WRITE_DELETION, values];
  values.push(...toSessionValues(spend), ...toRecordColumns(records), identityIdHash(dataset.identityId));
  if (event.payload === null) return [WRITE_UPDATE, values];
  return [WRITE_OFFLOADED_UPDATE, [...values, ...toPayloadValues(dataset, event.payload)]];
}

function toCreation(
  dataset: DatasetKey,
  { dataset: stored, records, spend, event }: Creation,
  { maxDatasets, allowsTrigger }: CreationConditions,
): [sql: string, values: SqlValue[]] {
  const values = [
    ...toDatasetValues(dataset, stored, null),
    ...toEventValues(event),
    ...toSessionValues(spend),
    ...toRecordColumns(records),
    identityIdHash(dataset.identityId),
    identityRowId(dataset),
    maxDatasets,
    allowsTrigger,
  ];
  if (event.payload === null) return [CREATE_DATASET, values];
  return [CREATE_OFFLOADED_DATASET, [...values, ...toPayloadValues(dataset, event.payload)]];
}

function toVersionedStatement(
  dataset: DatasetKey,
  update: VersionedUpdate,
): [sql: string, values: SqlValue[]] {
  const { spend, event } = update;
  const values = [...toVersionedValues(dataset, update), ...toEventValues(event), ...toSessionValues(spend)];
  if (event.payload === null) return [WRITE_AT_VERSION, values];
  return [WRITE_OFFLOADED_AT_VERSION, [...values, ...toPayloadValues(dataset, event.payload)]];
}

function toEventValues({ partitionKey, data }: OutgoingEvent): SqlValue[] {
  return [randomUUID(), partitionKey, data];
}

function toSessionValues({ expiresAt, sessionId }: SyncSession): SqlValue[] {
  return [expiresAt, sessionId];
}

function toPayloadValues(dataset: DatasetKey, payload: Payload): SqlValue[] {
  const { starts, parts } = toPartColumns([payload]);
  return [payload.payloadId, ...starts, payload.expiresAt, identityRowId(dataset), ...parts];
}
