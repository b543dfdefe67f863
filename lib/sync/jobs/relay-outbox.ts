import type {
  EventPublisher,
  Outbox,
  OutboxRow,
  OutboxStream,
  PublishEntry,
  PublishOutcome,
  StreamingSwitch,
} from '../ports/outbox.ts';

/** Settings of the relay. Times are in milliseconds. */
export interface RelayOptions {
  /** Maximum number of rows that the relay claims (leases) at a time. A PutRecords request takes 500 rows. */
  batchRows: number;
  /**
   * How long claimed rows stay leased. Must be longer than publishing a batch takes; otherwise events are published
   * twice.
   */
  leaseMs: number;
  /** Once this much time has passed, no further batch starts. The first batch always starts. */
  timeBudgetMs: number;
  /**
   * Once a row has been claimed this often, a permanent failure parks the row: the relay keeps the row, but no longer
   * retries it.
   */
  parkAfterAttempts: number;
  /**
   * Until a row has been claimed this often, the relay assumes that the row's missing stream is still being created.
   * After that, the relay treats the stream as deleted and disables streaming of its pools.
   */
  disableAfterAttempts: number;
  /** Backoff after the first failure of a row, doubled with each further failure up to `retryCapMs`. */
  retryBaseMs: number;
  retryCapMs: number;
}

/** `leaseMs` is longer than a request to Kinesis, which may take three attempts of 15 s. */
const DEFAULT_OPTIONS: RelayOptions = {
  batchRows: 500,
  leaseMs: 60_000,
  timeBudgetMs: 10_000,
  parkAfterAttempts: 5,
  disableAfterAttempts: 3,
  retryBaseMs: 1_000,
  retryCapMs: 30_000,
};

/**
 * A batch has failed if every event of the batch was postponed. After this many failed batches in a row, the run
 * publishes nothing more to the stream; the next run tries again.
 */
const FAILED_BATCHES_IN_A_ROW = 3;

export interface RelayOutboxDeps {
  outbox: Outbox;
  publisher: EventPublisher;
  streaming: StreamingSwitch;
  /** The stream of rows that do not name a stream. */
  streamName: string;
  /** Milliseconds of any clock; only differences matter. */
  now: () => number;
  options?: Partial<RelayOptions>;
}

/** The outcome for the claimed rows: counts and error codes only, safe to log. */
export interface RelayOutcome {
  published: number;
  postponed: number;
  parked: number;
  /** The error codes of the failures, each once. */
  refusals: string[];
  /** The streams that no longer exist and whose pools this run set to DISABLED. */
  goneStreams: string[];
  /**
   * Postponed rows whose stream no longer exists. Streaming of the stream's pools was disabled by this run or by an
   * earlier run.
   */
  withoutStream: number;
}

/**
 * Publishes the events in the outbox, oldest first, each to the stream of its row. Ends when no row can be claimed or
 * the time budget has ended. Streams are served concurrently and do not wait for each other. If a stream accepts
 * nothing, the run publishes nothing more to that stream; the next run tries again.
 *
 * Delivery is at-least-once: if an event was published but its row could not be removed, the event is published again
 * when the lease of the row has expired. Order is best effort, because a failed row waits while other rows are
 * published. Consumers order events by version.
 *
 * Transient failures are retried indefinitely. Permanent failures are retried a few times, because an event would be
 * lost if its failure was wrongly classified as permanent. Then the row is parked: it stays in the outbox with the
 * reason, but is no longer retried. If a stream no longer exists, the relay disables streaming of its pools. The rows
 * for that stream stay and are retried, so that they are published once a stream of that name exists again.
 *
 * @throws any error of the outbox; rows claimed by then become available when their leases expire
 */
export async function relayOutbox({ options, ...deps }: RelayOutboxDeps): Promise<RelayOutcome> {
  const effective = { ...DEFAULT_OPTIONS, ...options };
  const run = { ...deps, options: effective, deadline: deps.now() + effective.timeBudgetMs };
  const lanes = new Map<OutboxStream, Promise<RelayOutcome>>();
  try {
    do {
      const rows = await deps.outbox.claim(effective.batchRows, effective.leaseMs, {
        allBut: [...lanes.keys()],
      });
      if (rows.length === 0) break;
      for (const [stream, ofStream] of Map.groupBy(rows, (row) => row.streamName)) {
        const lane = relayStream(stream, ofStream, run);
        // This promise is awaited below. Until then, its rejection must not count as unhandled.
        lane.catch(() => undefined);
        lanes.set(stream, lane);
      }
    } while (deps.now() < run.deadline);
  } finally {
    // Even if the relay of one stream fails, wait for the relays of the other streams.
    await Promise.allSettled(lanes.values());
  }
  return sumOutcomes(await Promise.all(lanes.values()));
}

type Run = Omit<RelayOutboxDeps, 'options'> & { options: RelayOptions; deadline: number };

/** Publishes the claimed rows of one stream, then claims and publishes more rows of that stream. */
async function relayStream(
  stream: OutboxStream,
  claimed: readonly OutboxRow[],
  run: Run,
): Promise<RelayOutcome> {
  const batches: RelayOutcome[] = [];
  let failedBatches = 0;
  for (let rows = claimed; rows.length > 0; ) {
    const batch = await relayBatch(stream, rows, run);
    batches.push(batch);
    failedBatches = batch.postponed === rows.length ? failedBatches + 1 : 0;
    if (failedBatches === FAILED_BATCHES_IN_A_ROW || run.now() >= run.deadline) break;
    rows = await run.outbox.claim(run.options.batchRows, run.options.leaseMs, { only: stream });
  }
  return sumOutcomes(batches);
}

interface Refused {
  row: OutboxRow;
  refusal: Exclude<PublishOutcome, 'published'>;
}

async function relayBatch(
  stream: OutboxStream,
  rows: readonly OutboxRow[],
  { outbox, publisher, streaming, streamName, options }: Run,
): Promise<RelayOutcome> {
  const outcomes = await publisher.publish(stream ?? streamName, rows.map(toEntry));
  const published: string[] = [];
  const postponed: Refused[] = [];
  const rejected: Refused[] = [];
  rows.forEach((row, index) => {
    const refusal = outcomes[index] ?? { error: 'NoOutcome', retryable: true };
    if (refusal === 'published') published.push(row.outboxId);
    else if (refusal.retryable || row.attempts < options.parkAfterAttempts) postponed.push({ row, refusal });
    else rejected.push({ row, refusal });
  });
  // Published rows are removed first: if a later statement fails, the published rows are not published again.
  if (published.length > 0) await outbox.remove(published);
  if (postponed.length > 0) await outbox.postpone(postponed.map(({ row }) => toPostponed(row, options)));
  for (const { row, refusal } of rejected) {
    await outbox.park(row.outboxId, `${refusal.error}, ${row.attempts} attempts`);
  }
  const isGone = postponed.some(
    ({ row, refusal }) => refusal.noStream && row.attempts >= options.disableAfterAttempts,
  );
  const goneStream = stream ?? streamName;
  const disabled = isGone ? await streaming.disable(stream, missingStream(goneStream)) : 0;
  return {
    published: published.length,
    postponed: postponed.length,
    parked: rejected.length,
    refusals: [...new Set([...postponed, ...rejected].map(({ refusal }) => refusal.error))],
    goneStreams: disabled > 0 ? [goneStream] : [],
    withoutStream: isGone ? postponed.filter(({ refusal }) => refusal.noStream).length : 0,
  };
}

/** Returns the reason with which the relay disables streaming to a stream that does not exist. */
export function missingStream(streamName: string): string {
  return `stream ${streamName} does not exist`;
}

function sumOutcomes(outcomes: readonly RelayOutcome[]): RelayOutcome {
  const sum = (count: 'published' | 'postponed' | 'parked' | 'withoutStream') =>
    outcomes.reduce((total, outcome) => total + outcome[count], 0);
  return {
    published: sum('published'),
    postponed: sum('postponed'),
    parked: sum('parked'),
    refusals: [...new Set(outcomes.flatMap(({ refusals }) => refusals))],
    goneStreams: [...new Set(outcomes.flatMap(({ goneStreams }) => goneStreams))],
    withoutStream: sum('withoutStream'),
  };
}

function toEntry({ partitionKey, event }: OutboxRow): PublishEntry {
  return { partitionKey, data: new TextEncoder().encode(event) };
}

function toPostponed({ outboxId, attempts }: OutboxRow, { retryBaseMs, retryCapMs }: RelayOptions) {
  return { outboxId, attempts, delayMs: Math.min(retryCapMs, retryBaseMs * 2 ** (attempts - 1)) };
}
