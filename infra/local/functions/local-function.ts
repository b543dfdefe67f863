import { FunctionError } from '../../../lib/sync/ports/functions.ts';
import { type ExecutionEnvironment, startExecutionEnvironment } from './execution-environment.ts';
import type { FunctionWorkerData } from './messages.ts';
import { createSemaphore } from './semaphore.ts';
import { type FileWatch, watchFiles } from './watch-files.ts';

/** Each has memory of its own, and the function loaded. */
const MAX_ENVIRONMENTS = 4;

/** What came of loading the sync rules. */
export interface RulesLoad {
  /** Undefined where they are loaded. */
  problem: string | undefined;
  /** Whether it came of a change of their files. */
  changed: boolean;
}

export interface LocalFunction {
  /**
   * Loads it before the first invocation, which then finds it there.
   * @returns why it cannot be, where that is of its sync rules
   */
  load(): Promise<FunctionError | undefined>;
  /**
   * @param event JSON text
   * @returns the answer as JSON text
   * @throws {FunctionError}
   */
  invoke(event: string, timeoutMs: number): Promise<string>;
  close(): void;
}

/**
 * It is idle and takes the next invocation, or is busy with one. Once a file has changed that it has read, it is outdated,
 * and ends as soon as it is busy no more. One that has ended by itself stays as it is until another one is started: a
 * change of what it has read may mend why it could not be loaded.
 */
interface StartedEnvironment extends ExecutionEnvironment {
  state: 'idle' | 'busy' | 'outdated';
}

/**
 * A function in environments of its own, as Lambda runs it: each invocation has one to itself, which is kept for the
 * next unless it ended. The first is started when it is needed. Where all are busy an invocation waits for its turn,
 * first come, first served; when its time is over before its turn comes, it is throttled.
 *
 * Where the files of its sync rules change, the environments that have read them take no more invocations, and another
 * is started at once.
 *
 * @param tell told of rules that were loaded or cannot be; not of what `load` answers
 * @param tellEnd told why an environment ended that was neither replaced nor closed, without a value
 */
export function createLocalFunction(
  about: FunctionWorkerData,
  tell: (load: RulesLoad) => void = () => undefined,
  tellEnd: (reason: string) => void = () => undefined,
): LocalFunction {
  const turns = createSemaphore(MAX_ENVIRONMENTS, throttled);
  /** In the order in which they were started. */
  let all: StartedEnvironment[] = [];
  let watch: FileWatch | undefined;
  let closed = false;

  function start(): StartedEnvironment {
    const started: StartedEnvironment = { ...startExecutionEnvironment(about, tellEnd), state: 'idle' };
    all = [...all.filter((environment) => !environment.hasEnded()), started];
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
    if (newest) void tellOf(newest.state === 'outdated' ? start() : newest, true);
  }

  async function tellOf(environment: StartedEnvironment, changed: boolean): Promise<void> {
    const problem = await rulesProblem(environment);
    const isAboutRules = environment.files.size > 0;
    if (isAboutRules && environment.state !== 'outdated' && !closed) {
      tell({ problem: problem?.message, changed });
    }
  }

  /** Where the files change while they are loaded, the next environment counts. */
  async function problemOfNewest(): Promise<FunctionError | undefined> {
    const newest = all.at(-1);
    const problem = newest && (await rulesProblem(newest));
    return newest === all.at(-1) ? problem : problemOfNewest();
  }

  function takeIdle(): StartedEnvironment {
    let taken = all.findLast((environment) => environment.state === 'idle' && !environment.hasEnded());
    if (!taken) {
      taken = start();
      void tellOf(taken, false);
    }
    taken.state = 'busy';
    return taken;
  }

  function giveBack(environment: StartedEnvironment): void {
    if (environment.state === 'outdated') environment.end(throttled());
    else environment.state = 'idle';
  }

  async function invokeInTurn(event: string, deadline: number): Promise<string> {
    if (closed) throw throttled();
    const environment = takeIdle();
    try {
      return await environment.invoke(event, Math.max(1, Math.ceil(deadline - performance.now())));
    } finally {
      giveBack(environment);
    }
  }

  return {
    async load() {
      if (all.length === 0) start();
      return problemOfNewest();
    },
    async invoke(event, timeoutMs) {
      const deadline = performance.now() + timeoutMs;
      await turns.acquire(timeoutMs);
      try {
        return await invokeInTurn(event, deadline);
      } finally {
        turns.release();
      }
    },
    close() {
      closed = true;
      watch?.close();
      turns.close();
      for (const environment of all) environment.end(throttled());
    },
  };
}

/** @returns why it could not be loaded, unless that was before it read any */
async function rulesProblem({ loaded, files }: ExecutionEnvironment): Promise<FunctionError | undefined> {
  const problem = await loaded;
  return files.size > 0 ? problem : undefined;
}

function throttled(): FunctionError {
  return new FunctionError('throttled', 'there is no room for another invocation');
}
