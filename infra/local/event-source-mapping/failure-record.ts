import { eventPayload } from './kinesis-event.ts';
import type { Attempt } from './retry-policy.ts';

/**
 * Why records were discarded. AWS documents that a record larger than the invocation payload goes to the failure
 * destination. AWS does not document the condition in the failure record of this case, so this project chose the name
 * `InvocationPayloadSizeExceeded`.
 */
export type FailureCondition =
  | 'RetryAttemptsExhausted'
  | 'RecordAgeExceeded'
  | 'InvocationPayloadSizeExceeded';

/**
 * The object that Lambda writes to a failure destination in S3. Source: AWS Lambda Developer Guide, "Retain discarded
 * batch records for a Kinesis Data Streams event source in Lambda", example Amazon S3 invocation record.
 */
export interface FailureRecord {
  requestContext: {
    requestId: string;
    functionArn: string;
    condition: FailureCondition;
    /** Number of invocations with these records, including invocations with larger batches that contained them. */
    approximateInvokeCount: number;
  };
  /** Absent if the function was never invoked with the records. */
  responseContext?: { statusCode: 200; executedVersion: '$LATEST'; functionError: 'Unhandled' | null };
  version: '1.0';
  timestamp: string;
  KinesisBatchInfo: {
    shardId: string;
    startSequenceNumber: string;
    endSequenceNumber: string;
    approximateArrivalOfFirstRecord: string;
    approximateArrivalOfLastRecord: string;
    batchSize: number;
    streamArn: string;
  };
  /** The event that the function received, or would have received, as JSON. */
  payload: string;
}

export interface FailureOrigin {
  functionArn: string;
  shardId: string;
  streamArn: string;
}

interface Discarded {
  /** Has at least one record. */
  attempt: Attempt;
  condition: FailureCondition;
  /** The `requestId` of the failure record if the function was never invoked with the records. */
  requestId: string;
  /** Epoch milliseconds. */
  now: number;
}

export function toFailureRecord(
  { attempt, condition, requestId, now }: Discarded,
  { functionArn, shardId, streamArn }: FailureOrigin,
): FailureRecord {
  const { records, invocations, lastInvocation } = attempt;
  const first = records[0];
  const last = records.at(-1);
  if (!first || !last) throw new Error('a failure record needs at least one record');
  return {
    requestContext: {
      requestId: lastInvocation?.requestId ?? requestId,
      functionArn,
      condition,
      approximateInvokeCount: invocations,
    },
    ...(lastInvocation && {
      responseContext: {
        statusCode: 200,
        executedVersion: '$LATEST',
        functionError: lastInvocation.functionError,
      },
    }),
    version: '1.0',
    timestamp: new Date(now).toISOString(),
    KinesisBatchInfo: {
      shardId,
      startSequenceNumber: first.sequenceNumber,
      endSequenceNumber: last.sequenceNumber,
      approximateArrivalOfFirstRecord: new Date(first.arrivedAt).toISOString(),
      approximateArrivalOfLastRecord: new Date(last.arrivedAt).toISOString(),
      batchSize: records.length,
      streamArn,
    },
    payload: eventPayload(records),
  };
}
