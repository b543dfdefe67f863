import { describe, expect, it } from 'vitest';
import type { ProcessDeps } from '../../../infra/cli/command.ts';
import { connect } from '../../../infra/cli/commands/connect.ts';
import { disconnect } from '../../../infra/cli/commands/disconnect.ts';
import { outcomeOf } from '../../../infra/cli/run-command.ts';
import type { PoolSettings, PoolSettingsApi } from '../../../lib/backfill/ports/operated-service.ts';
import { SyncClientError } from '../../../lib/backfill/ports/sync-client.ts';
import { SetupError } from '../../../lib/common/errors.ts';
import { operatedService } from '../../fixtures/backfill/operated-service.ts';

const POOL = 'us-east-1:1';
const TRIGGER = 'arn:aws:lambda:us-east-1:123456789012:function:sync-trigger';
const ENV = { AWS_ENDPOINT_URL: 'http://127.0.0.1:4580' };

/** Creates a pool, and a function that runs commands on it. */
function createPool(given: Partial<PoolSettings> = {}) {
  const pool: PoolSettings = {
    streaming: { isEnabled: false, streamName: null, roleArn: null },
    syncTrigger: null,
    ...given,
  };
  const settings: PoolSettingsApi = {
    read: async () => structuredClone(pool),
    setStreaming: async (_, streaming) => {
      pool.streaming = streaming;
    },
    setSyncTrigger: async (_, functionArn) => {
      pool.syncTrigger = functionArn;
    },
  };
  const lines: string[] = [];
  const deps: ProcessDeps = {
    progress: () => undefined,
    env: ENV,
    stdin: (async function* () {})(),
    columns: undefined,
    openService: async () => operatedService({ settings }),
    print: (line) => lines.push(line),
    confirm: async () => undefined,
  };
  const run = (command: typeof connect, args: string[], more: Partial<ProcessDeps> = {}) =>
    outcomeOf(async () => {
      await command.prepare(['--pool', POOL, ...args])({ ...deps, ...more });
      return { exitCode: 0 };
    });
  return { pool, settings, lines, run };
}

describe('the command connect or disconnect', () => {
  it('shows the changes and makes them only when the operator confirms', async () => {
    const { pool, lines, run } = createPool();
    const before = structuredClone(pool);
    const decline = () => Promise.reject(new SetupError('nothing was changed'));
    expect(await run(connect, [], { confirm: decline })).toMatchObject({ exitCode: 1 });
    expect(pool).toEqual(before);
    expect(lines).toContain('  streaming     off  ->  ENABLED on cognito-sync');
    expect(await run(connect, [])).toEqual({ exitCode: 0 });
    expect(pool.streaming).toEqual({ isEnabled: true, streamName: 'cognito-sync', roleArn: null });
  });

  it('does not ask for confirmation if there is nothing to change', async () => {
    const { run, lines } = createPool({ syncTrigger: TRIGGER });
    const confirm = () => Promise.reject(new Error('asked'));
    expect(await run(connect, ['--trigger', TRIGGER, '--yes'], { confirm })).toEqual({ exitCode: 0 });
    expect(await run(connect, ['--trigger', TRIGGER], { confirm })).toEqual({ exitCode: 0 });
    expect(lines.at(-1)).toBe('Nothing to change.');
  });

  it("requires a role if a pool of Amazon's service never had one", async () => {
    const { pool, run } = createPool();
    const before = structuredClone(pool);
    const rejected = await run(connect, ['--yes'], { env: {} });
    expect(rejected).toMatchObject({
      exitCode: 1,
      error: expect.stringContaining('pass --role with a role'),
    });
    expect(pool).toEqual(before);
    const role = 'arn:aws:iam::123456789012:role/stream';
    expect(await run(connect, ['--yes', '--role', role], { env: {} })).toEqual({ exitCode: 0 });
    expect(await run(connect, ['--yes'], { env: {} })).toEqual({ exitCode: 0 });
  });

  it('reports which of two changes succeeded if one fails, and completes the other on the next run', async () => {
    const { pool, settings, lines, run } = createPool();
    const { setSyncTrigger } = settings;
    settings.setSyncTrigger = () =>
      Promise.reject(new SyncClientError('not-authorized', 'no lambda for you'));
    const partial = await run(connect, ['--trigger', TRIGGER, '--yes']);
    expect(partial).toMatchObject({
      exitCode: 1,
      error: expect.stringMatching(
        /^streaming was changed, the sync trigger was not: .*no lambda for you; run the same/,
      ),
    });
    expect(pool.streaming.isEnabled).toBe(true);
    settings.setSyncTrigger = setSyncTrigger;
    expect(await run(connect, ['--trigger', TRIGGER, '--yes'])).toEqual({ exitCode: 0 });
    expect(lines.at(-2)).toBe(`  sync trigger  none  ->  ${TRIGGER}`);
    expect(pool.syncTrigger).toBe(TRIGGER);
  });

  it('prints the planned changes with --json, and makes them only with --yes', async () => {
    const { pool, lines, run } = createPool();
    expect(await run(connect, ['--json'])).toMatchObject({ exitCode: 2 });
    expect(pool.streaming.isEnabled).toBe(false);
    expect(await run(connect, ['--json', '--yes'])).toEqual({ exitCode: 0 });
    expect(lines.map((line) => JSON.parse(line).isChanged)).toEqual([false, true]);
  });

  it('keeps stream and role when it disconnects, so that a later connect can restore them', async () => {
    const { pool, lines, run } = createPool();
    await run(connect, ['--stream', 'mine', '--trigger', TRIGGER, '--yes']);
    expect(await run(disconnect, ['--yes'])).toEqual({ exitCode: 0 });
    expect(pool).toEqual({
      streaming: { isEnabled: false, streamName: 'mine', roleArn: null },
      syncTrigger: null,
    });
    expect(lines.join('\n')).toContain('This starts a gap');
  });
});
