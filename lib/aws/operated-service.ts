import type { OperatedService } from '../backfill/ports/operated-service.ts';
import type { Credentials } from '../common/environment.ts';
import { createCognitoSyncClient } from './cognito-sync-client.ts';
import { createCognitoIdentityClient, createIdentityDeletion } from './identity-deletion.ts';
import { createKinesisClient } from './kinesis-client.ts';
import { createPoolSettings } from './pool-settings.ts';
import { createKinesisStreamReader } from './stream-reader.ts';
import { createSyncClient } from './sync-client.ts';

interface OperatedServiceOptions extends Pick<OperatedService, 'failures' | 'parallelizationFactor'> {
  region: string;
  /** Base URL at which a service offers the Cognito Sync API and the Kinesis API. Default: Amazon's services. */
  endpoint?: string;
  /** Default: the SDK's credential chain (environment, profile, role). */
  credentials?: Credentials;
  /**
   * The address of a self-hosted service whose streams are not at `endpoint`. Default: the service is at `endpoint`.
   */
  service?: { endpoint: string; credentials?: Credentials };
}

/** The hosts of Amazon's Cognito Sync. Source: AWS General Reference, "Amazon Cognito Sync endpoints and quotas". */
const AMAZONS = /^cognito-sync\.[\w-]+\.amazonaws\.com$/;

/**
 * Opens a Cognito Sync service and its streams through the AWS SDK. Sends no request before the returned service is
 * used.
 */
export function openOperatedService({
  failures,
  parallelizationFactor,
  service,
  ...options
}: OperatedServiceOptions): OperatedService {
  const ofService = { ...options, ...service };
  const sync = createCognitoSyncClient(ofService);
  const kinesis = createKinesisClient(options);
  const identities = createCognitoIdentityClient(ofService);
  const { endpoint, region } = ofService;
  return {
    name: endpoint ?? `Amazon Cognito Sync in ${region}`,
    isAmazons: endpoint === undefined || AMAZONS.test(new URL(endpoint).hostname),
    api: createSyncClient(sync),
    deletion: createIdentityDeletion(sync, identities),
    settings: createPoolSettings(sync),
    streams: createKinesisStreamReader(kinesis),
    failures,
    parallelizationFactor,
    close() {
      sync.destroy();
      identities.destroy();
      kinesis.destroy();
    },
  };
}
