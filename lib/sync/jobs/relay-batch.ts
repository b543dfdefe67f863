import type {
  EventPublisher,
  Outbox,
  OutboxRow,
  OutboxStream,
  PublishEntry,
  PublishOutcome,
  StreamingSwitch,
} from '../ports/outbox.ts';
import {
  type LinkedRow,
  type LinkRenewal,
  type PayloadUploads,
  renewLinks,
  splitLinked,
  UPLOADS_AT_ONCE,
  type UploadResult,
  type UploadSlots,
  uploadPayloads,
} from './upload-payload.ts';

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
   * Once the stream has rejected a row permanently this often, the row is parked: the relay keeps the row, but no longer
   * retries it. Attempts that failed transiently do not count, because they say nothing about the row.
   */
  parkAfterRejections: number;
  /**
   * Until a row has been claimed this often, the relay assumes that the row's missing stream is still being created.
   * After that, the relay treats the stream as deleted and disables streaming of the pools that stream to it.
   */
  disableAfterAttempts: number;
  /** Backoff after the first failure of a row, doubled with each further failure up to `retryCapMs`. */
  retryBaseMs: number;
  retryCapMs: number;
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
  /** Postponed rows whose payload could not be uploaded. */
  notUploaded: number;
}

/** One run of the relay, for one stream. */
export interface RelayRun {
  outbox: Outbox;
  publisher: EventPublisher;
  streaming: StreamingSwitch;
  /** The stream of rows that do not name a stream. */
  streamName: string;
  /** Milliseconds of any clock; only differences matter. */
  now: () => number;
  uploads: PayloadUploads | null;
  uploadSlots: UploadSlots;
  renewal: LinkRenewal | null;
  /**
   * Why all uploads of a group failed; null while no group has failed. Once it is set, the run uploads nothing more for
   * the stream.
   */
  uploadFailure: string | null;
  options: RelayOptions;
  /** When the time budget ends, on the clock of `now`. */
  deadline: number;
}

interface Refused {
  row: OutboxRow;
  refusal: Exclude<PublishOutcome, 'published'>;
}

/**
 * Publishes claimed rows of one stream. Rows for whose payload the time does not suffice are released: they can be
 * claimed again immediately. If the stream accepts nothing, no further payload is uploaded, and the remaining rows are
 * postponed like rows that failed. The outcome does not count rows that were not attempted.
 */
export async function relayBatch(
  stream: OutboxStream,
  rows: readonly OutboxRow[],
  run: RelayRun,
): Promise<RelayOutcome> {
  if (run.uploads === null) {
    return publishRows(stream, run.renewal === null ? rows : await renewLinks(rows, run.renewal), run);
  }
  // After half of the lease, enough time remains to upload and publish the last group.
  const uploadUntil = Math.min(run.deadline, run.now() + run.options.leaseMs / 2);
  const { inline, linked } = splitLinked(rows);
  const outcomes = inline.length > 0 ? [await publishRows(stream, inline, run)] : [];
  const isLate = () => run.uploadFailure === null && run.now() >= uploadUntil;
  let rest = linked;
  while (rest.length > 0 && (outcomes.length === 0 || !isLate())) {
    if (outcomes.some(isRefused)) {
      await run.outbox.postpone(rest.map((row) => toPostponed(row, run.options)));
      return sumOutcomes(outcomes);
    }
    const group = run.uploadFailure === null ? rest.slice(0, UPLOADS_AT_ONCE) : rest;
    const { reached, notReached } = await uploadGroup(stream, group, run.uploads, { run, uploadUntil });
    if (reached.length > 0) outcomes.push(await publishUploaded(stream, reached, run));
    rest = [...notReached, ...rest.slice(group.length)];
    if (notReached.length > 0) break;
  }
  if (rest.length > 0) await run.outbox.postpone(rest.map((row) => ({ ...claimOf(row), delayMs: 0 })));
  return sumOutcomes(outcomes);
}

/**
 * Returns whether events were sent and the stream accepted none of them. An event whose payload was not uploaded was not
 * sent, so it says nothing about the stream.
 */
export function isRefused({ published, parked, postponed, notUploaded }: RelayOutcome): boolean {
  return published + parked === 0 && postponed > notUploaded;
}

/** Uploads nothing if all uploads of an earlier group have failed. */
async function uploadGroup(
  stream: OutboxStream,
  rows: readonly LinkedRow[],
  uploads: PayloadUploads,
  { run, uploadUntil }: { run: RelayRun; uploadUntil: number },
): Promise<{ reached: UploadResult[]; notReached: LinkedRow[] }> {
  const { uploadFailure, uploadSlots, now } = run;
  if (uploadFailure !== null) {
    return { reached: rows.map((row) => ({ row, upload: { error: uploadFailure } })), notReached: [] };
  }
  const takeSlot = () => uploadSlots.take(stream ?? '', Math.max(0, uploadUntil - now()));
  return uploadPayloads(rows, uploads, takeSlot);
}

async function publishUploaded(
  stream: OutboxStream,
  results: readonly UploadResult[],
  run: RelayRun,
): Promise<RelayOutcome> {
  const { outbox, options } = run;
  const uploaded = results.flatMap(({ row, upload }) => ('event' in upload ? { ...row, ...upload } : []));
  const failed = results.flatMap(({ row, upload }) => ('error' in upload ? { row, ...upload } : []));
  if (uploaded.length === 0) run.uploadFailure = failed[0]?.error ?? null;
  if (failed.length > 0) {
    await outbox.postpone(
      failed.map(({ row }) =>
        run.uploadFailure === null
          ? toPostponed(row, options)
          : { ...claimOf(row), delayMs: options.retryCapMs },
      ),
    );
  }
  const outcome: RelayOutcome = {
    ...NOTHING_DONE,
    postponed: failed.length,
    refusals: [...new Set(failed.map(({ error }) => error))],
    notUploaded: failed.length,
  };
  return uploaded.length === 0 ? outcome : sumOutcomes([outcome, await publishRows(stream, uploaded, run)]);
}

async function publishRows(
  stream: OutboxStream,
  rows: readonly (OutboxRow | LinkedRow)[],
  { outbox, publisher, streaming, streamName, uploads, options }: RelayRun,
): Promise<RelayOutcome> {
  const outcomes = await publisher.publish(stream ?? streamName, rows.map(toEntry));
  const published: (OutboxRow | LinkedRow)[] = [];
  const postponed: Refused[] = [];
  const rejected: Refused[] = [];
  rows.forEach((row, index) => {
    const refusal = outcomes[index] ?? { error: 'NoOutcome', retryable: true };
    if (refusal === 'published') published.push(row);
    else if (refusal.retryable || row.rejections + 1 < options.parkAfterRejections)
      postponed.push({ row, refusal });
    else rejected.push({ row, refusal });
  });
  // Published rows are removed first: if a later statement fails, the published rows are not published again.
  if (published.length > 0) await outbox.remove(published.map(({ outboxId }) => outboxId));
  for (const row of published) if ('payloadId' in row) await uploads?.payloads.remove(row.payloadId);
  const counted = postponed.flatMap(({ row, refusal }) => (refusal.retryable ? [] : row));
  if (counted.length > 0) await outbox.countRejection(counted);
  if (postponed.length > 0) await outbox.postpone(postponed.map(({ row }) => toPostponed(row, options)));
  for (const { row, refusal } of rejected) {
    await outbox.park(row.outboxId, `${refusal.error}, ${row.rejections + 1} rejections`);
  }
  const isGone = postponed.some(
    ({ row, refusal }) => refusal.noStream && row.attempts >= options.disableAfterAttempts,
  );
  const goneStream = stream ?? streamName;
  const disabled = isGone ? await streaming.disable(stream, missingStream(goneStream)) : 0;
  return {
    ...NOTHING_DONE,
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

const NOTHING_DONE: RelayOutcome = {
  published: 0,
  postponed: 0,
  parked: 0,
  refusals: [],
  goneStreams: [],
  withoutStream: 0,
  notUploaded: 0,
};

/** Adds up counts, and lists each code and stream once. */
export function sumOutcomes(outcomes: readonly RelayOutcome[]): RelayOutcome {
  const sum = (count: 'published' | 'postponed' | 'parked' | 'withoutStream' | 'notUploaded') =>
    outcomes.reduce((total, outcome) => total + outcome[count], 0);
  return {
    published: sum('published'),
    postponed: sum('postponed'),
    parked: sum('parked'),
    refusals: [...new Set(outcomes.flatMap(({ refusals }) => refusals))],
    goneStreams: [...new Set(outcomes.flatMap(({ goneStreams }) => goneStreams))],
    withoutStream: sum('withoutStream'),
    notUploaded: sum('notUploaded'),
  };
}

function toEntry({ partitionKey, event }: OutboxRow): PublishEntry {
  return { partitionKey, data: new TextEncoder().encode(event) };
}

function toPostponed(row: OutboxRow, { retryBaseMs, retryCapMs }: RelayOptions) {
  return { ...claimOf(row), delayMs: Math.min(retryCapMs, retryBaseMs * 2 ** (row.attempts - 1)) };
}

function claimOf({ outboxId, attempts }: OutboxRow) {
  return { outboxId, attempts };
}
