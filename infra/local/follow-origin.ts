import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as timer } from 'node:timers/promises';
import { createFollowOrigin } from '../../functions/follow-origin.ts';
import { createKinesisClient } from '../../lib/aws/kinesis-client.ts';
import { createKinesisReader } from '../../lib/aws/kinesis-reader.ts';
import { readRetentionMs } from '../../lib/aws/kinesis-stream.ts';
import { openOrigin } from '../../lib/aws/origin.ts';
import { createPayloadFetch } from '../../lib/aws/payload-fetch.ts';
import type { Database } from '../../lib/database/database.ts';
import { checkFollowed } from '../../lib/move/check-followed.ts';
import { limitRate, type OriginRates } from '../../lib/move/origin-rates.ts';
import type { MovingPool } from '../../lib/move/ports/move-store.ts';
import type { Origin } from '../../lib/move/ports/origin.ts';
import { describeOtherOrigin, type OriginSettings, originName } from '../../lib/move/read-origin-settings.ts';
import { createMoveStore } from '../../lib/move/store/move-store.ts';
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
/** UUID of the event source mapping. The names of the files with discarded records contain this UUID. */
const MAPPING_UUID = '00000000-0000-4000-8000-000000000002';
/** Time between two checks for pools that are being migrated, as long as no such pool was found. */
const INTERVAL_MS = 1_000;
/**
 * Time between two checks after such a pool was found. Each check also finds out whether all events of the pools are
 * applied.
 */
const CHECK_EVERY_MS = 30_000;
/**
 * Pause between two reads of a shard of the origin that has no more records. All consumers of a shard share five reads
 * per second. Source: Kinesis Data Streams Developer Guide, "Quotas and limits".
 */
const IDLE_INTERVAL_MS = 1_000;
/** Maximum time for which an event can be on its way from the stream to the mapping, or in a batch in progress. */
const MARGIN_MS = 60_000;

const sleep = (ms: number) => timer(ms, undefined, { ref: false });

interface FollowOriginDeps {
  database: Database;
  /** Directory with the checkpoints and the discarded records of the event source mappings. */
  directory: string;
  region: string;
  readOrigin: (identityPoolId: string) => OriginSettings;
  originRates: OriginRates;
  offloading: Offloading;
  /** Called after a batch that changed data of this service, so that the relay publishes the events of the changes. */
  onWritten: () => void;
  /** Returns the current time in epoch milliseconds. */
  now: () => number;
}

/** Follows the streams of the origins while pools are being migrated. */
export interface OriginFollower {
  schedule: Schedule;
  /** One event source mapping per origin. */
  mappings(): EventSourceMapping[];
  close(): Promise<void>;
}

/**
 * Starts an event source mapping on an origin's stream as soon as a pool is being migrated from this origin. The
 * mapping reads the stream from its oldest record, so it misses no change that was made during a copy.
 */
export function startOriginFollower(deps: FollowOriginDeps): OriginFollower {
  const { database, offloading, now } = deps;
  const store = createMoveStore(database, { offloading, now });
  const logger = createFailureLogger(FUNCTION_NAME);
  /** The followed streams, by origin and name of the stream. */
  const followed = new Map<string, Following>();
  /** The last logged problem of each pool. The same problem is not logged again. */
  const problems = new Map<string, string>();
  let lastCheck = { at: Number.NEGATIVE_INFINITY, ended: Promise.resolve() };

  function report(identityPoolId: string, problem: string): void {
    if (problems.get(identityPoolId) === problem) return;
    problems.set(identityPoolId, problem);
    logger.error('changes at the origin of a pool that is being migrated do not reach this service', {
      identityPoolId,
      problem,
    });
  }

  /**
   * Follows a pool that is being migrated: starts the mapping on the stream of its origin, unless it runs already.
   * @param used receives the key of this mapping in `followed`
   */
  async function followPool({ identityPoolId, origin }: MovingPool, used: Set<string>): Promise<void> {
    const settings = deps.readOrigin(identityPoolId);
    const name = originName(settings);
    if (name !== origin) return report(identityPoolId, describeOtherOrigin(origin, name));
    const key = `${name} ${settings.streamName}`;
    used.add(key);
    const running = followed.get(key) ?? (await follow(deps, settings, logger));
    followed.set(key, running);
    const at = now();
    if (at - running.startedAt < MARGIN_MS || !isCaughtUp(running.mapping)) return;
    const about = { upTo: at - MARGIN_MS, retentionMs: await running.readRetentionMs() };
    const problem = await checkFollowed({ store, origin: running.origin }, identityPoolId, about);
    if (problem === null) problems.delete(identityPoolId);
    else report(identityPoolId, problem);
  }

  /** Follows the pools that are being migrated, and ends the mappings that no pool needs any more. */
  async function check(at: number): Promise<void> {
    const failures: unknown[] = [];
    const used = new Set<string>();
    for (const pool of await store.listPools(at)) {
      if (pool.finishedAt !== null) continue;
      await followPool(pool, used).catch((error: unknown) => void failures.push(error));
    }
    for (const [key, following] of followed) {
      // After a failure, a mapping outside `used` may still be needed: it may belong to the pool that failed.
      if (used.has(key) || failures.length > 0) continue;
      followed.delete(key);
      await following.close();
    }
    // Thrown only now, so that the failure of one pool does not affect the other pools.
    if (failures.length > 0) throw failures[0];
  }

  const schedule = startSchedule({
    functionName: FUNCTION_NAME,
    intervalMs: INTERVAL_MS,
    logger,
    async run() {
      const at = now();
      if (followed.size === 0 || at - lastCheck.at >= CHECK_EVERY_MS) lastCheck = { at, ended: check(at) };
      // A run without a check has the result of the last check. Otherwise the schedule would count such a run as a
      // success, and report a lasting failure as one failure and one recovery per check.
      await lastCheck.ended;
    },
  });
  return {
    schedule,
    mappings: () => [...followed.values()].map(({ mapping }) => mapping),
    async close() {
      await schedule.close();
      await Promise.all([...followed.values()].map((each) => each.close()));
    },
  };
}

interface Following {
  mapping: EventSourceMapping;
  origin: Origin;
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
  { database, directory, region, originRates, offloading, onWritten, now }: FollowOriginDeps,
  settings: OriginSettings,
  logger: ReturnType<typeof createFailureLogger>,
): Promise<Following> {
  const { streamName, ...address } = settings;
  // Each origin has its own checkpoints: different origins can have streams with the same name.
  const nameHash = createHash('sha256').update(originName(settings)).digest('hex').slice(0, 12);
  const functionName = `${FUNCTION_NAME}-${nameHash}`;
  const failures = join(directory, `${functionName}-failures`);
  await mkdir(failures, { recursive: true });
  const checkpoints = await openCheckpointFile({ directory, functionName, streamName });
  // AWS_ENDPOINT_URL may be set to the address of this service, whose stream is not the origin's.
  const client = createKinesisClient({ ...address, ignoreConfiguredEndpointUrls: true });
  const origin = limitRate(openOrigin(settings), originRates(settings), { sleep });
  const followOrigin = createFollowOrigin({
    database,
    offloading,
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
    options: { idleIntervalMs: IDLE_INTERVAL_MS },
    failures: createFailureDirectory({ directory: failures, mappingUuid: MAPPING_UUID }),
    logger,
  });
  return {
    mapping,
    origin,
    startedAt: now(),
    readRetentionMs: () => readRetentionMs(client, streamName),
    async close() {
      await mapping.close();
      client.destroy();
      origin.close();
    },
  };
}
