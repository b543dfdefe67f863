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
 * Lets the operator edit a text in `$VISUAL`, `$EDITOR` or vi, and saves the result. If the result cannot be saved, the
 * file is kept, so that the operator's work is not lost.
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
      await openEditor(env, path);
      if ((await readFile(path, 'utf8')) === text) throw new SetupError(unchanged);
      isKept = true;
      const saving = await run(save(path), {});
      isKept = saving.exitCode !== 0;
      return isKept ? { ...saving, error: `${saving.error}; the edited text is in ${path}` } : saving;
    } finally {
      if (!isKept) await rm(directory, { recursive: true, force: true });
    }
  });
}

/** @throws {SetupError} the editor cannot be started, or it failed */
async function openEditor(env: Environment, path: string): Promise<void> {
  const editor = env.VISUAL || env.EDITOR || 'vi';
  // A shell runs the editor, because the variable can contain options. Git does the same.
  const child = spawn('sh', ['-c', `${editor} "$1"`, 'sh', path], { stdio: 'inherit' });
  const [code] = await once(child, 'close');
  if (code !== 0)
    throw new SetupError(`the editor "${editor}" failed; set EDITOR to another one, or use --file`);
}
