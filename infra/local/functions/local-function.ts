import { FunctionError } from '../../../lib/sync/function-port.ts';
import { type Environment, startEnvironment } from './environment.ts';
import type { FunctionWorkerData } from './messages.ts';
import { createTurns } from './turns.ts';
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
  const turns = createTurns(MAX_ENVIRONMENTS, throttled);
  let idle: Environment[] = [];
  const busy = new Set<Environment>();
  const outdated = new WeakSet<Environment>();
  /** Kept where it could not be loaded, too: a change of what it has read may mend that. */
  let newest: Environment | undefined;
  let watch: FileWatch | undefined;
  let closed = false;

  function start(): Environment {
    newest = startEnvironment(about, tellEnd);
    watch ??= watchFiles({ readers: upToDate, onStale: replace });
    return newest;
  }

  function upToDate(): Environment[] {
    const all = new Set([...idle, ...busy, ...(newest ? [newest] : [])]);
    return [...all].filter((environment) => !outdated.has(environment));
  }

  function replace(stale: readonly Environment[]): void {
    for (const environment of stale) {
      outdated.add(environment);
      if (!busy.has(environment)) environment.end(throttled());
    }
    idle = idle.filter((environment) => !environment.hasEnded());
    if (newest && outdated.has(newest)) idle.push(start());
    if (newest) void tellOf(newest, true);
  }

  async function tellOf(environment: Environment, changed: boolean): Promise<void> {
    const problem = await rulesProblem(environment);
    const isAboutRules = environment.files.size > 0;
    if (isAboutRules && !outdated.has(environment) && !closed) tell({ problem: problem?.message, changed });
  }

  /** Where the files change while they are loaded, the next environment counts. */
  async function problemOfNewest(): Promise<FunctionError | undefined> {
    const latest = newest;
    const problem = latest && (await rulesProblem(latest));
    return latest === newest ? problem : problemOfNewest();
  }

  function takeIdle(): Environment {
    for (let kept = idle.pop(); kept; kept = idle.pop()) {
      if (!kept.hasEnded()) return kept;
    }
    const started = start();
    void tellOf(started, false);
    return started;
  }

  async function invokeInTurn(event: string, deadline: number): Promise<string> {
    if (closed) throw throttled();
    const environment = takeIdle();
    busy.add(environment);
    try {
      return await environment.invoke(event, Math.max(1, Math.ceil(deadline - performance.now())));
    } finally {
      busy.delete(environment);
      if (outdated.has(environment)) environment.end(throttled());
      if (!environment.hasEnded()) idle.push(environment);
    }
  }

  return {
    async load() {
      if (!newest) idle.push(start());
      return problemOfNewest();
    },
    async invoke(event, timeoutMs) {
      const deadline = performance.now() + timeoutMs;
      await turns.take(timeoutMs);
      try {
        return await invokeInTurn(event, deadline);
      } finally {
        turns.pass();
      }
    },
    close() {
      closed = true;
      watch?.close();
      turns.close();
      for (const environment of [...idle, ...busy]) environment.end(throttled());
    },
  };
}

/** @returns why it could not be loaded, unless that was before it read any */
async function rulesProblem({ loaded, files }: Environment): Promise<FunctionError | undefined> {
  const problem = await loaded;
  return files.size > 0 ? problem : undefined;
}

function throttled(): FunctionError {
  return new FunctionError('throttled', 'there is no room for another invocation');
}
