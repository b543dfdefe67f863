import { Logger } from '@aws-lambda-powertools/logger';
import { describe, expect, it, vi } from 'vitest';
import { createPollBulkPublish } from '../../../functions/poll-bulk-publish.ts';
import { createLambdaContext } from '../../../infra/local/lambda-context.ts';
import { createPublishReporter } from '../../../lib/aws/telemetry.ts';
import type { PublishStore } from '../../../lib/backfill/ports/publish-store.ts';
import type { Gap, PublishRun, SeenStreaming } from '../../../lib/backfill/publish-model.ts';
import { SetupError } from '../../../lib/common/errors.ts';
import {
  readFailureDestination,
  readIdentityPoolIds,
  readPublishPolicy,
} from '../../../lib/common/function-settings.ts';
import { readStream } from '../../../lib/common/stream-name.ts';
import {
  failed,
  OTHER_POOL,
  refusal,
  SECOND,
  scriptedPool,
  scriptedSyncApi,
} from '../../fixtures/backfill/publish-poller.ts';
import { NEW_YEAR, POOL } from '../../fixtures/sync/stream-events.ts';

/** Creates an in-memory store. Methods that these tests do not need store nothing and return empty results. */
function memoryStore(): PublishStore {
  const runs: PublishRun[] = [];
  const seen = new Map<string, SeenStreaming>();
  const gaps: Gap[] = [];
  return {
    readRuns: async (id) => runs.filter(({ identityPoolId }) => identityPoolId === id),
    saveRun: async (run) => void runs.push(run),
    readSeen: async () => [...seen.values()],
    keepSeen: async (seenPool) => void seen.set(seenPool.identityPoolId, seenPool),
    readOpenGaps: async () => gaps,
    countUnrepairedGaps: async () => gaps.length,
    openGap: async (gap) => void gaps.push({ ...gap, repairedAt: null }),
    endGaps: async () => undefined,
    readPositions: async () => [],
    forgetPosition: async () => undefined,
    readSeenCreation: async () => null,
    keepSeenCreation: async () => undefined,
    countQuarantined: async () => 0,
    readQuietShards: async () => [],
    keepEmpty: async () => undefined,
  };
}

function openFunction() {
  const clock = { now: NEW_YEAR };
  const pools = new Map([POOL, OTHER_POOL].map((id) => [id, scriptedPool()]));
  const logged: [level: string, message: string, details: unknown][] = [];
  const logger = new Logger({ logLevel: 'SILENT' });
  for (const level of ['info', 'warn', 'error'] as const) {
    vi.spyOn(logger, level).mockImplementation((...[message, details]: unknown[]) => {
      logged.push([level, String(message), details]);
    });
  }
  const poll = createPollBulkPublish({
    api: scriptedSyncApi(pools).api,
    store: memoryStore(),
    streams: {
      listShards: async () => [],
      readBacklog: async () => null,
      readRetentionMs: async () => 0,
      readCreatedAt: async () => 0,
    },
    countFailedBatches: async () => 0,
    policy: { kind: 'off' },
    identityPoolIds: null,
    streamName: 'cognito-sync',
    keepsStreaming: true,
    parallelizationFactor: 1,
    report: createPublishReporter('poll-bulk-publish'),
    logger,
    now: () => clock.now,
  });
  return {
    clock,
    logged,
    pool: (id = POOL) => pools.get(id) ?? scriptedPool(),
    /** Polls with 80 s of remaining time. The function reserves 50 s, so 30 s are left for pools and streams. */
    poll: () => poll({}, createLambdaContext('poll-bulk-publish', 'us-east-1', 80_000)),
  };
}

describe('the function that polls bulk publishes', () => {
  it('logs when a failure starts, changes and ends', async () => {
    const { poll, pool, logged } = openFunction();
    pool().failure = refusal('throttled');
    await poll();
    await poll();
    pool().failure = refusal('not-authorized');
    await poll();
    pool().failure = null;
    await poll();
    await poll();
    expect(logged).toEqual([
      [
        'error',
        'could not poll a pool',
        expect.objectContaining({ condition: 'throttled', problem: expect.any(String) }),
      ],
      ['error', 'could not poll a pool', expect.objectContaining({ condition: 'not-authorized' })],
      ['info', 'polled a pool that had failed before', { identityPoolId: POOL }],
    ]);
  });

  it('logs the outcome of a bulk publish only once, and a gap (a period of possibly missing removals) only once', async () => {
    const { poll, pool, logged } = openFunction();
    await poll();
    pool().details = failed(NEW_YEAR, 'the role');
    pool().streaming = { isEnabled: false, streamName: null, roleArn: null };
    await poll();
    await poll();
    expect(logged).toEqual([
      [
        'warn',
        'bulk publish needs attention',
        expect.objectContaining({ identityPoolId: POOL, to: 'FAILED', failureMessage: 'the role' }),
      ],
      [
        'warn',
        'removals may be missing from the query store',
        expect.objectContaining({ cause: 'streaming-off' }),
      ],
    ]);
  });

  it('reports its findings as metrics', async () => {
    const { poll, pool } = openFunction();
    pool().details = failed(NEW_YEAR);
    pool(OTHER_POOL).failure = refusal('throttled');
    const written: string[] = [];
    const write = vi
      .spyOn(process.stdout, 'write')
      .mockImplementation((line) => written.push(String(line)) > 0);
    await poll();
    write.mockRestore();
    const lines: Record<string, unknown>[] = written.map((line) => JSON.parse(line));
    expect(lines).toContainEqual(expect.objectContaining({ status: 'FAILED', BulkPublishTransitions: 1 }));
    expect(lines).toContainEqual(
      expect.objectContaining({ BulkPublishStalled: 0, PoolsFailed: 1, PoolsNotReached: 0, GapsOpen: 0 }),
    );
  });

  it('stops before its time runs out, and starts the next poll with the pools that it did not reach', async () => {
    const { poll, pool, clock } = openFunction();
    const polled: string[] = [];
    for (const id of [POOL, OTHER_POOL]) {
      const { streaming } = pool(id);
      Object.defineProperty(pool(id), 'streaming', {
        get() {
          polled.push(id);
          clock.now += 20 * SECOND;
          return streaming;
        },
      });
    }
    expect(await poll()).toMatchObject({ notReached: [OTHER_POOL] });
    expect(await poll()).toMatchObject({ notReached: [POOL] });
    expect(polled).toEqual([POOL, OTHER_POOL]);
  });
});

describe('the settings of the function', () => {
  it('select all pools, or only the pools in IDENTITY_POOL_IDS if it is set', () => {
    expect(readIdentityPoolIds({})).toBeNull();
    expect(readIdentityPoolIds({ IDENTITY_POOL_IDS: ' ' })).toBeNull();
    const ids = { IDENTITY_POOL_IDS: ` ${POOL}, ${OTHER_POOL}`, AWS_REGION: 'us-east-1' };
    expect(readIdentityPoolIds(ids)).toEqual([POOL, OTHER_POOL]);
  });

  it('reject a list of pools and name every mistake in it', () => {
    const IDENTITY_POOL_IDS = `${POOL},,eu-west-1:0a,pool,us-east-1:ABC,${POOL},`;
    expect(() => readIdentityPoolIds({ IDENTITY_POOL_IDS, AWS_REGION: 'us-east-1' })).toThrow(
      new SetupError(
        [
          'invalid IDENTITY_POOL_IDS: an id is missing before or after a comma',
          '"eu-west-1:0a" is not in the region us-east-1',
          '"pool" is not an identity pool id',
          '"us-east-1:ABC" is not an identity pool id',
          `"${POOL}" is listed twice`,
        ].join(', '),
      ),
    );
  });

  it.each([
    [undefined, { kind: 'off' }],
    ['off', { kind: 'off' }],
    ['first', { kind: 'first' }],
    ['every 7 days', { kind: 'every', days: 7 }],
    ['every 1 day', { kind: 'every', days: 1 }],
  ])('accept the policy %s', (BULK_PUBLISH_POLICY, policy) => {
    expect(readPublishPolicy({ BULK_PUBLISH_POLICY })).toEqual(policy);
  });

  it.each(['on', 'every', 'every 0 days', 'every -1 days', 'every 1.5 days', 'every 1000 days', '7'])(
    'reject the policy %s',
    (BULK_PUBLISH_POLICY) => {
      expect(() => readPublishPolicy({ BULK_PUBLISH_POLICY })).toThrow(SetupError);
    },
  );

  it('name the failure destination, which FAILURES names if FAILURE_DESTINATION is not set', () => {
    expect(readFailureDestination({})).toBeNull();
    expect(readFailureDestination({ FAILURES: 's3://former' })).toBe('s3://former');
    expect(readFailureDestination({ FAILURES: 's3://former', FAILURE_DESTINATION: 's3://bucket' })).toBe(
      's3://bucket',
    );
    expect(readFailureDestination({ FAILURE_DESTINATION: 's3://bucket' })).toBe('s3://bucket');
    expect(readFailureDestination({ FAILURE_DESTINATION: 's3://bucket/aws/lambda/' })).toBe(
      's3://bucket/aws/lambda/',
    );
    expect(readFailureDestination({ FAILURE_DESTINATION: '/failures' })).toBe('/failures');
    for (const FAILURE_DESTINATION of ['s3://', 's3:bucket', 's3:///prefix']) {
      expect(() => readFailureDestination({ FAILURE_DESTINATION })).toThrow(SetupError);
    }
  });

  it('name the region and the stream', () => {
    const STREAM_NAME = 'cognito-sync-prod';
    expect(readStream({ AWS_REGION: 'us-east-1', STREAM_NAME })).toEqual({
      region: 'us-east-1',
      streamName: STREAM_NAME,
    });
    expect(() => readStream({ STREAM_NAME })).toThrow('AWS_REGION is not set');
    expect(() => readStream({ AWS_REGION: 'us-east-1' })).toThrow(
      'invalid STREAM_NAME "": use the name of the Kinesis stream',
    );
  });
});
