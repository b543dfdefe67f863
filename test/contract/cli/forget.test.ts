import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CommandDeps } from '../../../infra/cli/command.ts';
import { outcomeOf, prepareCommand } from '../../../infra/cli/run-command.ts';
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
import { deleteRows } from '../../fixtures/database/delete-rows.ts';
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
const NOTHING_STORED = '  the query store held no data of this identity';
const base = operatedService({});

/** Opens a service that knows the pool. The pool does not stream. */
const withPool: CommandDeps['openService'] = async () => {
  const readStreaming = async () => ({ isEnabled: false, streamName: null, roleArn: null });
  return operatedService({ api: { ...base.api, readStreaming, listDatasets: async () => [] } });
};
const refusing = (condition: SyncClientCondition): CommandDeps['openService'] => {
  const refuse = () => Promise.reject(new SyncClientError(condition, 'no'));
  return async () => operatedService({ api: { ...base.api, readStreaming: refuse, listDatasets: refuse } });
};

describe('the command forget', () => {
  let database: Database;
  beforeAll(async () => {
    database = await openDatabase();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await deleteRows(database, [
      'projection.datasets',
      'projection.records',
      'projection.quarantine',
      'projection.pool_streaming',
      'projection.reconciliations',
    ]);
  });

  const project = async (...deliveries: Delivery[]) =>
    projectBatch(createQueryStore(database), await readDeliveries(deliveries));
  /** Returns the output and the outcome of the command. */
  async function forget(openService: CommandDeps['openService'], ...more: string[]) {
    const lines: string[] = [];
    const deps = commandDeps({
      database,
      openService,
      print: (line) => lines.push(line),
      now: () => NEW_YEAR,
    });
    const outcome = await outcomeOf(async () => {
      await prepareCommand(['forget', '--pool', POOL, '--identity', IDENTITY, '--yes', ...more])(deps);
      return { exitCode: 0 };
    });
    return { lines, ...outcome };
  }

  it('rejects a pool that neither the service nor the query store knows, and prints no receipt', async () => {
    expect(await forget(refusing('not-found'))).toEqual(NOT_KNOWN);
    expect(await forget(refusing('not-found'), '--json')).toEqual(NOT_KNOWN);
  });

  it('continues if only the query store has data of the pool', async () => {
    await project(deliver(toBytes(wireEvent({ identityId: OTHER_IDENTITY }))));
    const { exitCode, lines } = await forget(refusing('not-found'));
    expect(exitCode).toBe(0);
    expect(lines[1]).toBe(NOTHING_STORED);
  });

  it('continues if the poller has seen the pool stream', async () => {
    const seen = { identityPoolId: POOL, streamName: 'cognito-sync', isEnabled: true, checkedAt: NEW_YEAR };
    await createPublishStore(database).keepSeen(seen);
    expect(await forget(refusing('not-found'))).toMatchObject({ exitCode: 0 });
  });

  it('continues if the pool was reconciled before', async () => {
    await createReconcileStore(database).beginReconciliation(POOL, NEW_YEAR, { restart: false });
    expect(await forget(refusing('not-found'))).toMatchObject({ exitCode: 0 });
  });

  it('prints a receipt even if it erased the last data of the pool', async () => {
    await project(deliver(toBytes(wireEvent())));
    const { exitCode, lines } = await forget(refusing('not-found'));
    expect(exitCode).toBe(0);
    expect(lines[1]).toMatch(/^ {2}erased: 1 dataset, /);
  });

  it('erases quarantined events that name the identity even if their pool is unknown', async () => {
    await project(deliver(Buffer.from(`no event, of ${IDENTITY}`)));
    const { exitCode, lines } = await forget(refusing('not-found'));
    expect(exitCode).toBe(0);
    expect(lines[1]).toContain('1 event in quarantine');
    expect(await forget(refusing('not-found'))).toEqual(NOT_KNOWN);
  });

  it('reports that no data was stored if the pool is known', async () => {
    const { exitCode, lines } = await forget(withPool);
    expect(exitCode).toBe(0);
    expect(lines[1]).toBe(NOTHING_STORED);
  });

  it.each<SyncClientCondition>(['not-authorized', 'credentials', 'throttled', 'unavailable', 'refused'])(
    'continues if the service does not return whether it knows the pool: %s',
    async (condition) => {
      expect(await forget(refusing(condition))).toMatchObject({ exitCode: 0 });
    },
  );

  it('continues if no service is configured', async () => {
    const noService = () => Promise.reject(new SetupError('there is none'));
    expect(await forget(noService)).toMatchObject({ exitCode: 0 });
  });
});
