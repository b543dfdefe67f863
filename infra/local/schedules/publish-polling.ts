import { join } from 'node:path';
import { createPollBulkPublish } from '../../../functions/poll-bulk-publish.ts';
import { createCognitoSyncClient } from '../../../lib/aws/cognito-sync-client.ts';
import { failureObjects } from '../../../lib/aws/failure-objects.ts';
import type { KinesisClient } from '../../../lib/aws/kinesis-client.ts';
import { createKinesisStreamReader } from '../../../lib/aws/stream-reader.ts';
import { createSyncClient } from '../../../lib/aws/sync-client.ts';
import { createCountFailedBatches } from '../../../lib/backfill/poll/count-failed-batches.ts';
import { createPublishStore } from '../../../lib/backfill/store/publish-store.ts';
import type { Credentials } from '../../../lib/common/environment.ts';
import type { Database } from '../../../lib/database/database.ts';
import { createRedrivenObjects } from '../../../lib/projection/store/redriven-objects.ts';
import { createPoolStore } from '../../../lib/sync/store/pool-store.ts';
import { deployedMappingSettings } from '../event-source-mapping/deployed-mapping-settings.ts';
import { STREAM_NAME } from '../names.ts';
import type { Schedule } from './schedule.ts';
import { startScheduledFunction } from './scheduled-function.ts';

/**
 * Time between two polls. In AWS, this time is one minute. Locally, it is shorter, because a poll costs nothing and an
 * operator may be waiting for the result.
 */
const INTERVAL_MS = 5_000;
/** Time limit of a run. The local cloud cannot stop during a run, so runs must be short. */
const BUDGET_MS = 2_000;

export interface PublishPollingDeps {
  /** URL of the service and the stream. */
  url: string;
  credentials: Credentials;
  region: string;
  client: KinesisClient;
  database: Database;
  /** Directory with the checkpoints and the discarded records of the event source mappings. */
  directory: string;
}

/**
 * Starts the bulk-publish poller for all pools of this service. The poller sends the same requests as to Amazon's
 * service, with one exception. It reads the ids of the pools from the database, because ListIdentityPoolUsage would
 * also read the storage of each pool.
 */
export function startPublishPolling({
  url,
  credentials,
  region,
  client,
  database,
  directory,
}: PublishPollingDeps): Schedule {
  const sync = createCognitoSyncClient({ region, endpoint: url, credentials });
  const redriven = createRedrivenObjects(database);
  const schedule = startScheduledFunction({
    functionName: 'poll-bulk-publish',
    region,
    intervalMs: INTERVAL_MS,
    create: (logger) =>
      createPollBulkPublish({
        api: { ...createSyncClient(sync), listPools: createPoolStore(database).listPoolIds },
        store: createPublishStore(database),
        streams: createKinesisStreamReader(client),
        countFailedBatches: createCountFailedBatches({
          listFailureObjects: () => failureObjects(join(directory, 'failures')),
          redriven,
        }),
        policy: { kind: 'off' },
        identityPoolIds: null,
        streamName: STREAM_NAME,
        keepsStreaming: true,
        parallelizationFactor: deployedMappingSettings().parallelizationFactor,
        report: () => undefined,
        logger,
        timeBudgetMs: BUDGET_MS,
      }),
  });
  return {
    ...schedule,
    async close() {
      await schedule.close();
      sync.destroy();
    },
  };
}
