import { setTimeout as sleep } from 'node:timers/promises';
import type { KinesisStreamBatchResponse, KinesisStreamRecord } from 'aws-lambda';
import type { Kill } from './invocation.ts';

export interface InvocationPlan {
  batchSize: number;
  delayMs: number;
  end:
    | { kind: 'responded' }
    /** The function succeeds, but Lambda does not receive the response. */
    | { kind: 'responseLost' }
    /** Lambda invokes the function twice with the same batch, concurrently. */
    | { kind: 'twice' }
    /** Lambda loses its checkpoint and continues from an older one, which is `by` records earlier. */
    | { kind: 'rewound'; by: number }
    | ({ kind: 'killed' } & Kill);
}

/** Returns undefined if the function was killed before it responded. */
export type Invoke = (
  records: KinesisStreamRecord[],
  kill: Kill | null,
) => Promise<KinesisStreamBatchResponse | undefined>;

const FAULTLESS: InvocationPlan = { batchSize: 10, delayMs: 0, end: { kind: 'responded' } };
const MAX_INVOCATIONS = 1_000;

/**
 * Polls one shard as Lambda does: batch by batch, in order. A failed batch is retried from the record that the function
 * reported.
 */
export async function pollShard(
  records: readonly KinesisStreamRecord[],
  plans: readonly InvocationPlan[],
  invoke: Invoke,
): Promise<void> {
  let next = 0;
  for (let invocation = 0; next < records.length; invocation += 1) {
    if (invocation === MAX_INVOCATIONS) throw new Error(`the shard is stuck at its record ${next}`);
    const { batchSize, delayMs, end } = plans[invocation] ?? FAULTLESS;
    await sleep(delayMs);
    const batch = records.slice(next, next + batchSize);
    const first = invoke(batch, end.kind === 'killed' ? end : null);
    if (end.kind === 'twice') await Promise.race([first, invoke(batch, null)]);
    const response = await first;
    if (end.kind === 'responseLost') continue;
    next += processedCount(batch, response);
    if (end.kind === 'rewound') next = Math.max(0, next - end.by);
  }
}

/**
 * Counts the records before the lowest sequence number that the function reported as failed. Source: AWS Lambda
 * Developer Guide, "Partial batch response".
 */
function processedCount(
  batch: readonly KinesisStreamRecord[],
  response: KinesisStreamBatchResponse | undefined,
): number {
  if (!response) return 0;
  const failed = new Set(response.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
  if (failed.size === 0) return batch.length;
  const index = batch.findIndex(({ kinesis }) => failed.has(kinesis.sequenceNumber));
  if (index < 0) throw new Error('the function reported a record that is not in the batch');
  return index;
}
