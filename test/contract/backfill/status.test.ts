import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { outcomeOf, prepareCommand } from '../../../infra/cli/run-command.ts';
import { EvidenceError } from '../../../lib/backfill/ports/evidence.ts';
import type { OperatedService } from '../../../lib/backfill/ports/operated-service.ts';
import type { SyncClient } from '../../../lib/backfill/ports/sync-client.ts';
import { SyncClientError } from '../../../lib/backfill/ports/sync-client.ts';
import { createPublishStore } from '../../../lib/backfill/store/publish-store.ts';
import type { Database } from '../../../lib/database/database.ts';
import { operatedService } from '../../fixtures/backfill/operated-service.ts';
import { DATABASES } from '../../fixtures/database/databases.ts';
import { commandDeps } from '../../fixtures/local/command-deps.ts';

const POOL = 'us-east-1:1';
const OTHER = 'us-east-1:2';
const NOW = Date.UTC(2026, 0, 2);
const HOUR_MS = 60 * 60 * 1000;

const api: Pick<SyncClient, 'listPools' | 'readPublishDetails'> = {
  listPools: async () => [OTHER],
  readPublishDetails: async () => ({
    status: 'IN_PROGRESS',
    startedAt: NOW - HOUR_MS,
    completedAt: null,
    failureMessage: null,
  }),
};
const streaming = { isEnabled: true, streamName: 'cognito-sync', roleArn: 'a role' };
const base = operatedService({});
const SERVICE = operatedService({
  api: { ...base.api, ...api },
  settings: { ...base.settings, read: async () => ({ streaming, syncTrigger: 'a function' }) },
  streams: {
    ...base.streams,
    listShards: async () => [{ shardId: 'shardId-0', closed: false }],
    readBacklog: async () => ({ arrivals: [NOW - 2_000, NOW - 1_000], hasMore: false, isConclusive: true }),
  },
});

describe.each(DATABASES)('the command status on $name', ({ open }) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
    const store = createPublishStore(database);
    await store.keepSeen({
      identityPoolId: POOL,
      streamName: 'old',
      isEnabled: true,
      checkedAt: NOW - HOUR_MS,
    });
    await store.openGap({ identityPoolId: POOL, since: NOW - 9, cause: 'expired', until: NOW - 8 });
    // This gap was repaired long ago.
    await store.openGap({ identityPoolId: POOL, since: 1, cause: 'expired', until: 2 });
    await database.query('UPDATE projection.gaps SET mended_ms = 3 WHERE since_ms = 1');
    await database.query(
      `INSERT INTO projection.reconciliations (identity_pool_id, started_ms, compared, repaired)
       VALUES ($1, $2, 3, 1)`,
      [POOL, NOW],
    );
    await database.query(
      `INSERT INTO projection.stream_progress (stream_name, shard_id, sequence_number, arrived_at, projected_at)
       VALUES ('cognito-sync', 'shardId-0', '1', $1, $1)`,
      [new Date(NOW - 5_000)],
    );
    const events = [
      { id: 1, pool: POOL, reason: 'not-a-cognito-event: datasetName' },
      { id: 2, pool: POOL, reason: 'not-a-cognito-event: identityId' },
      { id: 3, pool: null, reason: 'not-json' },
      { id: 4, pool: POOL, reason: 'not-json', redrivenAt: new Date(NOW) },
    ];
    for (const { id, pool, reason, redrivenAt = null } of events) {
      await database.query(
        `INSERT INTO projection.quarantine (quarantine_id, reason, identity_pool_id, stream_name, shard_id,
           sequence_number, arrived_at, quarantined_at, payload, redriven_at)
         VALUES ($1, $2, $3, 'cognito-sync', 'shardId-0', $4, $5, $5, $6, $7)`,
        [
          `00000000-0000-4000-8000-00000000000${id}`,
          reason,
          pool,
          String(id),
          new Date(NOW),
          Buffer.from('x'),
          redrivenAt,
        ],
      );
    }
  });
  afterAll(() => database.close());

  async function status(args: string[], service: OperatedService) {
    const lines: string[] = [];
    const outcome = await outcomeOf(async () => {
      const deps = { database, openService: async () => service, now: () => NOW };
      await (await prepareCommand(['status', ...args]))(
        commandDeps({ ...deps, print: (line) => lines.push(line) }),
      );
      return { exitCode: 0 };
    });
    return { lines, ...outcome };
  }

  it('reports the state of service, stream and query store, and writes nothing', async () => {
    const { lines } = await status(['--json'], SERVICE);
    const report = JSON.parse(lines[0] ?? '');
    expect(report).toMatchObject({
      identityPools: [
        {
          identityPoolId: POOL,
          streaming,
          syncTrigger: 'a function',
          lastBulkPublish: { status: 'IN_PROGRESS', completeness: 'waiting' },
          gaps: [
            { cause: 'expired', since: new Date(NOW - 9).toISOString() },
            // The pool now uses another stream. The poller has not stored this gap yet, so the command computes it.
            {
              cause: 'streaming-off',
              since: new Date(NOW - HOUR_MS).toISOString(),
              until: new Date(NOW).toISOString(),
            },
          ],
          reconciliation: { finishedAt: null, compared: 3, repaired: 1 },
          quarantine: [{ reason: 'not-a-cognito-event', events: 2 }],
        },
        { identityPoolId: OTHER, gaps: [], quarantine: [], reconciliation: null },
      ],
      streams: [
        {
          streamName: 'cognito-sync',
          shards: [
            {
              arrivedAt: new Date(NOW - 5_000).toISOString(),
              waiting: { events: 2, hasMore: false, lagMs: 2_000 },
            },
          ],
        },
      ],
      quarantine: [{ reason: 'not-json', events: 1 }],
    });
    const { rows } = await database.query('SELECT 1 FROM projection.bulk_publishes');
    expect(rows).toEqual([]);
  });

  it('reports one pool with --pool, and fails with --check if something needs attention', async () => {
    const named = await status(['--pool', OTHER, '--check'], SERVICE);
    expect(named.lines[0]).toBe(OTHER);
    expect(named.lines).not.toContain(POOL);
    // An event of an unknown pool in quarantine may belong to any pool.
    expect(named).toMatchObject({ exitCode: 1, error: '1 item needs attention' });
    expect((await status(['--pool', OTHER], SERVICE)).exitCode).toBe(0);
  });

  it('reports a stream that does not exist, and the other pools if one pool cannot be read', async () => {
    const service = operatedService({
      ...SERVICE,
      settings: {
        ...SERVICE.settings,
        read: async (id) => {
          if (id === OTHER) throw new SyncClientError('not-authorized', 'not yours');
          return { streaming, syncTrigger: null };
        },
      },
      streams: {
        ...SERVICE.streams,
        listShards: () => Promise.reject(new EvidenceError('not-found', 'no such stream')),
      },
    });
    const { lines, exitCode } = await status([], service);
    expect(exitCode).toBe(0);
    expect(lines.join('\n')).toContain('ENABLED on cognito-sync, role a role');
    expect(lines.join('\n')).toContain(
      'never seen; these credentials are not authorized at the service: not yours',
    );
    expect(lines.join('\n')).toContain('stream cognito-sync does not exist in the region of the pool');
    expect(lines.join('\n')).toContain('projected up to the events that arrived at 2026-01-01T23:59:55Z');
  });

  it('fails for an unknown pool, but only warns if the service cannot be reached', async () => {
    const read = () => Promise.reject(new SyncClientError('not-found', 'none'));
    const gone = operatedService({ ...SERVICE, settings: { ...SERVICE.settings, read } });
    expect(await status(['--pool', OTHER], gone)).toMatchObject({
      exitCode: 1,
      error: `there is no identity pool ${OTHER} at the service`,
    });
    const listPools = () => Promise.reject(new SyncClientError('unavailable', 'ECONNREFUSED'));
    const silent = operatedService({ ...SERVICE, api: { ...SERVICE.api, listPools } });
    const { lines, exitCode } = await status([], silent);
    expect(exitCode).toBe(0);
    expect(lines[0]).toContain('The service was not queried: the service cannot be reached');
    expect(lines[1]).toBe(POOL);
  });

  it('reports a gap once while the poller has stored the gap, but not yet the changed streaming settings', async () => {
    const pool = 'us-east-1:3';
    const store = createPublishStore(database);
    const seen = { identityPoolId: pool, streamName: 'cognito-sync', isEnabled: true, checkedAt: NOW - 9 };
    await store.keepSeen(seen);
    await store.openGap({ identityPoolId: pool, since: NOW - 9, cause: 'streaming-off', until: null });
    const read = async () => ({ streaming: { ...streaming, isEnabled: false }, syncTrigger: null });
    const off = operatedService({ ...SERVICE, settings: { ...SERVICE.settings, read } });
    const { lines } = await status(['--pool', pool, '--json'], off);
    expect(JSON.parse(lines[0] ?? '').identityPools[0].gaps).toMatchObject([
      { cause: 'streaming-off', since: new Date(NOW - 9).toISOString(), until: null },
    ]);
  });
});
