import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CommandDeps } from '../../../infra/cli/command.ts';
import { outcomeOf, prepareCommand } from '../../../infra/cli/run-command.ts';
import { createPublishStore } from '../../../lib/backfill/store/publish-store.ts';
import { createReconcileStore } from '../../../lib/backfill/store/reconcile-store.ts';
import { type SyncClientCondition, SyncClientError } from '../../../lib/backfill/sync-client.ts';
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

const SOMEONE = 'us-east-1:bbbbbbbb-0000-4000-8000-000000000002';
const NOT_KNOWN = {
  exitCode: 1,
  lines: [],
  error: `neither the service nor the query store knows the pool ${POOL}; nothing was erased`,
};
const NOTHING_THERE = '  nothing of this identity was there';
const base = operatedService({});

/** A service that has the pool, which does not stream. */
const knowing: CommandDeps['openService'] = async () => {
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
  /** What the command prints, and how it ends. */
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

  it('refuses a pool that neither the service nor the query store knows, with no receipt', async () => {
    expect(await forget(refusing('not-found'))).toEqual(NOT_KNOWN);
    expect(await forget(refusing('not-found'), '--json')).toEqual(NOT_KNOWN);
  });

  it('goes on with a pool of which the query store has something, though the service has it no more', async () => {
    await project(deliver(toBytes(wireEvent({ identityId: SOMEONE }))));
    const { exitCode, lines } = await forget(refusing('not-found'));
    expect(exitCode).toBe(0);
    expect(lines[1]).toBe(NOTHING_THERE);
  });

  it('goes on with a pool that was seen to stream once', async () => {
    const seen = { identityPoolId: POOL, streamName: 'cognito-sync', isEnabled: true, checkedAt: NEW_YEAR };
    await createPublishStore(database).keepSeen(seen);
    expect(await forget(refusing('not-found'))).toMatchObject({ exitCode: 0 });
  });

  it('goes on with a pool that was reconciled once', async () => {
    await createReconcileStore(database).beginReconciliation(POOL, NEW_YEAR, { anew: false });
    expect(await forget(refusing('not-found'))).toMatchObject({ exitCode: 0 });
  });

  it('gives the receipt of what it erased, also where that was the last that was known of the pool', async () => {
    await project(deliver(toBytes(wireEvent())));
    const { exitCode, lines } = await forget(refusing('not-found'));
    expect(exitCode).toBe(0);
    expect(lines[1]).toMatch(/^ {2}erased: 1 dataset, /);
  });

  it('erases what names the person in quarantine, where nothing tells the pool', async () => {
    await project(deliver(Buffer.from(`no event, of ${IDENTITY}`)));
    const { exitCode, lines } = await forget(refusing('not-found'));
    expect(exitCode).toBe(0);
    expect(lines[1]).toContain('1 event in quarantine');
    expect(await forget(refusing('not-found'))).toEqual(NOT_KNOWN);
  });

  it('says that nothing of the person was there, where the pool is known', async () => {
    const { exitCode, lines } = await forget(knowing);
    expect(exitCode).toBe(0);
    expect(lines[1]).toBe(NOTHING_THERE);
  });

  it.each<SyncClientCondition>(['not-authorized', 'credentials', 'throttled', 'unavailable', 'refused'])(
    'goes on where the service does not tell whether it knows the pool: %s',
    async (condition) => {
      expect(await forget(refusing(condition))).toMatchObject({ exitCode: 0 });
    },
  );

  it('goes on where nobody said where the service is', async () => {
    const nowhere = () => Promise.reject(new SetupError('there is none'));
    expect(await forget(nowhere)).toMatchObject({ exitCode: 0 });
  });
});
