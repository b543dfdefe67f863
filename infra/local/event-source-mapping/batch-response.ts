import { isObject } from '../../../lib/common/json.ts';

/** How an invocation ended: with an answer (JSON, otherwise unknown), or not at all. */
export type Invocation =
  | { kind: 'answered'; answer: unknown }
  | { kind: 'threw'; errorName: string; message: string };

export type BatchVerdict =
  | { outcome: 'done' }
  /** The records before `index` are processed; `index` is 0 when the first one is reported. */
  | { outcome: 'retryFrom'; index: number; sequenceNumber: string }
  | { outcome: 'retryAll'; reason: string };

/**
 * What becomes of a batch after an invocation.
 *
 * - A function that threw has processed nothing.
 * - Without `reportBatchItemFailures` any answer is success.
 * - With it, no answer, an empty object, and a missing, null or empty `batchItemFailures` are success. Other
 *   members of the answer are ignored, as AWS ignores them.
 * - Of several reported records the one with the lowest sequence number counts.
 * - An identifier that is missing, null, empty or none of the batch's, and an answer of any other shape, fail
 *   the whole batch: a function whose report cannot be read has not said what it processed.
 *
 * Source: AWS Lambda Developer Guide, "Configuring partial batch response with Kinesis Data Streams and
 * Lambda". An answer that is no object and an unknown identifier are not described there; failing is the side
 * on which nothing is lost.
 *
 * @param sequenceNumbers of the batch, in the order of the shard
 * @returns a verdict whose `reason` quotes nothing of the answer
 */
export function evaluateBatch(
  sequenceNumbers: readonly string[],
  invocation: Invocation,
  { reportBatchItemFailures }: { reportBatchItemFailures: boolean },
): BatchVerdict {
  if (invocation.kind === 'threw') return retryAll(`the function threw ${invocation.errorName}`);
  const { answer } = invocation;
  if (!reportBatchItemFailures || answer === null || answer === undefined) return { outcome: 'done' };
  if (!isObject(answer)) return retryAll('the answer of the function is not an object');
  const failures = answer.batchItemFailures;
  if (failures === null || failures === undefined) return { outcome: 'done' };
  if (!Array.isArray(failures)) return retryAll('batchItemFailures is not a list');
  return judgeFailures(sequenceNumbers, failures);
}

function judgeFailures(sequenceNumbers: readonly string[], failures: readonly unknown[]): BatchVerdict {
  let first = sequenceNumbers.length;
  for (const failure of failures) {
    const identifier = isObject(failure) ? failure.itemIdentifier : undefined;
    if (typeof identifier !== 'string' || identifier === '') {
      return retryAll('a reported failure has no itemIdentifier');
    }
    const index = sequenceNumbers.indexOf(identifier);
    if (index === -1) return retryAll('a reported itemIdentifier is not in the batch');
    // Within a shard the order of delivery is the order of sequence numbers.
    first = Math.min(first, index);
  }
  const sequenceNumber = sequenceNumbers[first];
  return sequenceNumber === undefined
    ? { outcome: 'done' }
    : { outcome: 'retryFrom', index: first, sequenceNumber };
}

function retryAll(reason: string): BatchVerdict {
  return { outcome: 'retryAll', reason };
}
