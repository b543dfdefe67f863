import type { Environment } from '../../lib/common/environment.ts';
import type { CommandDeps, CommandWith } from './command.ts';
import type { Confirm } from './terminal/confirm.ts';

/** What a command works with that needs no database of ours: it runs in this process, never in the local cloud. */
export interface ProcessDeps extends Pick<CommandDeps, 'openService' | 'print'> {
  env: Environment;
  stdin: AsyncIterable<string | Buffer>;
  /** Of the terminal; undefined where what is said goes to none. */
  columns: number | undefined;
  confirm: Confirm;
}

export type ProcessCommand = CommandWith<ProcessDeps>;
