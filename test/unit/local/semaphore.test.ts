import { describe, expect, it } from 'vitest';
import { createSemaphore } from '../../../infra/local/functions/semaphore.ts';

const WAIT_MS = 60_000;

/** Creates a semaphore with four slots, two per owner. `acquired` lists the operations that got a slot, in order. */
function createLogged() {
  const semaphore = createSemaphore({ max: 4, maxPerOwner: 2, refusal: () => new Error('refused') });
  const acquired: string[] = [];
  const acquire = (name: string, owner: string) =>
    semaphore.acquire(owner, WAIT_MS).then(
      () => void acquired.push(name),
      (error: Error) => void acquired.push(`${name} ${error.message}`),
    );
  /** Waits until operations that got a slot or were refused have continued. */
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return { semaphore, acquired, acquire, settle };
}

describe('the semaphore', () => {
  it('gives waiting operations a slot in order of arrival', async () => {
    const { semaphore, acquired, acquire, settle } = createLogged();
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) void acquire(name, name);
    await settle();
    expect(acquired).toEqual(['a', 'b', 'c', 'd']);
    semaphore.release('b');
    semaphore.release('a');
    void acquire('late', 'late');
    await settle();
    expect(acquired).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    semaphore.release('c');
    await settle();
    expect(acquired.at(-1)).toBe('late');
  });

  it('gives an owner at most two slots, and lets other owners pass its waiting operations', async () => {
    const { semaphore, acquired, acquire, settle } = createLogged();
    for (const name of ['slow 1', 'slow 2', 'slow 3', 'slow 4']) void acquire(name, 'slow');
    for (const name of ['quick 1', 'quick 2', 'quick 3']) void acquire(name, 'quick');
    await settle();
    expect(acquired).toEqual(['slow 1', 'slow 2', 'quick 1', 'quick 2']);
    semaphore.release('quick');
    await settle();
    expect(acquired.at(-1)).toBe('quick 3');
    semaphore.release('quick');
    void acquire('other', 'other');
    await settle();
    expect(acquired.at(-1)).toBe('other');
    semaphore.release('slow');
    await settle();
    expect(acquired.at(-1)).toBe('slow 3');
  });

  it('refuses an operation that waits too long, and all waiting operations when it is closed', async () => {
    const { semaphore, acquired, acquire, settle } = createLogged();
    for (const name of ['a', 'b', 'c']) void acquire(name, 'owner');
    await expect(semaphore.acquire('owner', 1)).rejects.toThrow('refused');
    semaphore.close();
    await settle();
    expect(acquired).toEqual(['a', 'b', 'c refused']);
    semaphore.release('owner');
    await acquire('next', 'owner');
    expect(acquired.at(-1)).toBe('next');
  });
});
