import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';

/**
 * Whether a program is to be had that the tests can do without. Where it is not, that is printed.
 * @param what is tested with it
 */
export function isMissing(what: string, program: string, ...args: string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'pipe' });
    return false;
  } catch (error) {
    console.log(
      `skipped: ${what} (${program}: ${error instanceof Error ? error.message.split('\n')[0] : error})`,
    );
    return true;
  }
}

/** Whether Python lacks a module. To find one takes a tenth of the time of an import. */
export function isMissingModule(what: string, module: string): boolean {
  const script = `import importlib.util, sys; sys.exit(None if importlib.util.find_spec('${module}') else 'no ${module}')`;
  return isMissing(what, 'python3', '-c', script);
}

/** What a person's shell has beside its search path, in a home folder without any settings. */
export function emptyShell(more: Record<string, string | undefined>): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, HOME: '/nonexistent', PYENV_ROOT: process.env.PYENV_ROOT, ...more };
}

/** Runs it to its end with this environment alone. @returns what it printed @throws with what it complained of */
export async function run(program: string, args: string[], env: NodeJS.ProcessEnv): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { env });
  return stdout;
}
