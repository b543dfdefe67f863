import { createSemaphore } from '../../../lib/common/semaphore.ts';
import { FunctionError, type InvocationOptions } from '../../../lib/sync/ports/functions.ts';
import {
  type ExecutionEnvironment,
  type OnDecisions,
  startExecutionEnvironment,
  timedOut,
} from './execution-environment.ts';
import type { DecisionsMessage, FunctionWorkerData } from './messages.ts';
import { type FileWatch, watchFiles } from './watch-files.ts';

/**
 * Maximum number of execution environments of a function. The number limits memory, because each environment has its
 * own heap.
 */
const MAX_ENVIRONMENTS = 4;
/** Maximum number of environments that one identity can use at a time, so that other identities can use the rest. */
const MAX_PER_IDENTITY = 2;

/** The result of loading the sync rules. */
export interface RulesLoad {
  /** Why the rules could not be loaded; undefined if they were loaded. */
  problem: string | undefined;
  /** Whether this load was caused by a change of the files. */
  changed: boolean;
}

export interface WatchedInvocation extends InvocationOptions {
  /** Receives the decisions of the sync rules. Absent if nothing needs them. */
  onDecisions?: OnDecisions;
}

export interface LocalFunction {
  /**
   * Loads the function before its first invocation.
   * @returns why the function's sync rules cannot be loaded; undefined if they were loaded
   */
  load(): Promise<FunctionError | undefined>;
  /**
   * @param event JSON text
   * @returns the answer as JSON text
   * @throws {FunctionError}
   */
  invoke(event: string, options: WatchedInvocation): Promise<string>;
  close(): void;
}

/**
 * An environment is loading, idle, busy with an invocation, or outdated. It becomes outdated when a file that it has
 * read changes. An outdated environment ends as soon as it is not busy.
 *
 * An environment that exited stays in the list until another environment is started. Until then, its files are still
 * watched, because a change of the files may remove the cause of the exit.
 */
interface StartedEnvironment extends ExecutionEnvironment {
  state: 'loading' | 'idle' | 'busy' | 'outdated';
}

/** An invocation that waits until an environment has loaded or becomes free. */
type Waiter = PromiseWithResolvers<StartedEnvironment>;

/**
 * Runs a function in execution environments, as Lambda does. Environments are started on demand. An environment runs
 * one invocation at a time and is used again for later invocations, unless it has ended. If no environment is free, an
 * invocation starts one, and waits for the first environment that becomes free. This need not be the new one. If the
 * maximum number of environments is reached, invocations only wait. The next free environment goes to the identity that
 * has recently used environments for the least time. One identity uses at most two environments at a time. The timeout
 * of an invocation starts when the invocation gets an environment. An invocation that has waited as long as its timeout
 * fails as throttled.
 *
 * If a file of the function's sync rules changes, the environments that have read the file accept no more invocations.
 * A new environment is started immediately.
 *
 * @param onLoad called each time that loading the rules succeeded or failed. Not called for the load whose result the
 * method `load` returns
 * @param onExit called when an environment ended without being replaced or closed; the reason quotes no data
 * @param onCount called after each invocation, once for each sync rule that made a decision
 */
export function createLocalFunction(
  workerData: FunctionWorkerData,
  onLoad: (load: RulesLoad) => void = () => undefined,
  onExit: (reason: string) => void = () => undefined,
  onCount: (decisions: DecisionsMessage) => void = () => undefined,
): LocalFunction {
  const slots = createSemaphore({
    max: MAX_ENVIRONMENTS,
    maxPerOwner: MAX_PER_IDENTITY,
    refusal: throttled,
    now: () => performance.now(),
  });
  /** All environments, ordered by start time. */
  let all: StartedEnvironment[] = [];
  /** In order of arrival. */
  const waiting: Waiter[] = [];
  let watch: FileWatch | undefined;
  let closed = false;

  function start(): StartedEnvironment {
    const started: StartedEnvironment = {
      ...startExecutionEnvironment(workerData, onExit, onCount),
      state: 'loading',
    };
    all = [...all.filter((environment) => !environment.hasEnded()), started];
    void started.loaded.then(() => {
      if (started.state === 'loading') offer(started);
    });
    watch ??= watchFiles({
      readers: () => all.filter(({ state }) => state !== 'outdated'),
      onStale: replace,
    });
    return started;
  }

  function replace(stale: readonly StartedEnvironment[]): void {
    for (const environment of stale) {
      const isBusy = environment.state === 'busy';
      environment.state = 'outdated';
      if (!isBusy) environment.end(throttled());
    }
    const newest = all.at(-1);
    if (newest) void reportLoad(newest.state === 'outdated' ? start() : newest, true);
  }

  async function reportLoad(environment: StartedEnvironment, changed: boolean): Promise<void> {
    const problem = await rulesProblem(environment);
    const isAboutRules = environment.files.size > 0;
    if (isAboutRules && environment.state !== 'outdated' && !closed) {
      onLoad({ problem: problem?.message, changed });
    }
  }

  /**
   * Returns why the newest environment could not load the rules. If a change of files replaces this environment in the
   * meantime, waits for the new environment instead.
   */
  async function problemOfNewest(): Promise<FunctionError | undefined> {
    const newest = all.at(-1);
    const problem = newest && (await rulesProblem(newest));
    return newest === all.at(-1) ? problem : problemOfNewest();
  }

  /**
   * Gives an environment to the first waiting invocation. An environment that could not load is given as well, so that
   * the invocation fails with the reason.
   */
  function offer(environment: StartedEnvironment): void {
    const next = waiting.shift();
    environment.state = next ? 'busy' : 'idle';
    next?.resolve(environment);
  }

  /** @throws {FunctionError} `timed-out` if no environment has loaded or become free after `timeoutMs` */
  async function acquireEnvironment(timeoutMs: number): Promise<StartedEnvironment> {
    if (closed) throw throttled();
    const idle = all.findLast(({ state, hasEnded }) => state === 'idle' && !hasEnded());
    if (idle) {
      idle.state = 'busy';
      return idle;
    }
    const waiter: Waiter = Promise.withResolvers();
    waiting.push(waiter);
    startForWaiting();
    const timer = setTimeout(() => {
      waiting.splice(waiting.indexOf(waiter), 1);
      waiter.reject(timedOut(timeoutMs));
    }, timeoutMs);
    return waiter.promise.finally(() => clearTimeout(timer));
  }

  /** Starts an environment if fewer environments are loading than invocations wait. */
  function startForWaiting(): void {
    const loading = all.filter(({ state, hasEnded }) => state === 'loading' && !hasEnded());
    if (loading.length < waiting.length) void reportLoad(start(), false);
  }

  function releaseEnvironment(environment: StartedEnvironment): void {
    if (environment.state === 'outdated') environment.end(throttled());
    if (environment.hasEnded()) startForWaiting();
    else offer(environment);
  }

  return {
    async load() {
      if (all.length === 0) start();
      return problemOfNewest();
    },
    async invoke(event, { identityId, timeoutMs, onStart, onDecisions }) {
      const release = await slots.acquire(identityId, timeoutMs);
      try {
        const environment = await acquireEnvironment(timeoutMs);
        onStart?.();
        return await environment
          .invoke(event, timeoutMs, onDecisions)
          .finally(() => releaseEnvironment(environment));
      } finally {
        release();
      }
    },
    close() {
      closed = true;
      watch?.close();
      slots.close();
      for (const waiter of waiting.splice(0)) waiter.reject(throttled());
      for (const environment of all) environment.end(throttled());
    },
  };
}

/**
 * Returns why loading the function failed. Returns undefined if loading succeeded, or if it failed before the function
 * read any file of the sync rules.
 */
async function rulesProblem({ loaded, files }: ExecutionEnvironment): Promise<FunctionError | undefined> {
  const problem = await loaded;
  return files.size > 0 ? problem : undefined;
}

function throttled(): FunctionError {
  return new FunctionError('throttled', 'all execution environments are busy');
}
