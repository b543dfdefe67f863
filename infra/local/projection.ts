import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { KinesisStreamRecord } from 'aws-lambda';
import { createProjectStream } from '../../functions/project-stream.ts';
import type { KinesisClient } from '../../lib/aws/kinesis-client.ts';
import { createKinesisReader } from '../../lib/aws/kinesis-reader.ts';
import type { Database } from '../../lib/database/database.ts';
import type { BatchReport } from '../../lib/projection/project-batch.ts';
import { createQueryStore } from '../../lib/projection/store/query-store.ts';
import type { FetchPayload } from '../../lib/stream/ports/fetch-payload.ts';
import { createFailureLogger } from '../../lib/wire/service/failure-logger.ts';
import {
  type CheckpointFile,
  type CheckpointStore,
  openCheckpointFile,
} from './event-source-mapping/checkpoint-file.ts';
import { deployedMappingSettings } from './event-source-mapping/deployed-mapping-settings.ts';
import {
  type EventSourceMapping,
  startEventSourceMapping,
} from './event-source-mapping/event-source-mapping.ts';
import { createFailureDirectory } from './event-source-mapping/failure-destination.ts';
import { createLambdaContext } from './lambda-context.ts';
import { STREAM_NAME, streamArn } from './names.ts';

const FUNCTION_NAME = 'project-stream';
/**
 * UUID of the event source mapping. AWS assigns such a UUID to each mapping. The object keys of the failure destination
 * contain it.
 */
const MAPPING_UUID = '00000000-0000-4000-8000-000000000001';

/** An idle service reads its stream this often. A write to the stream ends the pause. */
const IDLE_INTERVAL_MS = 1_000;

/** Receives the counts of a projected batch, and the batch's records. */
export type ReportBatch = (batch: BatchReport, records: readonly KinesisStreamRecord[]) => void;

interface ProjectionDeps {
  client: KinesisClient;
  database: Database;
  /** The mapping's directory; its subdirectory `failures` holds discarded records. */
  directory: string;
  region: string;
  fetchPayload: FetchPayload;
  checkpoints: CheckpointStore;
  /** Has an event of type `write` after each write to a stream. */
  streamWrites: EventTarget;
  /** Called for each projected batch. */
  report: ReportBatch;
}

/**
 * Opens the checkpoints of the mapping.
 *
 * @param directory the mapping's directory
 * @throws {SetupError} the checkpoints are damaged, or cannot be read or written
 */
export function openCheckpoints(directory: string): Promise<CheckpointFile> {
  return openCheckpointFile({ directory, functionName: FUNCTION_NAME, streamName: STREAM_NAME });
}

/**
 * Starts the event source mapping that reads the stream and invokes the function `project-stream`.
 *
 * @throws {SetupError} a setting of the mapping is out of range
 */
export async function startProjection({
  client,
  database,
  directory,
  checkpoints,
  streamWrites,
  region,
  fetchPayload,
  report,
}: ProjectionDeps): Promise<EventSourceMapping> {
  const logger = createFailureLogger(FUNCTION_NAME);
  const settings = deployedMappingSettings();
  const projectStream = createProjectStream({
    store: createQueryStore(database),
    fetchPayload,
    parallelizationFactor: settings.parallelizationFactor,
    report,
    logger,
  });
  // The directory is created before the first failure. The bulk-publish poller lists the directory, and would fail if
  // it did not exist.
  const failures = join(directory, 'failures');
  await mkdir(failures, { recursive: true });
  return startEventSourceMapping({
    reader: createKinesisReader(client),
    streamName: STREAM_NAME,
    streamArn: streamArn(region),
    region,
    functionName: FUNCTION_NAME,
    settings,
    invoke: (event, awsRequestId) =>
      projectStream(event, { ...createLambdaContext(FUNCTION_NAME, region), awsRequestId }),
    checkpoints,
    writes: streamWrites,
    options: { idleIntervalMs: IDLE_INTERVAL_MS },
    failures: createFailureDirectory({
      directory: failures,
      mappingUuid: MAPPING_UUID,
    }),
    logger,
  });
}

/** Deletes checkpoints and discarded records, so that the next start reads the stream from its beginning. */
export async function forgetProgress(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
}
