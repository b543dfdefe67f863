import type { KinesisClient } from '../../lib/aws/kinesis-client.ts';
import { ensureStream } from '../../lib/aws/kinesis-stream.ts';
import type { BatchReport } from '../../lib/projection/batch-report.ts';
import type { DataDirectory } from '../../lib/store/data-directory.ts';
import type { Database } from '../../lib/store/database.ts';
import type { FetchPayload } from '../../lib/stream/payload-port.ts';
import type { EventSourceMapping } from './event-source-mapping/event-source-mapping.ts';
import { STREAM_NAME } from './names.ts';
import { startProjection } from './projection.ts';
import type { ServiceSchedules } from './service-schedules.ts';
import type { SyncService } from './sync-service.ts';

/** What moves by itself: the schedules that bring events onto the stream, and the mapping that takes them off it. */
export interface Pipeline {
  mapping: EventSourceMapping;
  schedules: ServiceSchedules;
  close(): Promise<void>;
}

interface PipelineDeps {
  client: KinesisClient;
  database: Database;
  sync: SyncService;
  directory: DataDirectory;
  region: string;
  fetchPayload: FetchPayload;
  report: (batch: BatchReport) => void;
}

/** Makes the stream where it is not there, and starts both sides of it. */
export async function startPipeline({ client, sync, directory, ...rest }: PipelineDeps): Promise<Pipeline> {
  await ensureStream(client, STREAM_NAME);
  const mapping = await startProjection({ client, directory: directory.eventSourceMappings, ...rest });
  const schedules = sync.startSchedules(client);
  return {
    mapping,
    schedules,
    async close() {
      await schedules.close();
      await mapping.close();
    },
  };
}
