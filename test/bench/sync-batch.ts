import { hash } from 'node:crypto';
import type { KinesisStreamEvent } from 'aws-lambda';
import { toEventRecord } from '../../infra/local/event-source-mapping/kinesis-event.ts';
import { NEW_YEAR, toBytes, wireEvent, wireRecord } from '../fixtures/sync/stream-events.ts';

interface Shape {
  events: number;
  records: number;
  /** Batches of one group touch the same datasets. */
  group: string;
  version: number;
  /** Number of the first event; default 0. The group and the number of an event determine its identity. */
  firstEvent?: number;
  /** Makes every second value longer. */
  padding?: string;
}

const ORIGIN = {
  shardId: 'shardId-000000000000',
  streamArn: 'arn:aws:kinesis:us-east-1:000000000000:stream/cognito-sync',
  region: 'us-east-1',
  invokeIdentityArn: 'arn:aws:iam::000000000000:role/bench',
};

/** Creates events in the format of the stream, one per identity. Their records are short texts and numbers. */
export function syncEvents({
  events,
  records,
  group,
  version,
  firstEvent = 0,
  padding = '',
}: Shape): Uint8Array[] {
  const lastModifiedDate = NEW_YEAR + version;
  return Array.from({ length: events }, (_, event) => {
    const kinesisSyncRecords = Array.from({ length: records }, (_, record) =>
      wireRecord({
        key: `key-${record}`,
        value: record % 2 ? `value ${version}${padding}` : `${version}`,
        syncCount: version,
        lastModifiedDate,
      }),
    );
    return toBytes(
      wireEvent({
        identityId: identityOf(group, firstEvent + event),
        kinesisSyncRecords,
        lastModifiedDate,
        syncCount: version,
      }),
    );
  });
}

/** Creates a Kinesis batch as Lambda passes it. */
export function syncBatch(shape: Shape): KinesisStreamEvent {
  return {
    Records: syncEvents(shape).map((data, event) =>
      toEventRecord(
        {
          sequenceNumber: String(event),
          partitionKey: 'p',
          data,
          arrivedAt: new Date(NEW_YEAR + 60_000),
        },
        ORIGIN,
      ),
    ),
  };
}

/** Returns the identity of an event. */
export function identityOf(group: string, event: number): string {
  const digits = hash('sha256', `${group} ${event}`);
  return `us-east-1:${digits.slice(0, 8)}-0000-4000-8000-${digits.slice(8, 20)}`;
}
