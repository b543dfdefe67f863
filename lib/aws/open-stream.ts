import { KinesisClient } from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { EventPublisher } from '../sync/ports/outbox.ts';
import { createKinesisPublisher } from './kinesis-publisher.ts';
import { streamExists } from './kinesis-stream.ts';

const CONNECT_TIMEOUT_MS = 1_000;
const REQUEST_TIMEOUT_MS = 2_000;

/**
 * Opens Kinesis for callers that publish one event now and then and do not wait long. The client keeps HTTP/1.1
 * connections open: the handler for HTTP/2 would open a session for each request.
 */
export function openStream(region: string): {
  publisher: EventPublisher;
  streamExists: (streamName: string) => Promise<boolean>;
} {
  const requestHandler = new NodeHttpHandler({
    connectionTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // Without this option, a timeout only logs a warning, and the request stays open.
    throwOnRequestTimeout: true,
  });
  const client = new KinesisClient({ region, requestHandler, maxAttempts: 2 });
  return {
    publisher: createKinesisPublisher(client),
    streamExists: (streamName) => streamExists(client, streamName),
  };
}
