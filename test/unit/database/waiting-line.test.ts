import { describe, expect, it } from 'vitest';
import { createWaitingLine, type LineLimits } from '../../../lib/database/waiting-line.ts';

/** Creates a line. `started` has the names of the units that have started, in order. */
function createLogged(limits: LineLimits) {
  const line = createWaitingLine(limits);
  const started: string[] = [];
  const ends = new Map<string, PromiseWithResolvers<string>>();
  const run = (name: string) =>
    line.run(() => {
      started.push(name);
      const end = Promise.withResolvers<string>();
      ends.set(name, end);
      return end.promise;
    });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return { started, run, end: (name: string) => ends.get(name), settle };
}

describe('a waiting line', () => {
  it('runs a limited number of units at a time; waiting units start in order of arrival', async () => {
    const { started, run, end, settle } = createLogged({ maxRunning: 2 });
    const results = ['a', 'b', 'c', 'd'].map(run);
    await settle();
    expect(started).toEqual(['a', 'b']);
    end('b')?.resolve('done');
    await settle();
    const late = run('late');
    expect(started).toEqual(['a', 'b', 'c']);
    end('a')?.reject(new Error('failed'));
    await expect(results[0]).rejects.toThrow('failed');
    expect(await results[1]).toBe('done');
    await settle();
    expect(started).toEqual(['a', 'b', 'c', 'd']);
    for (const name of ['c', 'd']) end(name)?.resolve(name);
    await settle();
    end('late')?.resolve('late');
    expect(await late).toBe('late');
  });

  it('rejects a unit if the maximum number of units is already waiting', async () => {
    const { started, run, end, settle } = createLogged({ maxRunning: 1, maxWaiting: 1 });
    const [first, second] = [run('a'), run('b')];
    await expect(run('c')).rejects.toMatchObject({ code: '53400' });
    end('a')?.resolve('a');
    expect(await first).toBe('a');
    await settle();
    end('b')?.resolve('b');
    expect(await second).toBe('b');
    expect(started).toEqual(['a', 'b']);
  });

  it('rejects a unit that waits too long, and never runs that unit', async () => {
    const { started, run, end, settle } = createLogged({ maxRunning: 1, maxWaitMs: 1 });
    const first = run('a');
    await expect(run('b')).rejects.toMatchObject({ code: '55P03' });
    end('a')?.resolve('a');
    expect(await first).toBe('a');
    const third = run('c');
    await settle();
    end('c')?.resolve('c');
    expect(await third).toBe('c');
    expect(started).toEqual(['a', 'c']);
  });
});
