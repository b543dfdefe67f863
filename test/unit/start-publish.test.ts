import { describe, expect, it } from 'vitest';
import type { PublishDetails, PublishStart } from '../../lib/bulk-publish/sync-api-port.ts';
import { outcomeOf, prepareCommand } from '../../lib/operator/run-command.ts';
import type { Database } from '../../lib/store/database.ts';
import { commandDeps } from '../fixtures/command-deps.ts';
import { operatedService } from '../fixtures/operated-service.ts';

const POOL = 'us-east-1:1';
const START = Date.UTC(2026, 0, 1);
const DETAILS: PublishDetails = {
  status: 'IN_PROGRESS',
  startedAt: START,
  completedAt: null,
  failureMessage: null,
};

const database: Database = {
  query: () => Promise.reject(new Error('nothing is kept here')),
  transaction: () => Promise.reject(new Error('nothing is kept here')),
  close: async () => undefined,
};

/** Asks a service that answers thus. */
async function start(
  answer: PublishStart,
  { details = {}, isEnabled = true }: { details?: Partial<PublishDetails>; isEnabled?: boolean } = {},
) {
  const lines: string[] = [];
  const service = operatedService({
    api: {
      ...operatedService({}).api,
      readStreaming: async () => ({ isEnabled, streamName: 'cognito-sync', roleArn: null }),
      startPublish: async () => answer,
      readPublishDetails: async () => ({ ...DETAILS, ...details }),
    },
  });
  const deps = commandDeps({ database, openService: async () => service, print: (line) => lines.push(line) });
  const outcome = await outcomeOf(async () => {
    await prepareCommand(['bulk-publish', 'start', '--pool', POOL])(deps);
    return { exitCode: 0 };
  });
  return { lines, ...outcome };
}

describe('starting a bulk publish', () => {
  it('is done where one is under way by then, whoever started it', async () => {
    expect(await start('started')).toEqual({
      exitCode: 0,
      lines: [`${POOL}: started at 2026-01-01T00:00:00Z`],
    });
    expect(await start('in-progress')).toEqual({
      exitCode: 0,
      lines: [`${POOL}: in progress since 2026-01-01T00:00:00Z`],
    });
  });

  it('says when the next is allowed where the last is too young', async () => {
    const details = { status: 'SUCCEEDED' as const, completedAt: START + 60_000 };
    expect(await start('published-less-than-a-day-ago', { details })).toEqual({
      exitCode: 1,
      lines: [],
      error: `${POOL} was published less than 24 hours ago; the next bulk publish is allowed at 2026-01-02T00:01:00Z`,
    });
    expect(await start('published-less-than-a-day-ago')).toMatchObject({ exitCode: 1 });
  });

  it('is not asked for where the pool does not stream', async () => {
    expect(await start('started', { isEnabled: false })).toMatchObject({
      exitCode: 1,
      error: expect.stringContaining('does not stream'),
    });
  });
});
