import { hash } from 'node:crypto';
import type { KinesisStreamEvent } from 'aws-lambda';
import { toEventRecord } from '../../infra/local/event-source-mapping/kinesis-event.ts';
import { NEW_YEAR, toBytes, wireEvent, wireRecord } from '../fixtures/stream-events.ts';

interface Shape {
  events: number;
  records: number;
  /** Batches of one group touch the same datasets. */
  group: string;
  version: number;
}

const ORIGIN = {
  shardId: 'shardId-000000000000',
  streamArn: 'arn:aws:kinesis:us-east-1:000000000000:stream/cognito-sync',
  region: 'us-east-1',
  invokeIdentityArn: 'arn:aws:iam::000000000000:role/bench',
};

/** A Kinesis batch as Lambda hands it over: each event of another identity, its records short texts and numbers. */
export function syncBatch({ events, records, group, version }: Shape): KinesisStreamEvent {
  const lastModifiedDate = NEW_YEAR + version;
  return {
    Records: Array.from({ length: events }, (_, event) => {
      const kinesisSyncRecords = Array.from({ length: records }, (_, record) =>
        wireRecord({
          key: `key-${record}`,
          value: record % 2 ? `value ${version}` : `${version}`,
          syncCount: version,
          lastModifiedDate,
        }),
      );
      const data = toBytes(
        wireEvent({
          identityId: identity(group, event),
          kinesisSyncRecords,
          lastModifiedDate,
          syncCount: version,
        }),
      );
      const sequenceNumber = String(event);
      return toEventRecord(
        { sequenceNumber, partitionKey: 'p', data, arrivedAt: new Date(NEW_YEAR + 60_000) },
        ORIGIN,
      );
    }),
  };
}

function identity(group: string, event: number): string {
  const digits = hash('sha256', `${group} ${event}`);
  return `us-east-1:${digits.slice(0, 8)}-0000-4000-8000-${digits.slice(8, 20)}`;
}
