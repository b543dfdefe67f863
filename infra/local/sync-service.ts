import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import type { KinesisClient } from '../../lib/aws/kinesis-client.ts';
import { streamExists } from '../../lib/aws/kinesis-stream.ts';
import type { IdentityKey } from '../../lib/common/dataset-key.ts';
import type { SigningKeys } from '../../lib/common/signed-text.ts';
import type { DatabaseUse } from '../../lib/database/connections.ts';
import type { Database } from '../../lib/database/database.ts';
import { createSyncOperations } from '../../lib/sync/create-sync-operations.ts';
import { createDeleteIdentityData } from '../../lib/sync/jobs/delete-identity-data.ts';
import { createDeletePoolData } from '../../lib/sync/jobs/delete-pool-data.ts';
import { createMergeDatasets } from '../../lib/sync/jobs/merge-datasets.ts';
import type { Limits } from '../../lib/sync/limits.ts';
import type { SyncOperations } from '../../lib/sync/model.ts';
import { createPayloadLinks } from '../../lib/sync/payload-links.ts';
import type { InvokeFunction } from '../../lib/sync/ports/functions.ts';
import type { Merge } from '../../lib/sync/ports/merge-store.ts';
import type { PushReport } from '../../lib/sync/push/push-to-devices.ts';
import type { FillingDataset } from '../../lib/sync/row-limits.ts';
import { createSessionTokens } from '../../lib/sync/session-token.ts';
import { createBulkPublishJobStore } from '../../lib/sync/store/bulk-publish-job-store.ts';
import { createIdentityDataStore } from '../../lib/sync/store/identity-data-store.ts';
import { createMergeStore } from '../../lib/sync/store/merge-store.ts';
import { createPayloadStore } from '../../lib/sync/store/payload-store.ts';
import { createPoolDataStore } from '../../lib/sync/store/pool-data-store.ts';
import { createPoolStore } from '../../lib/sync/store/pool-store.ts';
import { createPushStore } from '../../lib/sync/store/push-store.ts';
import { createSnapshotCache } from '../../lib/sync/store/snapshot-cache.ts';
import { createSyncStore } from '../../lib/sync/store/sync-store.ts';
import { createPayloadApi } from '../../lib/wire/payload-api.ts';
import type { RateLimits } from '../../lib/wire/rate-limits.ts';
import type { SigV4Verifier } from '../../lib/wire/sigv4.ts';
import { createSyncApi } from '../../lib/wire/sync-api.ts';
import { createFailureLogger } from './failure-logger.ts';
import { createPayloadRoute, createSyncApiRoute } from './http/aws-routes.ts';
import type { Route } from './http/http-server.ts';
import { createPushRoute } from './http/push-route.ts';
import type { ProjectionBacklog } from './projection-backlog.ts';
import { createPushInbox } from './push-inbox.ts';
import { type ServiceSchedules, startServiceSchedules } from './schedules/service-schedules.ts';

interface SyncServiceDeps {
  uses: Readonly<Record<DatabaseUse, Database>>;
  tokenKeys: SigningKeys;
  verify: SigV4Verifier;
  rateLimits: RateLimits;
  region: string;
  invokeFunction: InvokeFunction;
  limits: Limits;
  /** Returns the origin of the port that serves `routes`. Called only once the port is listening. */
  origin: () => string;
}

export interface SyncService {
  /** Routes of the Cognito Sync API, of the payloads of its events, and of the messages to devices. */
  routes: Route[];
  /**
   * Starts the scheduled functions of the service, for example the relay that publishes events to the stream. The
   * stream must exist.
   */
  startSchedules(client: KinesisClient, backlog: ProjectionBacklog): ServiceSchedules;
  /** Moves the datasets of the identity `merge.from` to the identity into which it was merged. */
  mergeDatasets: (merge: Merge) => Promise<void>;
  /** Deletes the remaining data of a pool that is marked as deleted. */
  deletePoolData: (identityPoolId: string) => Promise<boolean>;
  /** Deletes the remaining data of a deleted identity. */
  deleteIdentityData: (identity: IdentityKey) => Promise<boolean>;
  /** Deletes the stored messages to devices. */
  emptyInbox(): void;
}

/**
 * Creates Cognito Sync: its API on top of the sync store, and its scheduled functions, which for example publish its
 * events.
 */
export function createSyncService({
  uses,
  tokenKeys,
  verify,
  rateLimits,
  region,
  invokeFunction,
  limits,
  origin,
}: SyncServiceDeps): SyncService {
  let schedules: ServiceSchedules | undefined;
  const randomId = randomUUID;
  const payloadLinks = createPayloadLinks({ keys: tokenKeys, origin, now: Date.now, randomId });
  let kinesis: KinesisClient | undefined;
  const logger = createFailureLogger('sync-api');
  const { reads, writes, jobs } = uses;
  const inbox = createPushInbox({ randomId });
  const snapshotCache = createSnapshotCache();
  const storeOnJobs = createSyncStore(jobs, snapshotCache);
  const offloading = { links: payloadLinks, inlineBytes: limits.inlineBytes };
  const afterWrite = () => schedules?.relay.nudge();
  const mergeDatasets = createMergeDatasets({
    store: storeOnJobs,
    merges: createMergeStore(jobs, snapshotCache),
    offloading,
    now: Date.now,
    afterWrite,
  });
  const deletion = { store: storeOnJobs, now: Date.now, afterWrite, sleep };
  const deletePoolData = createDeletePoolData({ ...deletion, poolData: createPoolDataStore(jobs) });
  const deleteIdentityData = createDeleteIdentityData({
    ...deletion,
    identityData: createIdentityDataStore(jobs),
  });
  const createOperations = (database: Database) =>
    createSyncOperations({
      store: createSyncStore(database, snapshotCache),
      pools: createPoolStore(database),
      bulkPublishes: createBulkPublishJobStore(database),
      tokens: createSessionTokens({ keys: tokenKeys, now: Date.now, randomId }),
      payloadLinks,
      push: {
        devices: createPushStore(database),
        channel: inbox,
        sleep: (ms) => sleep(ms, undefined, { ref: false }),
        report: logUnsent(logger),
      },
      now: Date.now,
      limits,
      onFilling: logFilling(logger),
      afterWrite,
      afterBulkPublish: () => schedules?.bulkPublish.nudge(),
      invokeFunction,
      async streamExists(streamName) {
        if (kinesis === undefined) throw new Error('the local cloud is still starting');
        return streamExists(kinesis, streamName);
      },
    });
  const operations = { ...createOperations(writes), ...onlyReading(createOperations(reads)) };
  const syncApi = createSyncApi({
    operations,
    verify,
    limits: rateLimits,
    requestId: randomUUID,
    logger,
  });
  return {
    routes: [
      createSyncApiRoute(syncApi),
      createPayloadRoute(createPayloadApi({ links: payloadLinks, payloads: createPayloadStore(reads) })),
      createPushRoute({ inbox, devices: createPushStore(reads) }),
    ],
    startSchedules(client, backlog) {
      kinesis = client;
      schedules = startServiceSchedules({
        uses,
        client,
        offloading,
        mergeDatasets,
        deletePoolData,
        deleteIdentityData,
        region,
        backlog,
      });
      return schedules;
    },
    mergeDatasets,
    deletePoolData,
    deleteIdentityData,
    emptyInbox: () => inbox.clear(),
  };
}

/** Picks the operations that write nothing. */
function onlyReading({
  DescribeDataset,
  DescribeIdentityPoolUsage,
  DescribeIdentityUsage,
  GetBulkPublishDetails,
  GetCognitoEvents,
  GetIdentityPoolConfiguration,
  ListDatasets,
  ListIdentityPoolUsage,
  ListRecords,
}: SyncOperations): Partial<SyncOperations> {
  return {
    DescribeDataset,
    DescribeIdentityPoolUsage,
    DescribeIdentityUsage,
    GetBulkPublishDetails,
    GetCognitoEvents,
    GetIdentityPoolConfiguration,
    ListDatasets,
    ListIdentityPoolUsage,
    ListRecords,
  };
}

interface Warnings {
  warn(message: string, details: Record<string, unknown>): void;
}

/**
 * Warns the operator about a dataset that approaches its limits. Removed records count as well: their rows remain until
 * the dataset is deleted.
 */
function logFilling(logger: Warnings) {
  return (dataset: FillingDataset) => {
    logger.warn('a dataset has reached 80 % of a limit on its records; removed records count as well', {
      ...dataset,
    });
  };
}

/**
 * Warns the operator about messages that were not sent. A device that receives no message finds the change at its next
 * sync.
 */
function logUnsent(logger: Warnings) {
  return (report: PushReport) => {
    if (report.sent !== report.devices) {
      logger.warn('some devices were not notified of a change', { ...report });
    }
  };
}
