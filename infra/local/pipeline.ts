import type { KinesisClient } from '../../lib/aws/kinesis-client.ts';
import { ensureStream } from '../../lib/aws/kinesis-stream.ts';
import type { Credentials } from '../../lib/common/environment.ts';
import type { DataDirectory } from '../../lib/database/data-directory.ts';
import type { Database } from '../../lib/database/database.ts';
import type { BatchReport } from '../../lib/projection/project-batch.ts';
import type { FetchPayload } from '../../lib/stream/payload.ts';
import type { EventSourceMapping } from './event-source-mapping/event-source-mapping.ts';
import { STREAM_NAME } from './names.ts';
import { startProjection } from './projection.ts';
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
 */
export interface Pipeline {
  mapping: EventSourceMapping;
  schedules(): ScheduleStatus[];
  close(): Promise<void>;
}

interface PipelineDeps {
  client: KinesisClient;
  database: Database;
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
export async function startPipeline(deps: PipelineDeps): Promise<Pipeline> {
  const { client, sync } = deps;
  const directory = deps.directory.eventSourceMappings;
  await ensureStream(client, STREAM_NAME);
  const mapping = await startProjection({ ...deps, directory });
  const schedules = sync.startSchedules(client, () => behindMs(mapping));
  const polling = startPublishPolling({ ...deps, directory });
  const sweep = startQueryStoreSweep({ ...deps, directory });
  return {
    mapping,
    schedules: () => [...schedules.status(), polling.status(), sweep.status()],
    async close() {
      await sweep.close();
      await polling.close();
      await schedules.close();
      await mapping.close();
    },
  };
}

/** Returns how far the mapping is behind, in milliseconds. Does not count shards whose batches fail. */
function behindMs(mapping: EventSourceMapping): number {
  const reading = mapping.status().shards.filter(({ state }) => state === 'reading');
  return Math.max(0, ...reading.map(({ millisBehind }) => millisBehind));
}
