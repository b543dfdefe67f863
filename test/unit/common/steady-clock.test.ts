import { describe, expect, it } from 'vitest';
import { createSteadyClock } from '../../../lib/common/steady-clock.ts';

describe('a steady clock', () => {
  it('advances with the wall clock, also over a time in which the process did not run', () => {
    let wallClock = 1_000;
    const now = createSteadyClock(() => wallClock);
    const start = now();
    wallClock += 5;
    expect(now() - start).toBe(5);
    wallClock += 3_600_000;
    expect(now() - start).toBe(3_600_005);
  });

  it('neither goes back nor stops when the wall clock is set back', () => {
    let wallClock = 3_600_000;
    const now = createSteadyClock(() => wallClock);
    const start = now();
    wallClock -= 3_600_000;
    expect(now()).toBe(start);
    wallClock += 7;
    expect(now() - start).toBe(7);
  });
});
