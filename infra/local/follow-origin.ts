import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createFollowOrigin } from '../../functions/follow-origin.ts';
import { createKinesisClient } from '../../lib/aws/kinesis-client.ts';
import { createKinesisReader } from '../../lib/aws/kinesis-reader.ts';
import { readRetentionMs } from '../../lib/aws/kinesis-stream.ts';
import { openOrigin } from '../../lib/aws/origin.ts';
import { createPayloadFetch } from '../../lib/aws/payload-fetch.ts';
import type { Database } from '../../lib/database/database.ts';
import type { OriginSettings } from '../../lib/move/read-origin-settings.ts';
import { createMoveStore } from '../../lib/move/store/move-store.ts';
import { createQueryStore } from '../../lib/projection/store/query-store.ts';
import type { Offloading } from '../../lib/sync/build-stream-event.ts';
import { createFailureLogger } from '../../lib/wire/service/failure-logger.ts';
import { openCheckpointFile } from './event-source-mapping/checkpoint-file.ts';
import { deployedMappingSettings } from './event-source-mapping/deployed-mapping-settings.ts';
import {
  type EventSourceMapping,
  startEventSourceMapping,
} from './event-source-mapping/event-source-mapping.ts';
import { createFailureDirectory } from './event-source-mapping/failure-destination.ts';
import { createLambdaContext } from './lambda-context.ts';
import { ACCOUNT_ID } from './names.ts';
import { type Schedule, startSchedule } from './schedules/schedule.ts';

const FUNCTION_NAME = 'follow-origin';
/** UUID of the event source mapping. The names of its discarded records contain it. */
const MAPPING_UUID = '00000000-0000-4000-8000-000000000002';
/** Time between two checks whether a pool is moving. */
const INTERVAL_MS = 1_000;
/** Time between two checks whether all events are applied. */
const CAUGHT_UP_EVERY_MS = 30_000;
/** An event can be on its way from the stream to the mapping for this long, or be in a batch in progress. */
const MARGIN_MS = 60_000;

interface FollowOriginDeps {
  database: Database;
  /** Directory of the event source mappings. */
  directory: string;
  region: string;
  readOrigin: (identityPoolId: string) => OriginSettings;
  offloading: Offloading;
  /** Called after a batch that changed something. */
  onWritten: () => void;
}

/** Follows the origin's stream while a pool is moving. */
export interface OriginFollower {
  schedule: Schedule;
  /** The event source mapping; undefined if no pool is moving. */
  mapping(): EventSourceMapping | undefined;
  close(): Promise<void>;
}

/**
 * Starts an event source mapping on the origin's stream as soon as a pool is moving. The mapping reads the stream from its
 * oldest record, so it misses no change that was made during a copy.
 */
export function startOriginFollower(deps: FollowOriginDeps): OriginFollower {
  const store = createMoveStore(deps.database, { offloading: deps.offloading, now: Date.now });
  const logger = createFailureLogger(FUNCTION_NAME);
  let running: Following | undefined;
  let checkedAt = Date.now();

  /** Without this check, events that expired while the local cloud did not run would be missing unnoticed. */
  async function saveCaughtUp({ mapping, startedAt, readRetentionMs }: Following): Promise<void> {
    const now = Date.now();
    if (now - checkedAt < CAUGHT_UP_EVERY_MS || now - startedAt < MARGIN_MS || !isCaughtUp(mapping)) return;
    checkedAt = now;
    const about = { upTo: now - MARGIN_MS, retentionMs: await readRetentionMs() };
    for (const { identityPoolId } of await store.listPools(now))
      await store.saveCaughtUp(identityPoolId, about);
  }

  const schedule = startSchedule({
    functionName: FUNCTION_NAME,
    intervalMs: INTERVAL_MS,
    logger,
    async run() {
      if (running) return saveCaughtUp(running);
      const [pool] = await store.listPools(Date.now());
      if (pool) running = await follow(deps, deps.readOrigin(pool.identityPoolId), logger);
    },
  });
  return {
    schedule,
    mapping: () => running?.mapping,
    async close() {
      await schedule.close();
      await running?.close();
    },
  };
}

interface Following {
  mapping: EventSourceMapping;
  /** Epoch milliseconds. */
  startedAt: number;
  /** Returns how long the stream keeps its events. */
  readRetentionMs: () => Promise<number>;
  close(): Promise<void>;
}

function isCaughtUp(mapping: EventSourceMapping): boolean {
  const { lastError, shards } = mapping.status();
  const isBehind = shards.some(({ state, millisBehind }) => state === 'retrying' || millisBehind > 0);
  return lastError === null && shards.length > 0 && !isBehind;
}

async function follow(
  { database, directory, region, offloading, onWritten }: FollowOriginDeps,
  settings: OriginSettings,
  logger: ReturnType<typeof createFailureLogger>,
): Promise<Following> {
  const { streamName, ...address } = settings;
  const failures = join(directory, `${FUNCTION_NAME}-failures`);
  await mkdir(failures, { recursive: true });
  const checkpoints = await openCheckpointFile({ directory, functionName: FUNCTION_NAME, streamName });
  const client = createKinesisClient(address);
  const origin = openOrigin(settings);
  const followOrigin = createFollowOrigin({
    store: createMoveStore(database, { offloading, now: Date.now }),
    keepRemovalVersion: createQueryStore(database).keepRemovalVersion,
    origin,
    fetchPayload: createPayloadFetch({
      policy: { regions: [address.region], ownOrigin: address.endpoint ?? null },
      now: Date.now,
    }),
    logger,
    onWritten,
  });
  const mapping = startEventSourceMapping({
    reader: createKinesisReader(client),
    streamName,
    streamArn: `arn:aws:kinesis:${address.region}:${ACCOUNT_ID}:stream/${streamName}`,
    region: address.region,
    functionName: FUNCTION_NAME,
    settings: deployedMappingSettings(),
    invoke: (event, awsRequestId) =>
      followOrigin(event, { ...createLambdaContext(FUNCTION_NAME, region), awsRequestId }),
    checkpoints,
    failures: createFailureDirectory({ directory: failures, mappingUuid: MAPPING_UUID }),
    logger,
  });
  return {
    mapping,
    startedAt: Date.now(),
    readRetentionMs: () => readRetentionMs(client, streamName),
    async close() {
      await mapping.close();
      client.destroy();
      origin.close();
    },
  };
}
