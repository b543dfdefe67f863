import type {
  EventPublisher,
  Outbox,
  OutboxRow,
  OutboxStream,
  PublishEntry,
  PublishOutcome,
  StreamingSwitch,
} from '../ports/outbox.ts';

/** How the relay goes about it; times in milliseconds. */
export interface RelayOptions {
  /** Most rows of one claim; a PutRecords request takes 500. */
  batchRows: number;
  /** Longer than publishing a batch takes, or events are published twice. */
  leaseMs: number;
  /** After this long no further batch is begun. The first always is. */
  timeBudgetMs: number;
  /** From this claim on a refusal that cannot pass parks the row. */
  parkAfterAttempts: number;
  /** From this claim of a row on its stream is not being made, but gone. */
  disableAfterAttempts: number;
  /** Rest of a row after its first failure, doubled with each further one up to the cap. */
  retryBaseMs: number;
  retryCapMs: number;
}

/** A request to Kinesis may take three attempts of 15 s. */
const DEFAULT_OPTIONS: RelayOptions = {
  batchRows: 500,
  leaseMs: 60_000,
  timeBudgetMs: 10_000,
  parkAfterAttempts: 5,
  disableAfterAttempts: 3,
  retryBaseMs: 1_000,
  retryCapMs: 30_000,
};

/** A stream that takes nothing is left alone until the next run; one batch can fail for reasons of its own. */
const FAILED_BATCHES_IN_A_ROW = 3;

export interface RelayOutboxDeps {
  outbox: Outbox;
  publisher: EventPublisher;
  streaming: StreamingSwitch;
  /** For rows that name no stream. */
  streamName: string;
  /** Milliseconds of any clock; only differences count. */
  now: () => number;
  options?: Partial<RelayOptions>;
}

/** What became of the rows claimed; counts and error codes only, fit for a log. */
export interface RelayOutcome {
  published: number;
  postponed: number;
  parked: number;
  /** The codes of the refusals, each once. */
  refusals: string[];
  /** The streams that are gone, and whose pools were told so. */
  goneStreams: string[];
  /** Of those postponed, the rows whose stream is gone, whether its pools were told now or before. */
  withoutStream: number;
}

/**
 * Publishes what waits in the outbox, oldest first, each row to its stream, until nothing is left to claim or its time
 * is over. Streams do not wait for each other: each has a lane of its own, and one that takes nothing is left alone until
 * the next run. At least once: an event that was published and could not be removed goes out again when its lease is
 * over. Order is best effort, because a row that was refused rests while others go on; consumers order by version.
 *
 * A refusal that may pass is tried for ever, one that cannot is tried a few times, lest a fault that was judged
 * wrongly cost an event, and then parked with its reason. Where a stream is gone, its pools are told that they stream no
 * more; the rows stay and are tried on, so that they go out once there is a stream of that name again.
 *
 * @throws whatever the outbox throws; rows claimed by then come back when their lease is over
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
        // It is looked at in the end; until then nobody has to answer for it.
        lane.catch(() => undefined);
        lanes.set(stream, lane);
      }
    } while (deps.now() < run.deadline);
  } finally {
    // Whatever becomes of one, the others are not left to themselves.
    await Promise.allSettled(lanes.values());
  }
  return sumUp(await Promise.all(lanes.values()));
}

type Run = Omit<RelayOutboxDeps, 'options'> & { options: RelayOptions; deadline: number };

/** The lane of one stream: rows that have been claimed, then what else waits for it. */
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
  return sumUp(batches);
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
  const hopeless: Refused[] = [];
  rows.forEach((row, index) => {
    const refusal = outcomes[index] ?? { error: 'NoOutcome', retryable: true };
    if (refusal === 'published') published.push(row.outboxId);
    else if (refusal.retryable || row.attempts < options.parkAfterAttempts) postponed.push({ row, refusal });
    else hopeless.push({ row, refusal });
  });
  // What is published comes first: should a later statement fail, it does not go out again.
  if (published.length > 0) await outbox.remove(published);
  if (postponed.length > 0) await outbox.postpone(postponed.map(({ row }) => toPostponed(row, options)));
  for (const { row, refusal } of hopeless) {
    await outbox.park(row.outboxId, `${refusal.error}, ${row.attempts} attempts`);
  }
  const isGone = postponed.some(
    ({ row, refusal }) => refusal.noStream && row.attempts >= options.disableAfterAttempts,
  );
  const goneStream = stream ?? streamName;
  const disabled = isGone ? await streaming.disable(stream, `stream ${goneStream} does not exist`) : 0;
  return {
    published: published.length,
    postponed: postponed.length,
    parked: hopeless.length,
    refusals: [...new Set([...postponed, ...hopeless].map(({ refusal }) => refusal.error))],
    goneStreams: disabled > 0 ? [goneStream] : [],
    withoutStream: isGone ? postponed.filter(({ refusal }) => refusal.noStream).length : 0,
  };
}

function sumUp(outcomes: readonly RelayOutcome[]): RelayOutcome {
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
