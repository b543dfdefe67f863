import type { EventPublisher, Outbox, OutboxRow, PublishEntry, PublishOutcome } from './outbox-port.ts';

/** How the relay goes about it; times in milliseconds. */
export interface RelayPace {
  /** Most rows of one claim; a PutRecords request takes 500. */
  batchRows: number;
  /** Longer than publishing a batch takes, or events are published twice. */
  leaseMs: number;
  /** After this long no further batch is begun. The first always is. */
  timeBudgetMs: number;
  /** From this claim on a refusal that cannot pass parks the row. */
  parkAfterAttempts: number;
  /** Rest of a row after its first failure, doubled with each further one up to the cap. */
  retryBaseMs: number;
  retryCapMs: number;
}

/** A request to Kinesis may take three attempts of 15 s. */
const PACE: RelayPace = {
  batchRows: 500,
  leaseMs: 60_000,
  timeBudgetMs: 10_000,
  parkAfterAttempts: 5,
  retryBaseMs: 1_000,
  retryCapMs: 30_000,
};

/** A stream that takes nothing is left alone until the next run; one batch can fail for reasons of its own. */
const FAILED_BATCHES_IN_A_ROW = 3;

export interface RelayOutboxDeps {
  outbox: Outbox;
  publisher: EventPublisher;
  streamName: string;
  /** Milliseconds of any clock; only differences count. */
  now: () => number;
  pace?: Partial<RelayPace>;
}

/** What became of the rows claimed; counts and error codes only, fit for a log. */
export interface RelayOutcome {
  published: number;
  postponed: number;
  parked: number;
  /** The codes of the refusals, each once. */
  refusals: string[];
}

/**
 * Publishes what waits in the outbox, oldest first, until nothing is left to claim or its time is over. At least
 * once: an event that was published and could not be removed goes out again when its lease is over. Order is best
 * effort, because a row that was refused rests while others go on; consumers order by version.
 *
 * A refusal that may pass is tried for ever, one that cannot is tried a few times, lest a fault that was judged
 * wrongly cost an event, and then parked with its reason.
 *
 * @throws whatever the outbox throws; rows claimed by then come back when their lease is over
 */
export async function relayOutbox({ pace, ...deps }: RelayOutboxDeps): Promise<RelayOutcome> {
  const effective = { ...PACE, ...pace };
  const deadline = deps.now() + effective.timeBudgetMs;
  const total: RelayOutcome = { published: 0, postponed: 0, parked: 0, refusals: [] };
  let failedBatches = 0;
  do {
    const rows = await deps.outbox.claim(effective.batchRows, effective.leaseMs);
    if (rows.length === 0) break;
    const batch = await relayBatch(rows, deps, effective);
    total.published += batch.published;
    total.postponed += batch.postponed;
    total.parked += batch.parked;
    total.refusals = [...new Set([...total.refusals, ...batch.refusals])];
    failedBatches = batch.postponed === rows.length ? failedBatches + 1 : 0;
  } while (failedBatches < FAILED_BATCHES_IN_A_ROW && deps.now() < deadline);
  return total;
}

interface Refused {
  row: OutboxRow;
  refusal: Exclude<PublishOutcome, 'published'>;
}

async function relayBatch(
  rows: readonly OutboxRow[],
  { outbox, publisher, streamName }: Omit<RelayOutboxDeps, 'pace'>,
  pace: RelayPace,
): Promise<RelayOutcome> {
  const outcomes = await publisher.publish(streamName, rows.map(toEntry));
  const published: string[] = [];
  const postponed: Refused[] = [];
  const hopeless: Refused[] = [];
  rows.forEach((row, index) => {
    const refusal = outcomes[index] ?? { error: 'NoOutcome', retryable: true };
    if (refusal === 'published') published.push(row.outboxId);
    else if (refusal.retryable || row.attempts < pace.parkAfterAttempts) postponed.push({ row, refusal });
    else hopeless.push({ row, refusal });
  });
  // What is published comes first: should a later statement fail, it does not go out again.
  if (published.length > 0) await outbox.remove(published);
  if (postponed.length > 0) await outbox.postpone(postponed.map(({ row }) => toPostponed(row, pace)));
  for (const { row, refusal } of hopeless) {
    await outbox.park(row.outboxId, `${refusal.error}, ${row.attempts} attempts`);
  }
  return {
    published: published.length,
    postponed: postponed.length,
    parked: hopeless.length,
    refusals: [...new Set([...postponed, ...hopeless].map(({ refusal }) => refusal.error))],
  };
}

function toEntry({ partitionKey, event }: OutboxRow): PublishEntry {
  return { partitionKey, data: new TextEncoder().encode(event) };
}

function toPostponed({ outboxId, attempts }: OutboxRow, { retryBaseMs, retryCapMs }: RelayPace) {
  return { outboxId, attempts, delayMs: Math.min(retryCapMs, retryBaseMs * 2 ** (attempts - 1)) };
}
