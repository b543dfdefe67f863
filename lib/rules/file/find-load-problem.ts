import { once } from 'node:events';
import { SetupError } from '../../common/errors.ts';
import { startThread } from '../../common/start-thread.ts';
import { messageOfThrown } from '../../common/thrown.ts';

/** The timeout of Lambda's init phase. Source: AWS Lambda Developer Guide. */
const TIMEOUT_MS = 10_000;

/**
 * Loads a rules file in a separate thread, so that the file can neither end nor block this process.
 *
 * @param rulesFile absolute path
 * @returns undefined if the rules can be loaded; otherwise one line with the reason
 */
export async function findLoadProblem(rulesFile: string): Promise<string | undefined> {
  const worker = startThread(new URL('./load-rules-worker.ts', import.meta.url), { workerData: rulesFile });
  const timer = setTimeout(() => worker.terminate(), TIMEOUT_MS);
  let loaded = false;
  worker.on('message', () => {
    loaded = true;
  });
  try {
    const [exitCode] = await once(worker, 'exit');
    if (loaded) return undefined;
    throw new SetupError(`it exited with code ${exitCode}`);
  } catch (error) {
    return describeLoadProblem(rulesFile, messageOfThrown(error));
  } finally {
    clearTimeout(timer);
  }
}

/** Describes in one line why the rules cannot be loaded. */
export function describeLoadProblem(rulesFile: string, reason: string): string {
  return `sync rules: cannot load ${rulesFile}: ${reason.replace(/\s*[\r\n]\s*/g, ' ')}`;
}
