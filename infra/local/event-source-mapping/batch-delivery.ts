import { randomUUID } from 'node:crypto';
import type { KinesisStreamEvent } from 'aws-lambda';
import { retryDelayMs } from '../waiting.ts';
import { type BatchVerdict, evaluateBatch, type Invocation } from './batch-response.ts';
import type { FailureDestination } from './failure-destination.ts';
import { type FailureCondition, type FailureOrigin, toFailureRecord } from './failure-record.ts';
import { type EncodedRecord, eventPayload, MAX_PAYLOAD_BYTES, payloadBytes } from './kinesis-event.ts';
import type { MappingOptions, MappingRuntime, MappingSettings } from './mapping-settings.ts';
import { type Attempt, afterFailure, countExpired, firstAttempt, partOf } from './retry-policy.ts';
import { errorText, type MappingLogger, type RetryState, untilDone } from './retry-state.ts';

/** Invokes the function, which may throw or never return. Its response is untrusted. */
export type InvokeMappedFunction = (event: KinesisStreamEvent, requestId: string) => Promise<unknown>;

export interface BatchDeliveryDeps extends MappingRuntime {
  invoke: InvokeMappedFunction;
  failures: FailureDestination;
  origin: FailureOrigin;
  settings: MappingSettings;
  options: MappingOptions;
  retryState: RetryState;
  logger: MappingLogger;
  /** Ids of the shard for log lines. */
  details: Record<string, unknown>;
  signal: AbortSignal;
  /**
   * Called when the next records of the batch have been processed or stored in the failure destination. Each call
   * continues where the previous call ended.
   */
  processed: (records: readonly EncodedRecord[]) => void;
  /** Stores the progress of the shard. */
  saveCheckpoint: () => Promise<void>;
  /** Called with the number of records that were discarded as one batch. */
  onDiscarded: (count: number) => void;
}

/**
 * Delivers a batch to the function, in order. Delivery takes as many invocations as needed, each with the whole batch
 * or a part of it. Records that the function cannot process go to the failure destination. After each invocation that
 * made progress, the checkpoint is stored before the next invocation. If the signal is aborted, delivery ends early,
 * but only after the invocation in flight has ended. Never throws.
 */
export async function deliverBatch(batch: readonly EncodedRecord[], deps: BatchDeliveryDeps): Promise<void> {
  let waiting = [firstAttempt(batch)];
  while (!deps.signal.aborted) {
    const [attempt, ...later] = waiting;
    if (!attempt) return deps.retryState.recovered();
    waiting = [...(await advance(attempt, deps)), ...later];
  }
}

/** Performs one step: invokes the function once, or discards records once. Returns the remaining attempts. */
async function advance(attempt: Attempt, deps: BatchDeliveryDeps): Promise<Attempt[]> {
  const expired = countExpired(attempt.records, deps.settings, deps.now());
  if (expired > 0) {
    await discard({ ...attempt, records: attempt.records.slice(0, expired) }, 'RecordAgeExceeded', deps);
    return expired < attempt.records.length ? [partOf(attempt, expired)] : [];
  }
  // Only a batch of a single record can be too large: "For records larger than 6 MiBs, Lambda processes them using an
  // on-failure destination" (Amazon Kinesis Data Streams Developer Guide, "Handle large records").
  if (payloadBytes(attempt.records) > MAX_PAYLOAD_BYTES) {
    await discard(attempt, 'InvocationPayloadSizeExceeded', deps);
    return [];
  }
  return invoke(attempt, deps);
}

async function invoke(attempt: Attempt, deps: BatchDeliveryDeps): Promise<Attempt[]> {
  const requestId = randomUUID();
  const invocation = await invokeOnce(deps.invoke, eventPayload(attempt.records), requestId);
  const sequenceNumbers = attempt.records.map(({ sequenceNumber }) => sequenceNumber);
  const verdict = evaluateBatch(sequenceNumbers, invocation, deps.settings);
  const count = processedCount(verdict, attempt.records.length);
  if (count > 0) {
    if (!(await settle(attempt.records.slice(0, count), deps))) return [];
    deps.retryState.progressed();
  }
  if (verdict.outcome === 'done') return [];
  const functionError = invocation.kind === 'threw' ? 'Unhandled' : null;
  const invoked = {
    ...attempt,
    invocations: attempt.invocations + 1,
    lastInvocation: { requestId, functionError },
  } satisfies Attempt;
  const what = describe(verdict);
  const failuresBefore = deps.retryState.failed(
    what,
    invocation.kind === 'threw' ? invocation.message : what,
  );
  return follow(invoked, verdict, failuresBefore, deps);
}

async function follow(
  attempt: Attempt,
  verdict: Exclude<BatchVerdict, { outcome: 'done' }>,
  failuresBefore: number,
  deps: BatchDeliveryDeps,
): Promise<Attempt[]> {
  const next = afterFailure(attempt, verdict, deps.settings);
  if (next.step === 'discard') {
    await discard(attempt, next.condition, deps);
    return [];
  }
  if (next.step === 'split') {
    // Each half is a new batch that has not been tried, so it is tried without delay. The splitting ends at batches of
    // one record.
    deps.retryState.progressed();
    return next.attempts;
  }
  await deps.sleep(retryDelayMs(failuresBefore, deps.options, deps.random()), deps.signal);
  return [next.attempt];
}

/**
 * Invokes the function once. The event and the response are converted to JSON and back, as if they were sent over a
 * network. The caller and the function therefore share no memory, and values without a JSON form are lost.
 */
async function invokeOnce(
  invoke: InvokeMappedFunction,
  payload: string,
  requestId: string,
): Promise<Invocation> {
  try {
    const event: KinesisStreamEvent = JSON.parse(payload);
    const answer = JSON.stringify(await invoke(event, requestId));
    return { kind: 'answered', answer: answer === undefined ? null : JSON.parse(answer) };
  } catch (error) {
    const errorName = error instanceof Error ? error.name : 'a value that is not an Error';
    return { kind: 'threw', errorName, message: errorText(error) };
  }
}

function processedCount(verdict: BatchVerdict, batchLength: number): number {
  if (verdict.outcome === 'done') return batchLength;
  return verdict.outcome === 'retryFrom' ? verdict.index : 0;
}

function describe(verdict: Exclude<BatchVerdict, { outcome: 'done' }>): string {
  if (verdict.outcome === 'retryAll') return verdict.reason;
  return `the function reported record ${verdict.sequenceNumber} as failed`;
}

/**
 * Stores records in the failure destination and only then continues with the shard. If the failure destination fails,
 * this function waits and retries, so no records are lost. AWS does not document what Lambda does in this case.
 */
async function discard(
  attempt: Attempt,
  condition: FailureCondition,
  deps: BatchDeliveryDeps,
): Promise<void> {
  const record = toFailureRecord(
    { attempt, condition, requestId: randomUUID(), now: deps.now() },
    deps.origin,
  );
  const store = () => deps.failures.keep(record);
  if (!(await untilDone(store, 'cannot store discarded records in the failure destination', deps))) return;
  const { startSequenceNumber, endSequenceNumber, batchSize } = record.KinesisBatchInfo;
  deps.logger.error('discarded records and stored them in the failure destination', {
    ...deps.details,
    condition,
    startSequenceNumber,
    endSequenceNumber,
    batchSize,
  });
  deps.onDiscarded(batchSize);
  if (await settle(attempt.records, deps)) deps.retryState.progressed();
}

/**
 * Marks records as processed and stores the checkpoint. Returns false if the signal was aborted before the checkpoint
 * was stored.
 */
function settle(records: readonly EncodedRecord[], deps: BatchDeliveryDeps): Promise<boolean> {
  deps.processed(records);
  return untilDone(deps.saveCheckpoint, 'the checkpoint cannot be saved', deps);
}
