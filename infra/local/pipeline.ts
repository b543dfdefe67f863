import type { KinesisClient } from '../../lib/aws/kinesis-client.ts';
import type { Credentials } from '../../lib/common/environment.ts';
import { SetupError } from '../../lib/common/errors.ts';
import type { DatabaseUse } from '../../lib/database/connections.ts';
import type { DataDirectory } from '../../lib/database/data-directory.ts';
import type { Database } from '../../lib/database/database.ts';
import type { LocalDatabase } from '../../lib/database/open-local.ts';
import type { OriginRates } from '../../lib/move/origin-rates.ts';
import type { OriginSettings } from '../../lib/move/read-origin-settings.ts';
import type { FetchPayload } from '../../lib/stream/ports/fetch-payload.ts';
import { startOriginBridge } from './bridge-origin.ts';
import type { EventSourceMapping } from './event-source-mapping/event-source-mapping.ts';
import { startOriginFollower } from './follow-origin.ts';
import type { LocalService } from './local-service.ts';
import { STREAM_NAME } from './names.ts';
import { openCheckpoints, type ReportBatch, startProjection } from './projection.ts';
import { createProjectionBacklog } from './projection-backlog.ts';
import { recoverStream } from './recover-stream.ts';
import { startMaintenance } from './schedules/maintenance.ts';
import { startPublishPolling } from './schedules/publish-polling.ts';
import { startQueryStoreSweep } from './schedules/query-store-sweep.ts';
import type { ScheduleStatus } from './schedules/schedule.ts';

/**
 * Background work of the local cloud:
 *
 * - the schedules that publish events to the stream
 * - the event source mapping that consumes the events
 * - the event source mappings on the streams of origins, while pools are being migrated
 * - the bridge between this service and the origin of a migration
 * - the bulk-publish poller
 * - the sweep that removes expired data
 * - the maintenance of the embedded database
 */
export interface Pipeline {
  mapping: EventSourceMapping;
  /** All mappings: that of the projection and, while pools are being migrated, those of the origins. */
  mappings(): EventSourceMapping[];
  schedules(): ScheduleStatus[];
  /** Ends the bulk-publish poller, the only part that sends requests as a client of the service. */
  stopPolling(): Promise<void>;
  close(): Promise<void>;
}

interface PipelineDeps {
  client: KinesisClient;
  uses: Readonly<Record<DatabaseUse, Database>>;
  local: LocalDatabase;
  service: LocalService;
  directory: DataDirectory;
  /** URL of the service, for the bulk-publish poller. `credentials` are those that the service accepts. */
  url: string;
  credentials: Credentials;
  region: string;
  fetchPayload: FetchPayload;
  report: ReportBatch;
  /** Has an event of type `write` after each write to a stream. */
  streamWrites: EventTarget;
  /** Reads the settings of a migration's origin, such as its address. */
  readOrigin: (identityPoolId: string) => OriginSettings;
  originRates: OriginRates;
}

/**
 * Creates the stream if it does not exist, repairs it, and starts its producers and its consumer.
 *
 * @throws {SetupError} the checkpoints are damaged, or cannot be read or written
 */
export async function startPipeline(deps: PipelineDeps): Promise<Pipeline> {
  const { client, local, service, uses } = deps;
  const directory = deps.directory.eventSourceMappings;
  const checkpoints = await openCheckpoints(directory);
  await recoverStream({
    client,
    database: uses.jobs,
    checkpoints,
    streamName: STREAM_NAME,
    now: Date.now,
    report: (message) => console.error(`cognito-sync-backend: ${message}`),
  }).catch((error: unknown) => {
    // An InternalFailure contains the emulator's own explanation for the user, for example that the disk is full.
    throw error instanceof Error && error.name === 'InternalFailure' ? new SetupError(error.message) : error;
  });
  const backlog = createProjectionBacklog(() => behindMs(mapping));
  const mapping = await startProjection({
    ...deps,
    database: uses.projection,
    directory,
    checkpoints,
    report(batch, records) {
      backlog.processed(batch.events);
      deps.report(batch, records);
    },
  });
  const schedules = service.startSchedules(client, backlog);
  const polling = startPublishPolling({ ...deps, database: uses.jobs, directory });
  const sweep = startQueryStoreSweep({ ...deps, database: uses.jobs, directory });
  const follower = startOriginFollower({
    ...deps,
    database: uses.jobs,
    directory,
    offloading: service.offloading,
    onWritten: () => schedules.relay.nudge(),
    now: Date.now,
  });
  const bridge = startOriginBridge({
    ...deps,
    database: uses.jobs,
    offloading: service.offloading,
    onWritten: () => schedules.relay.nudge(),
    notifyDevices: service.notifyDevices,
  });
  const others = [polling, sweep, bridge];
  if (local.kind === 'embedded') others.push(startMaintenance(uses.jobs));
  return {
    mapping,
    mappings: () => [mapping, ...follower.mappings()],
    schedules: () => [
      ...schedules.status(),
      ...others.map((schedule) => schedule.status()),
      follower.schedule.status(),
    ],
    stopPolling: () => polling.close(),
    async close() {
      await follower.close();
      await Promise.all(others.map((schedule) => schedule.close()));
      await schedules.close();
      await mapping.close();
    },
  };
}

/**
 * Returns how far the mapping is behind the stream, in milliseconds. Omits shards whose batches fail, because bulk
 * publishes must not wait until these shards succeed.
 */
function behindMs(mapping: EventSourceMapping): number {
  const reading = mapping.status().shards.filter(({ state }) => state === 'reading');
  return Math.max(0, ...reading.map(({ millisBehind }) => millisBehind));
}
