import type { SyncDependencies } from '../dependencies.ts';
import { linkedPayload } from '../payload-links.ts';
import type { EventPublisher, Outbox, OutboxRow, SingleClaim } from '../ports/outbox.ts';

export interface PublishNowDeps {
  outbox: SingleClaim & Pick<Outbox, 'remove' | 'postpone'>;
  publisher: EventPublisher;
  /** The stream of rows that do not name a stream. */
  streamName: string;
  /** Milliseconds of a clock that never goes back. */
  now: () => number;
  /** Resolves after this many milliseconds; its timer must not keep the process alive. */
  sleep: (ms: number) => Promise<void>;
  /** Receives the error code of an event that was not published. The relay publishes the event later. */
  report: (error: string) => void;
}

/**
 * Longest wait for an event to be published. An update waits for the publication before it responds, because in Lambda
 * nothing runs after the response is sent.
 */
const MAX_WAIT_MS = 300;
/** If the process stops while it publishes, the relay can claim the row after this time. */
const LEASE_MS = 10_000;
/** After a publication that took too long, no update waits for its own publication for this time. */
const PAUSE_MS = 5_000;
const RETRY_MS = 1_000;

/**
 * Creates the immediate publication of one event after its commit. The publication takes at most 300 ms and never
 * throws. An event that is not published in this time stays in the outbox, and the scheduled relay publishes it. If the
 * answer of the stream is lost, the event is published twice. An event whose records are offloaded is left to the
 * relay, which uploads them first.
 */
export function createPublishNow(deps: PublishNowDeps): SyncDependencies['afterWrite'] {
  const { now, sleep, report } = deps;
  let pausedUntil = Number.NEGATIVE_INFINITY;
  return async (outboxId) => {
    if (now() < pausedUntil) return;
    const publishing = publishOne(deps, outboxId).catch((error: unknown) =>
      error instanceof Error ? error.name : 'unknown error',
    );
    const error = await Promise.race([publishing, sleep(MAX_WAIT_MS).then(() => 'TimedOut')]);
    if (error === null) return;
    if (error === 'TimedOut') pausedUntil = now() + PAUSE_MS;
    report(error);
  };
}

/** @returns an error code; null if the event was published, or if another relay publishes it */
async function publishOne(
  { outbox, publisher, streamName }: PublishNowDeps,
  outboxId: string,
): Promise<string | null> {
  const row = await outbox.claimOne(outboxId, LEASE_MS);
  if (row === null) return null;
  if (linkedPayload(row.event) !== null) {
    await giveBack(outbox, row, 0);
    return null;
  }
  const data = new TextEncoder().encode(row.event);
  const { partitionKey } = row;
  const [outcome] = await publisher.publish(row.streamName ?? streamName, [{ partitionKey, data }]);
  if (outcome === 'published') {
    await outbox.remove([outboxId]);
    return null;
  }
  await giveBack(outbox, row, RETRY_MS);
  return outcome?.error ?? 'NoOutcome';
}

async function giveBack(
  outbox: Pick<Outbox, 'postpone'>,
  { outboxId, attempts }: OutboxRow,
  delayMs: number,
): Promise<void> {
  await outbox.postpone([{ outboxId, attempts, delayMs }]);
}
