import type { OperatedService } from '../backfill/operated-service.ts';
import type { Credentials } from '../common/environment.ts';
import { createCognitoSyncClient } from './cognito-sync-client.ts';
import { createKinesisClient } from './kinesis-client.ts';
import { createPoolSettings } from './pool-settings.ts';
import { createKinesisStreamReader } from './stream-reader.ts';
import { createSyncClient } from './sync-client.ts';

interface OperatedServiceOptions extends Pick<OperatedService, 'failures' | 'parallelizationFactor'> {
  region: string;
  /** Of a service that speaks the API, and its Kinesis; Amazon's where it is absent. */
  endpoint?: string;
  /** The SDK's own chain (environment, profile, role) where they are absent. */
  credentials?: Credentials;
}

/** A Cognito Sync service with its streams, over the AWS SDK. Nothing is asked before it is used. */
export function openOperatedService({
  failures,
  parallelizationFactor,
  ...options
}: OperatedServiceOptions): OperatedService {
  const sync = createCognitoSyncClient(options);
  const kinesis = createKinesisClient(options);
  return {
    name: options.endpoint ?? `Amazon Cognito Sync in ${options.region}`,
    api: createSyncClient(sync),
    settings: createPoolSettings(sync),
    streams: createKinesisStreamReader(kinesis),
    failures,
    parallelizationFactor,
    close() {
      sync.destroy();
      kinesis.destroy();
    },
  };
}
