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

/** The function: may throw, may never return, and its answer is anyone's guess. */
export type InvokeMappedFunction = (event: KinesisStreamEvent, requestId: string) => Promise<unknown>;

export interface BatchDeliveryDeps extends MappingRuntime {
  invoke: InvokeMappedFunction;
  failures: FailureDestination;
  origin: FailureOrigin;
  settings: MappingSettings;
  options: MappingOptions;
  trouble: RetryState;
  logger: MappingLogger;
  /** What log lines say of the shard. */
  details: Record<string, unknown>;
  signal: AbortSignal;
  /** The first records not yet processed are, or are kept in the failure destination. */
  processed: (records: readonly EncodedRecord[]) => void;
  /** Stores how far the shard has come. */
  saveCheckpoint: () => Promise<void>;
  /** So many records were discarded as one batch. */
  onDiscarded: (count: number) => void;
}

/**
 * Has the function process a batch, in order, however many invocations it takes and in whichever parts; what it
 * cannot process goes to the failure destination. The checkpoint is stored after each invocation that got something
 * done, before the next one. Returns early when the signal is aborted, but not before an invocation under way has
 * ended. Never throws.
 */
export async function deliverBatch(batch: readonly EncodedRecord[], deps: BatchDeliveryDeps): Promise<void> {
  let waiting = [firstAttempt(batch)];
  while (!deps.signal.aborted) {
    const [attempt, ...later] = waiting;
    if (!attempt) return deps.trouble.over();
    waiting = [...(await advance(attempt, deps)), ...later];
  }
}

/** One invocation, or one discarding; what of the batch is to follow. */
async function advance(attempt: Attempt, deps: BatchDeliveryDeps): Promise<Attempt[]> {
  const expired = countExpired(attempt.records, deps.settings, deps.now());
  if (expired > 0) {
    await discard({ ...attempt, records: attempt.records.slice(0, expired) }, 'RecordAgeExceeded', deps);
    return expired < attempt.records.length ? [partOf(attempt, expired)] : [];
  }
  // Only a record that is alone can be: "For records larger than 6 MiBs, Lambda processes them using an on-failure
  // destination" (Amazon Kinesis Data Streams Developer Guide, "Handle large records").
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
    deps.trouble.progressed();
  }
  if (verdict.outcome === 'done') return [];
  const functionError = invocation.kind === 'threw' ? 'Unhandled' : null;
  const invoked = {
    ...attempt,
    invocations: attempt.invocations + 1,
    lastInvocation: { requestId, functionError },
  } satisfies Attempt;
  const what = describe(verdict);
  const failuresBefore = deps.trouble.failed(what, invocation.kind === 'threw' ? invocation.message : what);
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
    // Another batch, tried for the first time: nothing to wait for, and there is an end to splitting.
    deps.trouble.progressed();
    return next.attempts;
  }
  await deps.sleep(retryDelayMs(failuresBefore, deps.options, deps.random()), deps.signal);
  return [next.attempt];
}

/** Sends event and answer through JSON, as on the wire: no memory is shared, and values that JSON changes show up. */
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
    const errorName = error instanceof Error ? error.name : 'something that is not an Error';
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
 * The shard moves on when the records are kept, not before. AWS does not say what Lambda does while its destination
 * refuses; waiting is the side on which nothing is lost.
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
  const keep = () => deps.failures.keep(record);
  if (!(await untilDone(keep, 'the failure destination does not take discarded records', deps))) return;
  const { startSequenceNumber, endSequenceNumber, batchSize } = record.KinesisBatchInfo;
  deps.logger.error('records discarded, and kept in the failure destination', {
    ...deps.details,
    condition,
    startSequenceNumber,
    endSequenceNumber,
    batchSize,
  });
  deps.onDiscarded(batchSize);
  if (await settle(attempt.records, deps)) deps.trouble.progressed();
}

/** False when the signal was aborted before the checkpoint was stored. */
function settle(records: readonly EncodedRecord[], deps: BatchDeliveryDeps): Promise<boolean> {
  deps.processed(records);
  return untilDone(deps.saveCheckpoint, 'the checkpoint cannot be saved', deps);
}
