import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { outcomeOf, prepareCommand } from '../../../infra/cli/run-command.ts';
import type { PublishDetails, PublishStart } from '../../../lib/backfill/ports/sync-client.ts';
import { createPublishStore } from '../../../lib/backfill/store/publish-store.ts';
import type { Database } from '../../../lib/database/database.ts';
import { operatedService } from '../../fixtures/backfill/operated-service.ts';
import { forgetPublishes } from '../../fixtures/backfill/publish-poller.ts';
import { openDatabase } from '../../fixtures/database/databases.ts';
import { commandDeps } from '../../fixtures/local/command-deps.ts';

const POOL = 'us-east-1:1';
const START = Date.UTC(2026, 0, 1);
const DETAILS: PublishDetails = {
  status: 'IN_PROGRESS',
  startedAt: START,
  completedAt: null,
  failureMessage: null,
};

/** Runs the command against a service with these results. */
async function start(
  database: Database,
  result: PublishStart,
  { details = {}, isEnabled = true }: { details?: Partial<PublishDetails>; isEnabled?: boolean } = {},
) {
  const lines: string[] = [];
  const service = operatedService({
    api: {
      ...operatedService({}).api,
      readStreaming: async () => ({ isEnabled, streamName: 'cognito-sync', roleArn: null }),
      startPublish: async () => result,
      readPublishDetails: async () => ({ ...DETAILS, ...details }),
    },
  });
  const deps = commandDeps({ database, openService: async () => service, print: (line) => lines.push(line) });
  const outcome = await outcomeOf(async () => {
    await (await prepareCommand(['bulk-publish', 'start', '--pool', POOL]))(deps);
    return { exitCode: 0 };
  });
  return { lines, ...outcome };
}

describe('the command bulk-publish start', () => {
  let database: Database;
  beforeAll(async () => {
    database = await openDatabase();
  });
  afterAll(() => database.close());
  beforeEach(() => forgetPublishes(database));

  it('succeeds if a bulk publish is in progress afterwards, even if another caller started it', async () => {
    expect(await start(database, 'started')).toEqual({
      exitCode: 0,
      lines: [`${POOL}: started at 2026-01-01T00:00:00Z`],
    });
    expect(await start(database, 'in-progress')).toEqual({
      exitCode: 0,
      lines: [`${POOL}: in progress since 2026-01-01T00:00:00Z`],
    });
  });

  it('reports when the next bulk publish is allowed if the last one is less than 24 hours old', async () => {
    const details = { status: 'SUCCEEDED' as const, completedAt: START + 60_000 };
    expect(await start(database, 'published-less-than-a-day-ago', { details })).toEqual({
      exitCode: 1,
      lines: [],
      error: `${POOL} was published less than 24 hours ago; the next bulk publish is allowed at 2026-01-02T00:01:00Z`,
    });
    expect(await start(database, 'published-less-than-a-day-ago')).toMatchObject({ exitCode: 1 });
  });

  it('fails if the pool does not stream', async () => {
    expect(await start(database, 'started', { isEnabled: false })).toMatchObject({
      exitCode: 1,
      error: expect.stringContaining('does not stream'),
    });
  });

  it('stores a bulk publish, with the name of its stream, only if the command started that bulk publish', async () => {
    const runs = () => createPublishStore(database).readRuns(POOL);
    await start(database, 'published-less-than-a-day-ago');
    await start(database, 'in-progress');
    expect(await runs()).toEqual([]);
    await start(database, 'started', { details: { status: 'SUCCEEDED', completedAt: START + 1 } });
    expect(await runs()).toMatchObject([
      { startedAt: START, streamName: 'cognito-sync', completeness: 'waiting' },
    ]);
  });
});
