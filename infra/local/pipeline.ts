import type { KinesisClient } from '../../lib/aws/kinesis-client.ts';
import { ensureStream } from '../../lib/aws/kinesis-stream.ts';
import type { Credentials } from '../../lib/common/environment.ts';
import type { DataDirectory } from '../../lib/database/data-directory.ts';
import type { LocalDatabase } from '../../lib/database/open-local.ts';
import type { BatchReport } from '../../lib/projection/project-batch.ts';
import type { FetchPayload } from '../../lib/stream/payload.ts';
import type { EventSourceMapping } from './event-source-mapping/event-source-mapping.ts';
import { STREAM_NAME } from './names.ts';
import { startProjection } from './projection.ts';
import { startMaintenance } from './schedules/maintenance.ts';
import { startPublishPolling } from './schedules/publish-polling.ts';
import { startQueryStoreSweep } from './schedules/query-store-sweep.ts';
import type { ScheduleStatus } from './schedules/schedule.ts';
import type { SyncService } from './sync-service.ts';

/**
 * Background work of the local cloud:
 *
 * - the schedules that publish events to the stream
 * - the event source mapping that consumes the events
 * - the bulk-publish poller
 * - the sweep that removes expired data
 * - the maintenance of the embedded database
 */
export interface Pipeline {
  mapping: EventSourceMapping;
  schedules(): ScheduleStatus[];
  close(): Promise<void>;
}

interface PipelineDeps {
  client: KinesisClient;
  local: LocalDatabase;
  sync: SyncService;
  directory: DataDirectory;
  /** URL of the service, and the credentials that the service accepts. */
  url: string;
  credentials: Credentials;
  region: string;
  fetchPayload: FetchPayload;
  report: (batch: BatchReport) => void;
}

/** Creates the stream if it does not exist, and starts its producers and its consumer. */
export async function startPipeline({ local, ...rest }: PipelineDeps): Promise<Pipeline> {
  const deps = { ...rest, database: local.database };
  const { client, sync } = deps;
  const directory = deps.directory.eventSourceMappings;
  await ensureStream(client, STREAM_NAME);
  const mapping = await startProjection({ ...deps, directory });
  const schedules = sync.startSchedules(client);
  const polling = startPublishPolling({ ...deps, directory });
  const sweep = startQueryStoreSweep({ ...deps, directory });
  const others = [polling, sweep];
  if (local.kind === 'embedded') others.push(startMaintenance(local.database));
  return {
    mapping,
    schedules: () => [...schedules.status(), ...others.map((schedule) => schedule.status())],
    async close() {
      await Promise.all(others.map((schedule) => schedule.close()));
      await schedules.close();
      await mapping.close();
    },
  };
}
