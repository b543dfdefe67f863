import { randomUUID } from 'node:crypto';

import { createRelayOutbox } from '../../functions/relay-outbox.ts';
import type { KinesisClient } from '../../lib/aws/kinesis-client.ts';
import { createKinesisPublisher } from '../../lib/aws/kinesis-publisher.ts';
import type { Database } from '../../lib/store/database.ts';
import { createOutboxStore } from '../../lib/store/outbox-store.ts';
import { createSyncStore } from '../../lib/store/sync-store.ts';
import { createSyncOperations } from '../../lib/sync/create-sync-operations.ts';
import { createSessionTokens } from '../../lib/sync/session-token.ts';
import { createLogger } from '../../lib/telemetry.ts';
import type { SigV4Verifier } from '../../lib/wire/sigv4.ts';
import { createSyncApi } from '../../lib/wire/sync-api.ts';
import { createLambdaContext } from './lambda-context.ts';
import { ACCOUNT_ID, STREAM_NAME } from './names.ts';
import type { Route } from './port.ts';
import { type Schedule, startSchedule } from './schedule.ts';
import { createSyncApiRoute } from './sync-api-route.ts';

const RELAY_NAME = 'relay-outbox';
/** A write asks for a run at once; the interval is for what a crash left. */
const RELAY_INTERVAL_MS = 1_000;
/** What a killed process had claimed is free again after this; a local stream answers within milliseconds. */
const RELAY_LEASE_MS = 5_000;

/** A run under way keeps the process from stopping, and the next begins at once when there is more. */
const RELAY_BUDGET_MS = 100;

interface SyncServiceDeps {
  database: Database;
  tokenKey: Buffer;
  verify: SigV4Verifier;
  region: string;
}

export interface SyncService {
  /** The Cognito Sync API. */
  route: Route;
  /** Begins to publish what was and is written; the stream has to be there. */
  startRelay(client: KinesisClient): Schedule;
}

/** The service itself: the API on the sync store, and the relay that takes its events to the stream. */
export function createSyncService({ database, tokenKey, verify, region }: SyncServiceDeps): SyncService {
  let relay: Schedule | undefined;
  const operations = createSyncOperations({
    store: createSyncStore(database),
    tokens: createSessionTokens({ key: tokenKey, now: Date.now, randomId: randomUUID }),
    now: Date.now,
    afterWrite: () => relay?.nudge(),
  });
  const syncApi = createSyncApi({
    operations,
    verify,
    accountId: ACCOUNT_ID,
    requestId: randomUUID,
    logger: createLogger('sync-api'),
  });
  return {
    route: createSyncApiRoute(syncApi),
    startRelay(client) {
      const logger = createLogger(RELAY_NAME);
      const relayOutbox = createRelayOutbox({
        outbox: createOutboxStore(database),
        publisher: createKinesisPublisher(client),
        streamName: STREAM_NAME,
        logger,
        pace: { leaseMs: RELAY_LEASE_MS, timeBudgetMs: RELAY_BUDGET_MS },
      });
      relay = startSchedule({
        functionName: RELAY_NAME,
        intervalMs: RELAY_INTERVAL_MS,
        run: () => relayOutbox({}, createLambdaContext(RELAY_NAME, region)),
        logger,
      });
      return relay;
    },
  };
}
