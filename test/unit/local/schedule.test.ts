import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Schedule, type ScheduleDeps, startSchedule } from '../../../infra/local/schedules/schedule.ts';

const NEVER_MS = 60_000;
const logger = { info: vi.fn(), error: vi.fn() };
const schedules: Schedule[] = [];

afterEach(async () => {
  for (const schedule of schedules.splice(0)) await schedule.close();
  vi.clearAllMocks();
});

const until = (condition: () => void) => vi.waitFor(condition, { timeout: 15_000, interval: 2 });

function start(run: ScheduleDeps['run'], intervalMs = NEVER_MS): Schedule {
  const schedule = startSchedule({ functionName: 'relay-outbox', intervalMs, run, logger });
  schedules.push(schedule);
  return schedule;
}

/** Creates a function whose runs end when the test resolves them. */
function heldRuns() {
  const runs: PromiseWithResolvers<void>[] = [];
  const run = () => {
    const held = Promise.withResolvers<void>();
    runs.push(held);
    return held.promise;
  };
  return { runs, run };
}

describe('a schedule', () => {
  it('runs immediately and then at every interval', async () => {
    const run = vi.fn(async () => undefined);
    start(run, 20);
    expect(run).toHaveBeenCalledTimes(1);
    await until(() => expect(run.mock.calls.length).toBeGreaterThan(3));
  });

  it('pauses between the end of a run and the next run', async () => {
    const pauses: number[] = [];
    const sleep = async (ms: number) => {
      pauses.push(ms);
      await pause(1);
    };
    const run = vi.fn(async () => undefined);
    schedules.push(startSchedule({ functionName: 'f', intervalMs: 1_234, run, logger, sleep }));
    await until(() => expect(pauses).toEqual(expect.arrayContaining([1_234, 1_234])));
    expect(run.mock.calls.length).toBeGreaterThanOrEqual(pauses.length);
  });

  it('pauses for at most five seconds after a failed run', async () => {
    const pauses: number[] = [];
    const sleep = async (ms: number) => {
      pauses.push(ms);
      await pause(1);
    };
    let runs = 0;
    const run = async () => {
      runs += 1;
      if (runs <= 2) throw new Error('no database');
    };
    schedules.push(startSchedule({ functionName: 'f', intervalMs: NEVER_MS, run, logger, sleep }));
    await until(() => expect(pauses.slice(0, 4)).toEqual([5_000, 5_000, NEVER_MS, NEVER_MS]));
  });

  it('runs when nudged', async () => {
    const run = vi.fn(async () => undefined);
    const schedule = start(run);
    await pause(10);
    expect(run).toHaveBeenCalledTimes(1);
    schedule.nudge();
    await until(() => expect(run).toHaveBeenCalledTimes(2));
  });

  it('never overlaps runs, and runs once more after any number of nudges during a run', async () => {
    const { runs, run } = heldRuns();
    const schedule = start(run, 1);
    for (let nudges = 0; nudges < 10; nudges += 1) schedule.nudge();
    await pause(20);
    expect(runs).toHaveLength(1);
    runs[0]?.resolve();
    await until(() => expect(runs).toHaveLength(2));
    await pause(20);
    expect(runs).toHaveLength(2);
    runs[1]?.resolve();
    await until(() => expect(runs).toHaveLength(3));
    runs[2]?.resolve();
    const closed = schedule.close();
    runs[3]?.resolve();
    await closed;
  });

  it('runs exactly once more after a single nudge during a run', async () => {
    const { runs, run } = heldRuns();
    const schedule = start(run);
    schedule.nudge();
    runs[0]?.resolve();
    await until(() => expect(runs).toHaveLength(2));
    runs[1]?.resolve();
    await pause(30);
    expect(runs).toHaveLength(2);
  });

  it('logs the first of consecutive failures, and the recovery', async () => {
    let failing = true;
    const run = vi.fn(async () => {
      if (failing) throw new Error('no database');
    });
    start(run, 2);
    await until(() => expect(run.mock.calls.length).toBeGreaterThan(5));
    expect(logger.error).toHaveBeenCalledTimes(1);
    expect(logger.error).toHaveBeenCalledWith('the scheduled function failed and will be retried', {
      functionName: 'relay-outbox',
      error: new Error('no database'),
    });
    expect(logger.info).not.toHaveBeenCalled();
    failing = false;
    await until(() => expect(logger.info).toHaveBeenCalledTimes(1));
    failing = true;
    await until(() => expect(logger.error).toHaveBeenCalledTimes(2));
  });

  it('survives a function that throws before it returns a promise', async () => {
    const run = vi.fn((): Promise<void> => {
      throw new Error('not even a promise');
    });
    start(run, 2);
    await until(() => expect(run.mock.calls.length).toBeGreaterThan(2));
  });

  it('closes immediately when idle, and does not run again', async () => {
    const run = vi.fn(async () => undefined);
    const schedule = start(run);
    await pause(5);
    await schedule.close();
    schedule.nudge();
    await schedule.close();
    expect(run).toHaveBeenCalledTimes(1);
  });

  it('waits for the current run before it closes, and then ignores a nudge that it received during that run', async () => {
    const { runs, run } = heldRuns();
    const schedule = start(run);
    schedule.nudge();
    let closed = false;
    const closing = schedule.close().then(() => {
      closed = true;
    });
    await pause(10);
    expect(closed).toBe(false);
    runs[0]?.resolve();
    await closing;
    expect(runs).toHaveLength(1);
  });
});
