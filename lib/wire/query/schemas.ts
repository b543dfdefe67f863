import { z } from '@hono/zod-openapi';

const date = z.iso.datetime().openapi({ example: '2026-07-30T12:00:00.000Z' });
const poolId = z.string().openapi({ example: 'us-east-1:00000000-0000-4000-8000-000000000001' });
const identityId = z.string().openapi({ example: 'us-east-1:7b1c3a52-6e9d-4f0a-9c1e-2d8f5b4a6c10' });
const dataset = { identityPoolId: poolId, identityId, datasetName: z.string() };

const record = {
  ...dataset,
  recordKey: z.string(),
  recordValue: z.string().describe('Exactly what the device sent.'),
  numericValue: z.string().nullable().describe('The value if it is a number, as text with all its digits.'),
  syncCount: z.int(),
  lastModifiedDate: date.describe("The time of the change by the service's clock."),
  deviceLastModifiedDate: date.nullable().describe("The time of the change by the device's clock."),
  projectedAt: date.describe('The time at which the row was written.'),
};

export const POOL = z.object({ identityPoolId: poolId }).openapi('Pool');
export const IDENTITY = z
  .object({
    identityPoolId: poolId,
    identityId,
    providers: z
      .array(z.string())
      .nullable()
      .describe('Names of the login providers; null if this service does not manage the identity.'),
  })
  .openapi('Identity');
export const DATASET = z
  .object({
    ...dataset,
    syncCount: z.int(),
    lastModifiedDate: date,
    isDeleted: z.boolean(),
    projectedAt: date,
  })
  .openapi('Dataset');
export const RECORD = z.object(record).openapi('Record');
export const CHANGE = z
  .object({ ...record, recordValue: z.string().nullable().describe('Null if the record was removed.') })
  .openapi('Change');
const quarantinedEvent = {
  quarantineId: z.uuid(),
  reason: z.string().openapi({ example: 'not-a-cognito-event: identityPoolId must be an id' }),
  identityPoolId: poolId.nullable(),
  streamName: z.string(),
  shardId: z.string(),
  sequenceNumber: z.string(),
  arrivedAt: date,
  quarantinedAt: date,
  redrivenAt: date.nullable().describe('When the event was projected or dismissed; null if it still waits.'),
  isDismissed: z
    .boolean()
    .nullable()
    .describe(
      '`true` if the event was dismissed, `false` if it was projected. Null if it still waits, or if it was projected or dismissed before the query store kept the outcome.',
    ),
};
export const QUARANTINED_EVENT = z.object(quarantinedEvent).openapi('QuarantinedEvent');
export const EVENT_WITH_PAYLOAD = z
  .object({
    ...quarantinedEvent,
    payload: z.string().describe('The data of the event. It contains values of records.'),
    payloadEncoding: z.enum(['utf8', 'base64']).describe('`base64` if the data is not UTF-8.'),
  })
  .openapi('EventWithPayload');
export const REDRIVEN_EVENT = z
  .object({
    quarantineId: z.uuid(),
    outcome: z
      .enum(['projected', 'refused', 'unavailable', 'not-found', 'settled'])
      .describe(
        '`unavailable` if the payload cannot be fetched for now; another attempt may succeed. `settled` if the event was projected or dismissed before; nothing was done.',
      ),
    reason: z.string().nullable().describe('Why the event cannot be projected; null for any other outcome.'),
    records: z.int().nullable().describe('Number of records of a projected event.'),
    recordsChanged: z
      .int()
      .nullable()
      .describe('How many rows were written. Rows that are at least as new as the event stay unchanged.'),
  })
  .openapi('RedrivenEvent');
export const BULK_PUBLISH = z
  .object({
    identityPoolId: poolId,
    startedAt: date,
    completedAt: date.nullable(),
    status: z.string(),
    failureMessage: z.string().nullable(),
    projectedAt: date.nullable(),
    completeness: z.string(),
    waitingFor: z.string().nullable(),
    checkedAt: date,
  })
  .openapi('BulkPublish');
export const GAP = z
  .object({
    identityPoolId: poolId,
    since: date,
    until: date.nullable(),
    cause: z.string(),
    mendedAt: date.nullable(),
  })
  .openapi('Gap');
export const SHARD_PROGRESS = z
  .object({
    streamName: z.string(),
    shardId: z.string(),
    sequenceNumber: z.string().nullable(),
    arrivedAt: date.nullable(),
    projectedAt: date,
  })
  .openapi('ShardProgress');
const count = z
  .object({ count: z.int(), isEstimate: z.boolean().describe('True for lists of more than 5,000 rows.') })
  .openapi('Count');
export const COUNTS = z
  .object({
    pools: count,
    identities: count.describe('Identities that have or had a dataset.'),
    datasets: count.describe('Datasets that exist.'),
    records: count.describe('Live records.'),
    quarantined: count.describe('Events in quarantine that were neither projected nor dismissed.'),
    gaps: count.describe('Periods whose removals of records may be missing.'),
    lagMs: z
      .int()
      .nullable()
      .describe(
        'Milliseconds from the arrival of the last event of a shard to its projection: the maximum of all shards.',
      ),
    projectedAt: date.nullable().describe('When the last event was projected; null if none was.'),
  })
  .openapi('Counts');
export const ERROR = z.object({ message: z.string() }).openapi('Error');

/** Parameters that every list accepts. */
const paging = {
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
  cursor: z.string().optional().describe('The `next` of the previous page.'),
};

export const PAGING = z.object(paging);
export const OF_QUARANTINE = z.object({
  ...paging,
  waiting: z
    .enum(['true', 'false'])
    .optional()
    .describe('`true` returns only events that were neither projected nor dismissed.'),
});
export const IN_POOL = z.object({ ...paging, pool: poolId });
export const OF_IDENTITY = z.object({ ...paging, pool: poolId, identity: identityId });
export const OF_DATASET = z.object({ ...paging, pool: poolId, identity: identityId, dataset: z.string() });
export const SINCE = z.object({ ...paging, since: z.iso.datetime({ offset: true }).optional() });

const decimal = z.string().regex(/^-?\d{1,40}(\.\d{1,40})?$/, 'must be a decimal number');
export const OF_KEY = z
  .object({
    ...paging,
    key: z.string().max(1_024),
    pool: poolId.optional(),
    dataset: z.string().optional(),
    order: z.enum(['number', '-number', 'text', '-text']).default('-number').describe('`-` is descending.'),
    min: decimal.optional().describe('The lowest number. Only with an order by number.'),
    max: decimal.optional().describe('The highest number. Only with an order by number.'),
    value: z
      .string()
      .optional()
      .describe('Only records with exactly this value. Only with an order by text.'),
  })
  .refine(({ order, min, max }) => order.endsWith('number') || (min === undefined && max === undefined), {
    message: 'min and max need the order number or -number',
  })
  .refine(({ order, value }) => order.endsWith('text') || value === undefined, {
    message: 'value needs the order text or -text',
  });
