import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServiceError } from '../common/errors.ts';
import { createSemaphore } from '../common/semaphore.ts';
import type { IdentityDependencies } from '../identity/dependencies.ts';

/**
 * Maximum number of requests of one identity, or of one address without an identity, that run at the same time. Further
 * requests wait. Without this limit, the burst that the rates allow would fill the queue of the database, and the
 * requests of all other callers would wait behind it.
 */
const MAX_RUNNING = 2;
/**
 * Maximum number of requests with a large body, among the running requests of a caller. Each of them keeps the process
 * busy for up to a tenth of a second. Other callers' requests run in between.
 */
const MAX_LARGE_RUNNING = 1;
/** Maximum time for which a request waits until fewer requests of its caller run. */
const MAX_WAIT_MS = 10_000;
/**
 * Time after which a request that waits for a login provider gives its turn to other requests of its caller. A
 * verification with a cached answer or cached keys takes less time.
 */
const YIELD_AFTER_MS = 20;
/**
 * Maximum number of requests of a caller that wait without a turn. Further requests wait with their turn, so that one
 * caller cannot occupy all requests to a provider, which are at most 50.
 */
const MAX_YIELDED = 16;

/** The turn of a request: the permission to run, of which a caller has only a few. */
export interface Turn {
  /** Ends the turn. */
  end(): void;
  /**
   * Waits for `pending`, and lets other requests of the caller run in the meantime. Afterwards, waits for the turn
   * again, unless `pending` was rejected: the request then ends.
   *
   * @throws {ServiceError} TooManyRequestsException if the turn did not come again in time; the errors of `pending`
   */
  yieldWhile<Result>(pending: Promise<Result>): Promise<Result>;
}

/** A turn of a caller that has no limit. */
export const UNLIMITED_TURN: Turn = { end: () => undefined, yieldWhile: (pending) => pending };

/**
 * Creates the turns of one process.
 *
 * @param now milliseconds of a clock that never goes back
 */
export function createTurns(now: () => number) {
  const createLimit = (maxPerOwner: number) =>
    createSemaphore({
      max: Number.POSITIVE_INFINITY,
      maxPerOwner,
      refusal: () =>
        new ServiceError(
          'TooManyRequestsException',
          'earlier requests are still running; retry after 1 s',
          1,
        ),
      now,
    });
  const all = createLimit(MAX_RUNNING);
  const large = createLimit(MAX_LARGE_RUNNING);
  /** The number of requests that wait without a turn, by owner. */
  const yielded = new Map<string, number>();

  async function acquire(owner: string, isLarge: boolean): Promise<() => void> {
    if (!isLarge) return all.acquire(owner, MAX_WAIT_MS);
    const leaveLarge = await large.acquire(owner, MAX_WAIT_MS);
    try {
      const leave = await all.acquire(owner, MAX_WAIT_MS);
      return () => {
        leave();
        leaveLarge();
      };
    } catch (error) {
      leaveLarge();
      throw error;
    }
  }

  function countYielded(owner: string, by: 1 | -1): void {
    const count = (yielded.get(owner) ?? 0) + by;
    if (count > 0) yielded.set(owner, count);
    else yielded.delete(owner);
  }

  return {
    /**
     * Resolves when few enough requests of the owner are running.
     *
     * @throws {ServiceError} TooManyRequestsException if the request waited too long
     */
    async enter(owner: string, isLarge: boolean): Promise<Turn> {
      let leave: (() => void) | null = await acquire(owner, isLarge);
      let isEnded = false;
      /** The number of calls of `yieldWhile` that are waiting. A request can wait for several providers. */
      let waits = 0;

      function release(): void {
        leave?.();
        leave = null;
      }

      async function resume(): Promise<void> {
        const entered = await acquire(owner, isLarge);
        if (isEnded || waits > 0 || leave !== null) entered();
        else leave = entered;
      }

      return {
        end() {
          isEnded = true;
          release();
        },
        async yieldWhile(pending) {
          if (isEnded || (waits === 0 && (yielded.get(owner) ?? 0) >= MAX_YIELDED)) return pending;
          if (waits === 0) countYielded(owner, 1);
          waits += 1;
          release();
          try {
            return await pending;
          } catch (error) {
            isEnded = true;
            throw error;
          } finally {
            waits -= 1;
            if (waits === 0) countYielded(owner, -1);
            if (waits === 0 && !isEnded) await resume();
          }
        },
      };
    },
  };
}

const current = new AsyncLocalStorage<Turn>();

/**
 * Runs a request when few enough requests of its caller are running.
 *
 * @throws {ServiceError} TooManyRequestsException if the request waited too long; otherwise the errors of `run`
 */
export async function inTurn<Result>(entering: Promise<Turn>, run: () => Promise<Result>): Promise<Result> {
  const turn = await entering;
  try {
    return await current.run(turn, run);
  } finally {
    turn.end();
  }
}

/**
 * Lets other requests of a caller run while a request waits for a login provider, or for the origin of a migration. One
 * provider that does not respond therefore does not stop the logins of other providers behind the same address.
 *
 * @returns the same dependencies, except that these calls may also throw {ServiceError} TooManyRequestsException
 */
export function yieldWhileVerifying<Deps extends Pick<IdentityDependencies, 'verifyLogin' | 'origin'>>(
  dependencies: Deps,
): Deps {
  const { verifyLogin, origin } = dependencies;
  return {
    ...dependencies,
    verifyLogin: (...login) => yielding(verifyLogin(...login)),
    origin: {
      ...origin,
      identityOf: (presented) => yielding(origin.identityOf(presented)),
      unlink: (about) => yielding(origin.unlink(about)),
      newGuest: (identityPoolId) => yielding(origin.newGuest(identityPoolId)),
      find: (unknown) => yielding(origin.find(unknown)),
      checkGuest: (guest, operation) => yielding(origin.checkGuest(guest, operation)),
      openToken: (token) => yielding(origin.openToken(token)),
    },
  } satisfies Pick<IdentityDependencies, 'verifyLogin' | 'origin'> & Deps;
}

async function yielding<Result>(pending: Promise<Result>): Promise<Result> {
  const turn = current.getStore();
  if (turn === undefined) return pending;
  const timer = new AbortController();
  const isSlow = await Promise.race([
    pending.then(() => false),
    sleep(YIELD_AFTER_MS, true, { signal: timer.signal }),
  ]).finally(() => timer.abort());
  return isSlow ? turn.yieldWhile(pending) : pending;
}
