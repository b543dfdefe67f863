import { rm } from 'node:fs/promises';

import { createProjectStream } from '../../functions/project-stream.ts';
import type { KinesisClient } from '../../lib/aws/kinesis-client.ts';
import { createKinesisReader } from '../../lib/aws/kinesis-reader.ts';
import type { Database } from '../../lib/store/database.ts';
import { createQueryStore } from '../../lib/store/query-store.ts';
import { createLogger } from '../../lib/telemetry.ts';
import { openCheckpointFile } from './event-source-mapping/checkpoint-file.ts';
import { deployedMappingSettings } from './event-source-mapping/deployed-mapping-settings.ts';
import {
  type EventSourceMapping,
  startEventSourceMapping,
} from './event-source-mapping/event-source-mapping.ts';
import { createLambdaContext } from './lambda-context.ts';
import { STREAM_NAME, streamArn } from './names.ts';

const FUNCTION_NAME = 'project-stream';

interface ProjectionDeps {
  client: KinesisClient;
  database: Database;
  /** Where the mapping keeps its checkpoints. */
  directory: string;
  region: string;
}

/**
 * The stream, mapped to the function that projects it.
 *
 * @throws {SetupError} the checkpoints are damaged
 */
export async function startProjection({
  client,
  database,
  directory,
  region,
}: ProjectionDeps): Promise<EventSourceMapping> {
  const logger = createLogger(FUNCTION_NAME);
  const projectStream = createProjectStream({ store: createQueryStore(database), logger });
  return startEventSourceMapping({
    reader: createKinesisReader(client),
    streamName: STREAM_NAME,
    streamArn: streamArn(region),
    region,
    functionName: FUNCTION_NAME,
    settings: deployedMappingSettings(),
    invoke: (event) => projectStream(event, createLambdaContext(FUNCTION_NAME, region)),
    checkpoints: await openCheckpointFile({
      directory,
      functionName: FUNCTION_NAME,
      streamName: STREAM_NAME,
    }),
    logger,
  });
}

/** The next start reads the stream from its beginning. */
export async function forgetProgress(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
}
