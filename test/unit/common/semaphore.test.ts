import { describe, expect, it } from 'vitest';
import { createSemaphore } from '../../../lib/common/semaphore.ts';

const WAIT_MS = 60_000;

/** Creates a semaphore with four slots, two per owner. `acquired` lists the operations that got a slot, in order. */
function createLogged() {
  const clock = { now: 1_000 };
  const semaphore = createSemaphore({
    max: 4,
    maxPerOwner: 2,
    refusal: () => new Error('refused'),
    now: () => clock.now,
  });
  const acquired: string[] = [];
  const releases = new Map<string, () => void>();
  const acquire = (name: string, owner: string) =>
    semaphore.acquire(owner, WAIT_MS).then(
      (release) => {
        acquired.push(name);
        releases.set(name, release);
      },
      (error: Error) => void acquired.push(`${name} ${error.message}`),
    );
  const release = (name: string) => releases.get(name)?.();
  /** Waits until operations that got a slot or were refused have continued. */
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return { clock, semaphore, acquired, acquire, release, settle };
}

describe('the semaphore', () => {
  it('gives waiting operations a slot in order of arrival', async () => {
    const { acquired, acquire, release, settle } = createLogged();
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) void acquire(name, name);
    await settle();
    expect(acquired).toEqual(['a', 'b', 'c', 'd']);
    release('b');
    release('a');
    void acquire('late', 'late');
    await settle();
    expect(acquired).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    release('c');
    await settle();
    expect(acquired.at(-1)).toBe('late');
  });

  it('gives an owner at most two slots, and lets other owners pass its waiting operations', async () => {
    const { acquired, acquire, release, settle } = createLogged();
    for (const name of ['slow 1', 'slow 2', 'slow 3', 'slow 4']) void acquire(name, 'slow');
    for (const name of ['quick 1', 'quick 2', 'quick 3']) void acquire(name, 'quick');
    await settle();
    expect(acquired).toEqual(['slow 1', 'slow 2', 'quick 1', 'quick 2']);
    release('quick 1');
    await settle();
    expect(acquired.at(-1)).toBe('quick 3');
    release('quick 2');
    void acquire('other', 'other');
    await settle();
    expect(acquired.at(-1)).toBe('other');
    release('slow 1');
    await settle();
    expect(acquired.at(-1)).toBe('slow 3');
  });

  it('serves an owner that recently used no slot before eight owners with long operations', async () => {
    const { clock, acquired, acquire, release, settle } = createLogged();
    const slow = ['1', '2', '3', '4', '5', '6', '7', '8'];
    for (const name of slow) void acquire(name, name);
    await settle();
    expect(acquired).toEqual(['1', '2', '3', '4']);
    clock.now += 4_000;
    for (const name of acquired.slice()) {
      release(name);
      // Each owner begins its next operation as soon as its last operation ends.
      void acquire(`${name} again`, name);
    }
    await settle();
    expect(acquired.slice(4)).toEqual(['5', '6', '7', '8']);
    clock.now += 1_000;
    void acquire('quick', 'quick');
    release('5');
    await settle();
    expect(acquired.at(-1)).toBe('quick');
  });

  it('serves two owners alternately if one has many operations waiting', async () => {
    const { clock, acquired, acquire, release, settle } = createLogged();
    for (const name of ['x', 'y', 'z']) void acquire(name, name);
    for (let count = 1; count <= 4; count += 1) void acquire(`many ${count}`, 'many');
    void acquire('few 1', 'few');
    void acquire('few 2', 'few');
    await settle();
    for (let count = 0; count < 4; count += 1) {
      clock.now += 100;
      release(acquired.at(-1) ?? '');
      await settle();
    }
    expect(acquired.slice(3)).toEqual(['many 1', 'few 1', 'many 2', 'few 2', 'many 3']);
  });

  it('gives less weight to slot time that an owner used long ago than to recent slot time', async () => {
    const { clock, acquired, acquire, release, settle } = createLogged();
    const hold = async (name: string, ms: number) => {
      await acquire(name, name);
      clock.now += ms;
      release(name);
    };
    await hold('long ago', 4_000);
    clock.now += 20_000;
    await hold('just now', 1_000);
    for (const name of ['a', 'b', 'c', 'd']) void acquire(name, name);
    void acquire('just now again', 'just now');
    void acquire('long ago again', 'long ago');
    await settle();
    release('a');
    await settle();
    expect(acquired.at(-1)).toBe('long ago again');
  });

  it('refuses an operation that waits too long, and all waiting operations when it is closed', async () => {
    const { semaphore, acquired, acquire, release, settle } = createLogged();
    for (const name of ['a', 'b', 'c']) void acquire(name, 'owner');
    await expect(semaphore.acquire('owner', 1)).rejects.toThrow('refused');
    semaphore.close();
    await settle();
    expect(acquired).toEqual(['a', 'b', 'c refused']);
    release('a');
    await acquire('next', 'owner');
    expect(acquired.at(-1)).toBe('next');
  });
});
