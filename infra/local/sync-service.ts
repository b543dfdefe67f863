import { randomUUID } from 'node:crypto';

import type { KinesisClient } from '../../lib/aws/kinesis-client.ts';
import { streamExists } from '../../lib/aws/kinesis-stream.ts';
import { createBulkPublishStore } from '../../lib/store/bulk-publish-store.ts';
import type { Database } from '../../lib/store/database.ts';
import { createPayloadStore } from '../../lib/store/payload-store.ts';
import { createPoolStore } from '../../lib/store/pool-store.ts';
import { createSyncStore } from '../../lib/store/sync-store.ts';
import { createSyncOperations } from '../../lib/sync/create-sync-operations.ts';
import type { InvokeFunction } from '../../lib/sync/function-port.ts';
import { DEFAULT_LIMITS } from '../../lib/sync/limits.ts';
import { createPayloadLinks } from '../../lib/sync/payload-links.ts';
import { createSessionTokens } from '../../lib/sync/session-token.ts';
import { createLogger } from '../../lib/telemetry.ts';
import { createPayloadApi } from '../../lib/wire/payload-api.ts';
import type { SigV4Verifier } from '../../lib/wire/sigv4.ts';
import { createSyncApi } from '../../lib/wire/sync-api.ts';
import { createPayloadRoute } from './payload-route.ts';
import type { Route } from './port.ts';
import { type ServiceSchedules, startServiceSchedules } from './service-schedules.ts';
import { createSyncApiRoute } from './sync-api-route.ts';

interface SyncServiceDeps {
  database: Database;
  tokenKey: Buffer;
  verify: SigV4Verifier;
  region: string;
  invokeFunction: InvokeFunction;
  /** Of the port that `routes` are on, asked when it listens. */
  origin: () => string;
}

export interface SyncService {
  /** The Cognito Sync API, and the payloads of its events. */
  routes: Route[];
  /** Begins to publish what was and is written; the stream has to be there. */
  startSchedules(client: KinesisClient): ServiceSchedules;
}

/** The service itself: the API on the sync store, and what takes its events to the stream. */
export function createSyncService({
  database,
  tokenKey,
  verify,
  region,
  invokeFunction,
  origin,
}: SyncServiceDeps): SyncService {
  let schedules: ServiceSchedules | undefined;
  const randomId = randomUUID;
  const payloadLinks = createPayloadLinks({ key: tokenKey, origin, now: Date.now, randomId });
  let kinesis: KinesisClient | undefined;
  const operations = createSyncOperations({
    store: createSyncStore(database),
    pools: createPoolStore(database),
    bulkPublishes: createBulkPublishStore(database),
    tokens: createSessionTokens({ key: tokenKey, now: Date.now, randomId }),
    payloadLinks,
    now: Date.now,
    afterWrite: () => schedules?.relay.nudge(),
    afterBulkPublish: () => schedules?.bulkPublish.nudge(),
    invokeFunction,
    async streamExists(streamName) {
      if (kinesis === undefined) throw new Error('the local cloud is still starting');
      return streamExists(kinesis, streamName);
    },
  });
  const syncApi = createSyncApi({
    operations,
    verify,
    requestId: randomUUID,
    logger: createLogger('sync-api'),
  });
  return {
    routes: [
      createSyncApiRoute(syncApi),
      createPayloadRoute(createPayloadApi({ links: payloadLinks, payloads: createPayloadStore(database) })),
    ],
    startSchedules(client) {
      kinesis = client;
      const offloading = { links: payloadLinks, inlineBytes: DEFAULT_LIMITS.inlineBytes };
      schedules = startServiceSchedules({ database, client, offloading, region });
      return schedules;
    },
  };
}
