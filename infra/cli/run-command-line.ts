import { Console } from 'node:console';
import { once } from 'node:events';
import { toSafeLine } from '../../lib/common/text.ts';
import type { CommandTerminal, Messages } from './command-terminal.ts';
import { ALL_COMMANDS, PROCESS_COMMANDS } from './commands.ts';
import { openService } from './open-service.ts';
import { DONE, editorSessionOf, type Outcome, outcomeOf, prepareFrom } from './run-command.ts';
import { createConfirm } from './terminal/confirm.ts';
import { createProgressView } from './terminal/progress-view.ts';
import { usage } from './usage.ts';

/**
 * Runs `npx cognito-sync-backend <command>`. A command that needs a database uses the database that the environment
 * variables name.
 *
 * @param commandLine the command's name and its arguments
 * @returns the exit code
 * @throws an error that the operator cannot fix
 */
export async function runCommandLine(
  commandLine: readonly string[],
  terminal: CommandTerminal,
): Promise<Outcome['exitCode']> {
  const { stdout, stderr } = terminal;
  const [name = ''] = commandLine;
  const console = new Console(stdout, stderr);
  // Standard output may be piped, so progress goes to standard error.
  const view = createProgressView({ output: stderr, now: Date.now });
  if (commandLine.some((argument) => argument === '--help' || argument === '-h')) {
    console.log(usage(name, ALL_COMMANDS));
    return 0;
  }
  const deps = {
    confirm: createConfirm({ input: terminal.stdin, output: stderr }),
    print(line: string) {
      view.clear();
      console.log(line);
    },
    async write(text: string) {
      view.clear();
      if (!stdout.write(text)) await once(stdout, 'drain');
    },
    progress: view.show,
  };
  const run = PROCESS_COMMANDS.has(name) ? runInProcess : runWithEditor;
  const { exitCode, error } = await run(commandLine, terminal, deps);
  view.clear();
  if (error !== undefined) console.error(toSafeError(error, exitCode));
  return exitCode;
}

/**
 * Escapes an error for the terminal. A usage error has several lines. Any other error is printed as one line, even if
 * it quotes text with line breaks.
 */
function toSafeError(error: string, exitCode: Outcome['exitCode']): string {
  const lines = exitCode === 2 ? error.split('\n') : [error];
  return `cognito-sync-backend: ${lines.map(toSafeLine).join('\n')}`;
}

async function runInProcess(
  commandLine: readonly string[],
  { env, stdin, stdout, stderr }: CommandTerminal,
  { confirm, print, progress }: Messages,
): Promise<Outcome> {
  const before = globalThis.console;
  // Output of the user's own code goes to standard error, because standard output may be piped.
  globalThis.console = new Console(stderr);
  try {
    return await outcomeOf(async () => {
      const work = await prepareFrom(PROCESS_COMMANDS, commandLine, ALL_COMMANDS);
      await work({
        env,
        stdin,
        print,
        progress,
        columns: stdout.columns,
        confirm,
        openService: (identityPoolId) => openService(env, identityPoolId),
      });
      return DONE;
    });
  } finally {
    globalThis.console = before;
  }
}

async function runWithEditor(
  commandLine: readonly string[],
  terminal: CommandTerminal,
  messages: Messages,
): Promise<Outcome> {
  // Loaded on use, because the commands without a database need none of these modules.
  const { runOnDatabase } = await import('./run-on-database.ts');
  const session = await editorSessionOf(commandLine);
  if (session === undefined) return runOnDatabase(commandLine, terminal, messages);
  const { runInEditor } = await import('./run-in-editor.ts');
  return runInEditor(session, terminal.env, (line, more) =>
    runOnDatabase(line, terminal, { ...messages, ...more }),
  );
}
