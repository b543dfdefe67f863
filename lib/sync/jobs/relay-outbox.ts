import type { OutboxRow, OutboxStream } from '../ports/outbox.ts';
import {
  isRefused,
  type RelayOptions,
  type RelayOutcome,
  type RelayRun,
  relayBatch,
  sumOutcomes,
} from './relay-batch.ts';
import { createUploadSlots, type LinkRenewal, type PayloadUploads } from './upload-payload.ts';

/**
 * Uploads may start only in the first half of `leaseMs`. The second half suffices for the last upload, which takes at most
 * 12 s (a check of 2 s, two attempts of 5 s), and for the publication of its event, at most 45 s (three attempts of 15 s).
 */
const DEFAULT_OPTIONS: RelayOptions = {
  batchRows: 500,
  leaseMs: 120_000,
  timeBudgetMs: 10_000,
  parkAfterRejections: 5,
  disableAfterAttempts: 3,
  retryBaseMs: 1_000,
  retryCapMs: 30_000,
};

/**
 * A batch has failed if every event of the batch was postponed. After this many failed batches in a row, the run
 * publishes nothing more to the stream; the next run tries again.
 */
const FAILED_BATCHES_IN_A_ROW = 3;

export interface RelayOutboxDeps
  extends Pick<RelayRun, 'outbox' | 'publisher' | 'streaming' | 'streamName' | 'now'> {
  /** Uploads the payloads of offloaded events before the events are published. Default: null. */
  uploads?: PayloadUploads | null;
  /**
   * Renews the URLs in offloaded events before the events are published, if the service itself serves the payloads.
   * Default: null, which publishes the URLs of the outbox.
   */
  renewal?: LinkRenewal | null;
  options?: Partial<RelayOptions>;
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
 * Transient failures are retried indefinitely. A permanent failure is retried until `parkAfterRejections`, because an
 * event would be lost if its failure was wrongly classified as permanent. The limit counts only permanent failures. At
 * the limit, the row is parked: it stays in the outbox with the reason, but is no longer retried. If a stream no longer
 * exists, the relay disables streaming of the pools that stream to it. The rows for that stream stay and
 * are retried, so that they are published once a stream of that name exists again.
 *
 * With `uploads`, the payload of an event is uploaded before the event is published, and deleted afterwards. A process
 * that ends in between causes at most a second upload under the same name, or a payload that remains until it expires.
 * A failed upload counts as a transient failure of its event, regardless of the reason. It delays no other event:
 * events that contain their records are published first, and if all uploads for a stream fail, the run uploads nothing
 * more for that stream. If a stream accepts nothing, the run stops uploading for it. Later runs do not repeat recent
 * uploads.
 *
 * @throws any error of the outbox; rows claimed by then become available when their leases expire
 */
export async function relayOutbox({
  options,
  uploads = null,
  renewal = null,
  ...deps
}: RelayOutboxDeps): Promise<RelayOutcome> {
  const effective = { ...DEFAULT_OPTIONS, ...options };
  const deadline = deps.now() + effective.timeBudgetMs;
  const run: RelayRun = {
    ...deps,
    uploads,
    renewal,
    uploadSlots: createUploadSlots(deps.now),
    uploadFailure: null,
    options: effective,
    deadline,
  };
  const lanes = new Map<OutboxStream, Promise<RelayOutcome>>();
  try {
    do {
      const rows = await deps.outbox.claim(effective.batchRows, effective.leaseMs, {
        allBut: [...lanes.keys()],
      });
      if (rows.length === 0) break;
      for (const [stream, ofStream] of Map.groupBy(rows, (row) => row.streamName)) {
        const lane = relayStream(stream, ofStream, { ...run });
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

/**
 * Publishes the claimed rows of one stream, then claims and publishes more rows of that stream.
 *
 * @param run an object of its own for this stream, because `uploadFailure` is changed
 */
async function relayStream(
  stream: OutboxStream,
  claimed: readonly OutboxRow[],
  run: RelayRun,
): Promise<RelayOutcome> {
  const batches: RelayOutcome[] = [];
  let failedBatches = 0;
  for (let rows = claimed; rows.length > 0; ) {
    const batch = await relayBatch(stream, rows, run);
    batches.push(batch);
    if (batch.published + batch.parked > 0) failedBatches = 0;
    else if (isRefused(batch)) failedBatches += 1;
    if (failedBatches === FAILED_BATCHES_IN_A_ROW || run.now() >= run.deadline) break;
    rows = await run.outbox.claim(run.options.batchRows, run.options.leaseMs, { only: stream });
  }
  return sumOutcomes(batches);
}
