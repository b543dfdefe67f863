import { isObject } from '../../../lib/common/json.ts';

/** The result of an invocation: a response (JSON of unknown shape) or an error. */
export type Invocation =
  | { kind: 'answered'; answer: unknown }
  | { kind: 'threw'; errorName: string; message: string };

export type BatchVerdict =
  | { outcome: 'done' }
  /** The records before `index` are processed; `index` is 0 if the first record was reported. */
  | { outcome: 'retryFrom'; index: number; sequenceNumber: string }
  | { outcome: 'retryAll'; reason: string };

/**
 * Decides what happens to a batch after an invocation.
 *
 * - A function that threw has processed nothing.
 * - Without `reportBatchItemFailures`, any response means success.
 * - With `reportBatchItemFailures`, these responses mean success: no response, an empty object, and an object whose
 *   `batchItemFailures` is missing, null or empty. Other members of the response are ignored, as in AWS.
 * - If several records are reported, only the record with the lowest sequence number counts.
 * - An identifier that is missing, null, empty or not in the batch fails the whole batch, as does a response of any
 *   other shape. Such a report does not say what was processed.
 *
 * Source: AWS Lambda Developer Guide, "Configuring partial batch response with Kinesis Data Streams and Lambda". The
 * guide does not describe a response that is not an object, or an unknown identifier. In these cases, the whole batch
 * fails, because this loses no records.
 *
 * @param sequenceNumbers the sequence numbers of the batch, in shard order
 * @returns a verdict whose `reason` quotes nothing from the response
 */
export function evaluateBatch(
  sequenceNumbers: readonly string[],
  invocation: Invocation,
  { reportBatchItemFailures }: { reportBatchItemFailures: boolean },
): BatchVerdict {
  if (invocation.kind === 'threw') return retryAll(`the function threw ${invocation.errorName}`);
  const { answer } = invocation;
  if (!reportBatchItemFailures || answer === null || answer === undefined) return { outcome: 'done' };
  if (!isObject(answer)) return retryAll("the function's response is not an object");
  const failures = answer.batchItemFailures;
  if (failures === null || failures === undefined) return { outcome: 'done' };
  if (!Array.isArray(failures)) return retryAll('batchItemFailures is not a list');
  return evaluateFailures(sequenceNumbers, failures);
}

function evaluateFailures(sequenceNumbers: readonly string[], failures: readonly unknown[]): BatchVerdict {
  let first = sequenceNumbers.length;
  for (const failure of failures) {
    const identifier = isObject(failure) ? failure.itemIdentifier : undefined;
    if (typeof identifier !== 'string' || identifier === '') {
      return retryAll('a reported failure has no itemIdentifier');
    }
    const index = sequenceNumbers.indexOf(identifier);
    if (index === -1) return retryAll('a reported itemIdentifier is not in the batch');
    // The lowest index has the lowest sequence number, because the records of a shard are delivered in the order of
    // their sequence numbers.
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
