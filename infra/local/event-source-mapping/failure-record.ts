import { eventPayload } from './kinesis-event.ts';
import type { Attempt } from './retry-policy.ts';

/**
 * Why records were discarded. The third is a name of ours: AWS documents that a record which alone exceeds the
 * payload of an invocation goes to the failure destination, but not under which condition.
 */
export type FailureCondition =
  | 'RetryAttemptsExhausted'
  | 'RecordAgeExceeded'
  | 'InvocationPayloadSizeExceeded';

/**
 * What Lambda writes to a failure destination in S3.
 * Source: AWS Lambda Developer Guide, "Retain discarded batch records for a Kinesis Data Streams event source in
 * Lambda", example Amazon S3 invocation record.
 */
export interface FailureRecord {
  requestContext: {
    requestId: string;
    functionArn: string;
    condition: FailureCondition;
    /** Of these records, in whichever batches. */
    approximateInvokeCount: number;
  };
  /** Absent where the function was never invoked with the records. */
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
  /** The event that the function got, or would have got, as JSON. */
  payload: string;
}

export interface FailureOrigin {
  functionArn: string;
  shardId: string;
  streamArn: string;
}

interface Discarded {
  /** With at least one record. */
  attempt: Attempt;
  condition: FailureCondition;
  /** Where there was no invocation to name. */
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
  if (!first || !last) throw new Error('a failure record of no records');
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
