import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CommandDeps } from '../../../infra/cli/command.ts';
import { outcomeOf, prepareCommand } from '../../../infra/cli/run-command.ts';
import type { OperatedService } from '../../../lib/backfill/ports/operated-service.ts';
import { type SyncClientCondition, SyncClientError } from '../../../lib/backfill/ports/sync-client.ts';
import { createPublishStore } from '../../../lib/backfill/store/publish-store.ts';
import { createReconcileStore } from '../../../lib/backfill/store/reconcile-store.ts';
import { SetupError } from '../../../lib/common/errors.ts';
import type { Database } from '../../../lib/database/database.ts';
import type { Delivery } from '../../../lib/projection/delivery.ts';
import { projectBatch } from '../../../lib/projection/project-batch.ts';
import { createQueryStore } from '../../../lib/projection/store/query-store.ts';
import { operatedService } from '../../fixtures/backfill/operated-service.ts';
import { openDatabase } from '../../fixtures/database/databases.ts';
import { deleteAllRows } from '../../fixtures/database/delete-rows.ts';
import { createPool } from '../../fixtures/identity/identity-pools.ts';
import { commandDeps } from '../../fixtures/local/command-deps.ts';
import {
  deliver,
  IDENTITY,
  NEW_YEAR,
  POOL,
  readDeliveries,
  toBytes,
  wireEvent,
} from '../../fixtures/sync/stream-events.ts';

const OTHER_IDENTITY = 'us-east-1:bbbbbbbb-0000-4000-8000-000000000002';
const NOT_KNOWN = {
  exitCode: 1,
  lines: [],
  error: `neither the service nor the query store knows the pool ${POOL}, so nothing was erased; check --pool`,
};
const NOT_COMPLETE = 'the erasure is not complete; see what remains, and run this command again';
const NOTHING_STORED = '  nothing of this identity was stored';
const base = operatedService({});

type Open = CommandDeps['openService'];

/** Opens a service that knows the pool, and has these datasets until they are deleted. */
function withPool({
  streamName = null,
  datasets = 0,
  ...more
}: { streamName?: string | null; datasets?: number } & Partial<OperatedService> = {}): Open {
  let left = datasets;
  const service: Partial<OperatedService> = {
    api: { ...base.api, readStreaming: async () => ({ isEnabled: true, streamName, roleArn: null }) },
    streams: { ...base.streams, readRetentionMs: async () => 24 * 60 * 60 * 1000 },
    deletion: {
      countDatasets: async () => left,
      async deleteIdentity() {
        left = 0;
      },
    },
    ...more,
  };
  return async () => operatedService(service);
}

function refusing(condition: SyncClientCondition): Open {
  const refuse = () => Promise.reject(new SyncClientError(condition, 'no'));
  const deletion = { countDatasets: refuse, deleteIdentity: refuse };
  return async () => operatedService({ api: { ...base.api, readStreaming: refuse }, deletion });
}

describe('the command erase', () => {
  let database: Database;
  beforeAll(async () => {
    database = await openDatabase();
  });
  afterAll(() => database.close());
  beforeEach(() => deleteAllRows(database));

  const project = async (...deliveries: Delivery[]) =>
    projectBatch(createQueryStore(database), await readDeliveries(deliveries));
  /** Returns the output and the outcome of the command. */
  async function run(name: string, openService: Open, ...more: string[]) {
    const lines: string[] = [];
    const progress: string[] = [];
    const deps = commandDeps({
      database,
      openService,
      print: (line) => lines.push(line),
      progress: ({ text }) => progress.push(text),
      now: () => NEW_YEAR,
    });
    const outcome = await outcomeOf(async () => {
      await (await prepareCommand([name, '--pool', POOL, '--identity', IDENTITY, '--yes', ...more]))(deps);
      return { exitCode: 0 };
    });
    return { lines, progress, ...outcome };
  }
  const erase = async (openService: Open, ...more: string[]) => {
    const { progress: _, ...result } = await run('erase', openService, ...more);
    return result;
  };

  it('rejects a pool that neither the service nor the query store knows, and prints no receipt', async () => {
    expect(await erase(refusing('not-found'))).toEqual(NOT_KNOWN);
    expect(await erase(refusing('not-found'), '--json')).toEqual(NOT_KNOWN);
  });

  it('accepts a pool of which only the query store has data', async () => {
    await project(deliver(toBytes(wireEvent({ identityId: OTHER_IDENTITY }))));
    const { lines } = await erase(refusing('not-found'));
    expect(lines[1]).toBe(NOTHING_STORED);
  });

  it('accepts a pool whose streaming settings the poller has stored', async () => {
    const seen = { identityPoolId: POOL, streamName: 'cognito-sync', isEnabled: true, checkedAt: NEW_YEAR };
    await createPublishStore(database).keepSeen(seen);
    expect((await erase(refusing('not-found'))).lines[1]).toBe(NOTHING_STORED);
  });

  it('accepts a pool that was reconciled before', async () => {
    await createReconcileStore(database).beginReconciliation(POOL, NEW_YEAR, { restart: false });
    expect((await erase(refusing('not-found'))).lines[1]).toBe(NOTHING_STORED);
  });

  it('prints a receipt even if it erased the last data of the pool', async () => {
    await project(deliver(toBytes(wireEvent())));
    const { lines } = await erase(refusing('not-found'));
    expect(lines[1]).toMatch(/^ {2}erased in the query store: 1 dataset, 1 record including tombstones, /);
  });

  it('erases quarantined events that name the identity even if their pool is unknown', async () => {
    await project(deliver(Buffer.from(`no event, of ${IDENTITY}`)));
    const { lines } = await erase(refusing('not-found'));
    expect(lines[1]).toContain('1 event in quarantine');
    expect(await erase(refusing('not-found'))).toEqual(NOT_KNOWN);
  });

  it('exits with 0 if nothing remains', async () => {
    await createPool(database);
    await project(deliver(toBytes(wireEvent())));
    expect(await erase(withPool({ datasets: 1 }))).toEqual({
      exitCode: 0,
      lines: [
        `${IDENTITY} in ${POOL}, 2026-01-01T00:00:00Z`,
        "  erased in the service's tables: 0 identities, 0 logins, 0 devices, 0 datasets, 0 records, 0 pending merges, 0 pending deletions, 0 unpublished events, 0 payloads",
        '  erased in the query store: 1 dataset, 1 record including tombstones, 0 events in quarantine',
        '  The tables of the service are in this database. No service was called.',
        '  complete: nothing of this identity is stored any more',
        '  Not searched: failure objects, backups, logs, and other readers of the stream.',
      ],
    });
  });

  it('exits with 1 while the stream may hold events of the identity, and says what to do', async () => {
    await createPool(database);
    const { exitCode, error, lines } = await erase(withPool({ streamName: 'cognito-sync' }));
    expect([exitCode, error]).toEqual([1, NOT_COMPLETE]);
    expect(lines).toContain(
      '  remains: perhaps events on the stream, until 2026-01-02T00:00:00Z; the query store ignores them; run this command again after that time',
    );
  });

  it("names the data that it cannot erase at Amazon's service, or in another database of a service", async () => {
    const ofAmazon = await erase(withPool({ isAmazons: true, datasets: 1 }));
    expect(ofAmazon.exitCode).toBe(0);
    expect(ofAmazon.lines[1]).toBe('  erased at the service: 1 dataset');
    expect(ofAmazon.lines.join('\n')).toContain('Amazon documents no call that deletes registered devices');
    const elsewhere = await erase(withPool());
    expect(elsewhere.exitCode).toBe(1);
    expect(elsewhere.lines.join('\n')).toContain('run this command with the DATABASE_URL of the service');
  });

  it.each<SyncClientCondition>(['not-authorized', 'credentials', 'throttled', 'unavailable', 'refused'])(
    'erases in the database and exits with 1 if the service fails: %s',
    async (condition) => {
      await project(deliver(toBytes(wireEvent())));
      const { exitCode, error, lines } = await erase(refusing(condition));
      expect([exitCode, error]).toEqual([1, NOT_COMPLETE]);
      expect(lines.join('\n')).toMatch(
        /remains: the identity and its datasets at the service: .*the service/,
      );
      expect((await database.query('SELECT 1 FROM projection.datasets')).rows).toEqual([]);
    },
  );

  it('exits with 1 if no service is configured, and says why', async () => {
    const noService = () => Promise.reject(new SetupError('start it with `npm start`'));
    const { exitCode, lines } = await erase(noService);
    expect(exitCode).toBe(1);
    expect(lines).toContain(
      '  remains: the identity and its datasets at the service, which was not called: start it with `npm start`',
    );
  });

  it('prints counts in a dry run, and exits with 0', async () => {
    await project(deliver(toBytes(wireEvent())));
    const { exitCode, lines } = await erase(withPool({ datasets: 1 }), '--dry-run');
    expect(exitCode).toBe(0);
    expect(lines.slice(0, 3)).toEqual([
      `${IDENTITY} in ${POOL}, dry run`,
      '  would erase at the service: 1 dataset',
      '  would erase in the query store: 1 dataset, 1 record including tombstones, 0 events in quarantine',
    ]);
    expect((await database.query('SELECT 1 FROM projection.datasets')).rows).toHaveLength(1);
  });

  it('prints one JSON object with --json', async () => {
    const { lines, exitCode } = await erase(withPool({ streamName: 'cognito-sync' }), '--json');
    expect(exitCode).toBe(1);
    expect(JSON.parse(lines.join('\n'))).toMatchObject({
      identityPoolId: POOL,
      identityId: IDENTITY,
      service: 'the service',
      erasedAt: '2026-01-01T00:00:00.000Z',
      isComplete: false,
      remains: [
        { kind: 'other-database', until: '2026-01-08T00:00:00.000Z', message: expect.any(String) },
        { kind: 'stream', until: '2026-01-02T00:00:00.000Z', message: expect.any(String) },
      ],
    });
  });

  it('also runs under its old name `forget`, and prints a note about the new name outside of the JSON', async () => {
    await createPool(database);
    const note = 'forget is now called erase; it also deletes the identity and its datasets at the service';
    const text = await run('forget', withPool());
    expect([text.exitCode, text.lines[0], text.lines[2]]).toEqual([0, note, NOTHING_STORED]);
    const json = await run('forget', withPool(), '--json');
    expect(json.progress).toEqual([note]);
    expect(JSON.parse(json.lines.join('\n'))).toMatchObject({ isComplete: true });
  });
});
