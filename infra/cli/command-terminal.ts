import type { Environment } from '../../lib/common/environment.ts';
import type { CommandDeps, Confirm } from './command.ts';

type Output = NodeJS.WritableStream & { isTTY?: boolean; columns?: number };

/** The streams and settings of a process, or a test's substitute for them. */
export interface CommandTerminal {
  env: Environment;
  stdin: NodeJS.ReadableStream & { isTTY?: boolean };
  stdout: Output;
  stderr: Output;
  /** Calls `stop` at the first Ctrl+C instead of ending the process. */
  onInterrupt: (stop: () => void) => void;
}

/** How a command writes to the terminal. */
export type Messages = Pick<CommandDeps, 'print' | 'write' | 'progress'> & { confirm: Confirm };
