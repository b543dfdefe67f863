import { KinesisClient, type KinesisClientConfig } from '@aws-sdk/client-kinesis';
import { NodeHttp2Handler, NodeHttpHandler } from '@smithy/node-http-handler';

export type { KinesisClient };

interface KinesisClientOptions {
  region: string;
  /** Base URL of an emulator, such as `http://127.0.0.1:4580`; AWS itself where it is absent. */
  endpoint?: string;
  /** The SDK's own chain (environment, profile, role) where they are absent. */
  credentials?: NonNullable<KinesisClientConfig['credentials']>;
}

const CONNECT_TIMEOUT_MS = 2_000;
/** GetRecords answers up to 10 MB: long enough for a slow line, short enough to notice a dead one. */
const REQUEST_TIMEOUT_MS = 15_000;

/**
 * A Kinesis client for AWS or for an emulator, with time limits on every request. The SDK's own retries
 * (three attempts) stay on. Whoever makes it calls `destroy()`.
 */
export function createKinesisClient({ region, endpoint, credentials }: KinesisClientOptions): KinesisClient {
  return new KinesisClient({
    region,
    requestHandler: requestHandler(endpoint),
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials !== undefined && { credentials }),
  });
}

/** The SDK speaks HTTP/2 to Kinesis by default, which the emulators do not. */
function requestHandler(endpoint: string | undefined): NodeHttpHandler | NodeHttp2Handler {
  if (endpoint === undefined) {
    // One session per request is the SDK's default for Kinesis; a handler of one's own has to repeat it.
    return new NodeHttp2Handler({ requestTimeout: REQUEST_TIMEOUT_MS, disableConcurrentStreams: true });
  }
  return new NodeHttpHandler({
    connectionTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // Without it the handler only warns, and the request hangs on.
    throwOnRequestTimeout: true,
  });
}
