import type { KinesisStreamRecord } from 'aws-lambda';
import type { Delivery } from './delivery.ts';

/** One record of the event with which Lambda invokes a function for a Kinesis stream. */
export function toDelivery({ eventID, eventSourceARN, kinesis }: KinesisStreamRecord): Delivery {
  return {
    position: {
      streamName: eventSourceARN.slice(eventSourceARN.lastIndexOf('/') + 1),
      shardId: eventID.slice(0, eventID.lastIndexOf(':')),
      sequenceNumber: kinesis.sequenceNumber,
      arrivedAt: Math.round(kinesis.approximateArrivalTimestamp * 1000),
    },
    data: Buffer.from(kinesis.data, 'base64'),
  };
}
