import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';

/**
 * Returns whether an optional program is missing, and logs the tests that are skipped without it.
 * @param feature what is tested with the program
 */
export function isMissing(feature: string, program: string, ...args: string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'pipe' });
    return false;
  } catch (error) {
    console.log(
      `skipped: ${feature} (${program}: ${error instanceof Error ? error.message.split('\n')[0] : error})`,
    );
    return true;
  }
}

/** Returns whether Python lacks a module. Finding the module takes a tenth of the time of importing it. */
export function isMissingModule(feature: string, module: string): boolean {
  const script = `import importlib.util, sys; sys.exit(None if importlib.util.find_spec('${module}') else 'no ${module}')`;
  return isMissing(feature, 'python3', '-c', script);
}

/** Returns the environment of a shell: the search path, a home folder without settings, and the given variables. */
export function emptyShell(more: Record<string, string | undefined>): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, HOME: '/nonexistent', PYENV_ROOT: process.env.PYENV_ROOT, ...more };
}

/** Runs a program with only this environment. @returns its stdout @throws with its stderr if it fails */
export async function run(program: string, args: string[], env: NodeJS.ProcessEnv): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { env });
  return stdout;
}
