import { setTimeout as sleep } from 'node:timers/promises';
import { createFinishIdentityDeletions } from '../../../functions/finish-identity-deletions.ts';
import { createFinishMerges } from '../../../functions/finish-merges.ts';
import { createFinishPoolDeletions } from '../../../functions/finish-pool-deletions.ts';
import { createRelayOutbox } from '../../../functions/relay-outbox.ts';
import { createRunBulkPublish } from '../../../functions/run-bulk-publish.ts';
import { createSweepDatasets } from '../../../functions/sweep-datasets.ts';
import { createSweepGuests } from '../../../functions/sweep-guests.ts';
import { createSweepPayloads } from '../../../functions/sweep-payloads.ts';
import type { KinesisClient } from '../../../lib/aws/kinesis-client.ts';
import { createKinesisPublisher } from '../../../lib/aws/kinesis-publisher.ts';
import type { IdentityKey } from '../../../lib/common/dataset-key.ts';
import type { DatabaseUse } from '../../../lib/database/connections.ts';
import type { Database } from '../../../lib/database/database.ts';
import { MAX_TOKEN_DURATION_SECONDS } from '../../../lib/identity/open-id-token.ts';
import { createGuestSweep } from '../../../lib/identity/store/guest-sweep.ts';
import { createIdentityStore } from '../../../lib/identity/store/identity-store.ts';
import { CREDENTIALS_LIFETIME_MS } from '../../../lib/identity/temporary-credentials.ts';
import type { Offloading } from '../../../lib/sync/build-stream-event.ts';
import type { PayloadLinks } from '../../../lib/sync/payload-links.ts';
import type { Merge } from '../../../lib/sync/ports/merge-store.ts';
import { createBulkPublishJobStore } from '../../../lib/sync/store/bulk-publish-job-store.ts';
import { createDatasetSweep } from '../../../lib/sync/store/dataset-sweep.ts';
import { createIdentityDataStore } from '../../../lib/sync/store/identity-data-store.ts';
import { createMergeStore } from '../../../lib/sync/store/merge-store.ts';
import { createOutboxStore } from '../../../lib/sync/store/outbox-store.ts';
import { createPayloadStore } from '../../../lib/sync/store/payload-store.ts';
import { createPoolDataStore } from '../../../lib/sync/store/pool-data-store.ts';
import { createStreamingSwitch } from '../../../lib/sync/store/streaming-switch.ts';
import { STREAM_NAME } from '../names.ts';
import type { ProjectionBacklog } from '../projection-backlog.ts';
import type { Schedule, ScheduleStatus } from './schedule.ts';
import { startScheduledFunction } from './scheduled-function.ts';

/**
 * Interval of the relay and of the bulk publishes. Writes and BulkPublish calls start a run immediately. Runs at this
 * interval only finish work that a crash interrupted.
 */
const INTERVAL_MS = 1_000;
const MERGE_INTERVAL_MS = 60 * 1000;
const DELETION_INTERVAL_MS = 60 * 1000;
const SWEEP_INTERVAL_MS = 60 * 60 * 1000;
/** Interval of the sweep of unused guests. Each run checks about ten thousand identities. */
const GUEST_SWEEP_INTERVAL_MS = 10 * 60 * 1000;
/** Interval of the sweep of datasets. Each run sweeps some tens of thousands of datasets. */
const DATASET_SWEEP_INTERVAL_MS = 10 * 60 * 1000;
/**
 * How long a run of the relay reserves the rows that it processes. After a crash, another run can process these rows
 * only once this time has passed. It is short, because a local stream responds within milliseconds.
 */
const LEASE_MS = 5_000;
/** Time limit of a run. The local cloud cannot stop during a run, so runs must be short. */
const BUDGET_MS = 100;
/** Time between two checks of a backlog that is too long for a bulk publish. */
const BACKLOG_PAUSE_MS = 50;

interface ServiceSchedulesDeps {
  uses: Readonly<Record<DatabaseUse, Database>>;
  client: KinesisClient;
  /** Renews the links to payloads, which the service itself serves. */
  links: Pick<PayloadLinks, 'renew'>;
  offloading: Offloading;
  mergeDatasets: (merge: Merge) => Promise<void>;
  deletePoolData: (identityPoolId: string) => Promise<boolean>;
  deleteIdentityData: (identity: IdentityKey) => Promise<boolean>;
  region: string;
  backlog: ProjectionBacklog;
}

export interface ServiceSchedules {
  relay: Schedule;
  bulkPublish: Schedule;
  status(): ScheduleStatus[];
  close(): Promise<void>;
}

/** Starts the scheduled functions of the service. */
export function startServiceSchedules({
  uses: { relay: relayDatabase, jobs },
  client,
  links,
  offloading,
  mergeDatasets,
  deletePoolData,
  deleteIdentityData,
  region,
  backlog,
}: ServiceSchedulesDeps): ServiceSchedules {
  let bulkPublishesInProgress = 0;
  const relay = startScheduledFunction({
    functionName: 'relay-outbox',
    region,
    intervalMs: INTERVAL_MS,
    create: (logger) =>
      createRelayOutbox({
        outbox: createOutboxStore(relayDatabase),
        publisher: createKinesisPublisher(client),
        streaming: createStreamingSwitch(relayDatabase),
        streamName: STREAM_NAME,
        renewal: { links, payloads: createPayloadStore(relayDatabase) },
        logger,
        options: { leaseMs: LEASE_MS, timeBudgetMs: BUDGET_MS },
      }),
    onOutcome({ published }) {
      backlog.published(published);
      // Publishing has freed space in the outbox.
      if (published > 0 && bulkPublishesInProgress > 0) bulkPublish.nudge();
    },
  });
  const bulkPublish = startScheduledFunction({
    functionName: 'run-bulk-publish',
    region,
    intervalMs: INTERVAL_MS,
    create(logger) {
      const run = createRunBulkPublish({
        bulkPublishes: createBulkPublishJobStore(jobs),
        offloading,
        logger,
        // A time budget of 0 allows one step per run. The relay publishes the events of this step while the next run
        // makes its step.
        options: { timeBudgetMs: 0 },
      });
      return async (event, context) => {
        if (bulkPublishesInProgress === 0 || !backlog.isLong()) return run(event, context);
        await sleep(BACKLOG_PAUSE_MS);
        return null;
      };
    },
    onOutcome(outcome) {
      if (outcome !== null) bulkPublishesInProgress = outcome.inProgress;
      if (outcome !== null && outcome.steps > 0) relay.nudge();
      if (outcome === null || outcome.steps > 0) bulkPublish.nudge();
    },
  });
  const sweep = startScheduledFunction({
    functionName: 'sweep-payloads',
    region,
    intervalMs: SWEEP_INTERVAL_MS,
    create: (logger) => createSweepPayloads({ payloads: createPayloadStore(jobs), logger }),
  });
  const guests = startScheduledFunction({
    functionName: 'sweep-guests',
    region,
    intervalMs: GUEST_SWEEP_INTERVAL_MS,
    create: (logger) =>
      createSweepGuests({ guests: createGuestSweep(jobs), logger, timeBudgetMs: BUDGET_MS }),
  });
  const datasets = startScheduledFunction({
    functionName: 'sweep-datasets',
    region,
    intervalMs: DATASET_SWEEP_INTERVAL_MS,
    create: (logger) =>
      createSweepDatasets({
        sweep: createDatasetSweep(jobs),
        logger,
        random: Math.random,
        timeBudgetMs: BUDGET_MS,
      }),
  });
  const merges = startScheduledFunction({
    functionName: 'finish-merges',
    region,
    intervalMs: MERGE_INTERVAL_MS,
    create: (logger) =>
      createFinishMerges({
        merges: createMergeStore(jobs),
        mergeDatasets,
        credentialsLifetimeMs: CREDENTIALS_LIFETIME_MS,
        logger,
        timeBudgetMs: BUDGET_MS,
      }),
    onOutcome({ isCutShort }) {
      if (isCutShort) merges.nudge();
    },
  });
  const poolDeletions = startScheduledFunction({
    functionName: 'finish-pool-deletions',
    region,
    intervalMs: DELETION_INTERVAL_MS,
    create: (logger) =>
      createFinishPoolDeletions({
        poolData: createPoolDataStore(jobs),
        deletePoolData,
        logger,
        timeBudgetMs: BUDGET_MS,
      }),
    onOutcome({ isCutShort }) {
      if (isCutShort) poolDeletions.nudge();
    },
  });
  const identityDeletions = startScheduledFunction({
    functionName: 'finish-identity-deletions',
    region,
    intervalMs: DELETION_INTERVAL_MS,
    create: (logger) =>
      createFinishIdentityDeletions({
        identityData: createIdentityDataStore(jobs),
        removeMerged: ({ identityId }) => createIdentityStore(jobs).deleteIdentity(identityId, Date.now()),
        deleteIdentityData,
        tokensLifetimeMs: MAX_TOKEN_DURATION_SECONDS * 1000,
        logger,
        timeBudgetMs: BUDGET_MS,
      }),
    onOutcome({ isCutShort }) {
      if (isCutShort) identityDeletions.nudge();
    },
  });
  const all = [relay, bulkPublish, sweep, guests, datasets, merges, poolDeletions, identityDeletions];
  return {
    relay,
    bulkPublish,
    status: () => all.map((schedule) => schedule.status()),
    async close() {
      await Promise.all(all.map((schedule) => schedule.close()));
    },
  };
}
