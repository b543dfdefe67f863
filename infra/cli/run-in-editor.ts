import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Environment } from '../../lib/common/environment.ts';
import { SetupError } from '../../lib/common/errors.ts';
import type { CommandDeps, EditorSession } from './command.ts';
import { type Outcome, outcomeOf } from './run-command.ts';

/** Runs a command line. `more.write`, if given, receives the text that the command writes. */
type Run = (commandLine: readonly string[], more: Partial<Pick<CommandDeps, 'write'>>) => Promise<Outcome>;

/**
 * Lets the operator edit a text in `$VISUAL`, `$EDITOR` or vi, and saves the result. If the editor failed, or the result
 * cannot be saved, a changed file is kept, so that the operator's work is not lost.
 */
export function runInEditor(
  { read, save, unchanged }: EditorSession,
  env: Environment,
  run: Run,
): Promise<Outcome> {
  return outcomeOf(async () => {
    let text = '';
    const reading = await run(read, {
      async write(part) {
        text += part;
      },
    });
    if (reading.exitCode !== 0) return reading;
    // The directory and the file are private, because the text can contain values of records.
    const directory = await mkdtemp(join(tmpdir(), 'cognito-sync-backend-'));
    const path = join(directory, 'payload.json');
    let isKept = false;
    try {
      await writeFile(path, text, { mode: 0o600 });
      const failure = await openEditor(env, path);
      const edited = await readEdited(path);
      isKept = edited.text !== text && edited.code !== 'ENOENT';
      if (edited.text === text) throw new SetupError(failure ?? unchanged);
      if (edited.text === null) throw new SetupError(failure ?? unreadable(path, edited.code));
      const saving: Outcome = failure === null ? await run(save(path), {}) : { exitCode: 1, error: failure };
      isKept = saving.exitCode !== 0;
      return isKept ? { ...saving, error: `${saving.error}; the edited text is in ${path}` } : saving;
    } finally {
      if (!isKept) await rm(directory, { recursive: true, force: true });
    }
  });
}

/** Waits until the operator closes the editor. @returns the error message if the editor failed; null otherwise */
async function openEditor(env: Environment, path: string): Promise<string | null> {
  const editor = env.VISUAL || env.EDITOR || 'vi';
  // A shell runs the editor, because the variable can contain options. Git does the same.
  const child = spawn('sh', ['-c', `${editor} "$1"`, 'sh', path], { stdio: 'inherit' });
  const [code] = await once(child, 'close');
  return code === 0 ? null : `the editor "${editor}" failed; set EDITOR to another one, or use --file`;
}

/** @returns the text, or the code of the error if the editor left no file that can be read */
async function readEdited(
  path: string,
): Promise<{ text: string; code: null } | { text: null; code: string }> {
  try {
    return { text: await readFile(path, 'utf8'), code: null };
  } catch (error) {
    return {
      text: null,
      code: error instanceof Error && 'code' in error ? String(error.code) : String(error),
    };
  }
}

const unreadable = (path: string, code: string) =>
  `the edited text cannot be read from ${path}: ${code}; save it under the name that the editor opened`;
