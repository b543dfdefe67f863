import { KinesisClient } from '@aws-sdk/client-kinesis';
import { NodeHttp2Handler, NodeHttpHandler } from '@smithy/node-http-handler';
import type { Credentials } from '../common/environment.ts';
import { atEndpoint } from './at-endpoint.ts';

export type { KinesisClient };

interface KinesisClientOptions {
  region: string;
  /** Base URL of an emulator, such as `http://127.0.0.1:4580`. Default: AWS. */
  endpoint?: string;
  /** Ignores the addresses in the environment and in the configuration file, such as AWS_ENDPOINT_URL. Default: false. */
  ignoreConfiguredEndpointUrls?: boolean;
  /** Default: the SDK's credential chain (environment, profile, role). */
  credentials?: Credentials;
}

const CONNECT_TIMEOUT_MS = 2_000;
/**
 * Long enough to receive the largest response, the 10 MB of GetRecords, over a slow connection. Short enough to notice
 * a dead connection soon.
 */
const REQUEST_TIMEOUT_MS = 15_000;

/**
 * Creates a Kinesis client for AWS or for an emulator, with a timeout on every request. The SDK's own retries (three
 * attempts) remain enabled. The caller must call `destroy()`.
 */
export function createKinesisClient({
  region,
  endpoint,
  ignoreConfiguredEndpointUrls,
  credentials,
}: KinesisClientOptions): KinesisClient {
  return new KinesisClient({
    region,
    requestHandler: requestHandler(endpoint),
    ...atEndpoint(endpoint),
    ...(ignoreConfiguredEndpointUrls && { ignoreConfiguredEndpointUrls }),
    // The SDK adds members to the object that it receives.
    ...(credentials !== undefined && { credentials: { ...credentials } }),
  });
}

/**
 * Returns an HTTP/2 handler for AWS, as the SDK does by default, and an HTTP/1.1 handler for emulators. Emulators do
 * not support HTTP/2.
 */
function requestHandler(endpoint: string | undefined): NodeHttpHandler | NodeHttp2Handler {
  if (endpoint === undefined) {
    // The SDK's default handler for Kinesis uses one session per request (`disableConcurrentStreams`). The handler that
    // is created here must set this option itself.
    return new NodeHttp2Handler({ requestTimeout: REQUEST_TIMEOUT_MS, disableConcurrentStreams: true });
  }
  return new NodeHttpHandler({
    connectionTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // Without this option, a timeout only logs a warning, and the request stays open.
    throwOnRequestTimeout: true,
  });
}
