import type { KinesisStreamEvent } from 'aws-lambda';
import { type BatchVerdict, type Invocation, judgeBatch } from './batch-response.ts';
import { type EncodedRecord, eventPayload } from './kinesis-event.ts';
import type { MappingPace, MappingSettings, Surroundings } from './mapping-settings.ts';
import { errorText, type Trouble } from './trouble.ts';
import { retryDelayMs } from './waiting.ts';

/** The function: may throw, may never return, and its answer is anyone's guess. */
export type InvokeFunction = (event: KinesisStreamEvent) => Promise<unknown>;

interface BatchDeliveryDeps extends Surroundings {
  invoke: InvokeFunction;
  settings: Pick<MappingSettings, 'reportBatchItemFailures'>;
  pace: MappingPace;
  trouble: Trouble;
  signal: AbortSignal;
  /** Stores the sequence number of the last record processed. */
  saveCheckpoint: (sequenceNumber: string) => Promise<void>;
  /** The first `count` records not yet processed are: their checkpoint is stored. */
  onProcessed: (count: number) => void;
}

/**
 * Has the function process a batch, however many invocations it takes: after a partial failure again from the
 * reported record, after a full one from the start, without end (`MaximumRetryAttempts` -1). The checkpoint is
 * stored after each invocation that got something done, before the next one. Returns early when the signal is
 * aborted, but not before an invocation under way has ended. Never throws.
 */
export async function deliverBatch(batch: readonly EncodedRecord[], deps: BatchDeliveryDeps): Promise<void> {
  const { trouble, signal, pace } = deps;
  let rest = batch;
  while (rest.length > 0 && !signal.aborted) {
    const invocation = await invokeOnce(deps.invoke, eventPayload(rest));
    const sequenceNumbers = rest.map(({ sequenceNumber }) => sequenceNumber);
    const verdict = judgeBatch(sequenceNumbers, invocation, deps.settings);
    const last = sequenceNumbers[processedCount(verdict, rest.length) - 1];
    if (last !== undefined) {
      if (!(await saved(last, deps))) return;
      const count = sequenceNumbers.indexOf(last) + 1;
      deps.onProcessed(count);
      rest = rest.slice(count);
      trouble.progressed();
    }
    if (verdict.outcome === 'done') {
      trouble.over();
      return;
    }
    const what = describe(verdict);
    const attempt = trouble.failed(what, invocation.kind === 'threw' ? invocation.message : what);
    await deps.sleep(retryDelayMs(attempt, pace, deps.random()), signal);
  }
}

/** Event and answer go through JSON as they would over the wire: nobody shares memory, and odd values show. */
async function invokeOnce(invoke: InvokeFunction, payload: string): Promise<Invocation> {
  try {
    const event: KinesisStreamEvent = JSON.parse(payload);
    const answer = JSON.stringify(await invoke(event));
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

/** Tries until it works; false when the signal was aborted before it did. */
async function saved(sequenceNumber: string, deps: BatchDeliveryDeps): Promise<boolean> {
  for (;;) {
    try {
      await deps.saveCheckpoint(sequenceNumber);
      return true;
    } catch (error) {
      const attempt = deps.trouble.failed(`the checkpoint cannot be saved: ${errorText(error)}`);
      await deps.sleep(retryDelayMs(attempt, deps.pace, deps.random()), deps.signal);
      if (deps.signal.aborted) return false;
    }
  }
}
