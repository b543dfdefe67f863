import type { CommandUsage } from './command.ts';
import { connect } from './commands/connect.ts';
import { disconnect } from './commands/disconnect.ts';
import { rules } from './commands/rules.ts';
import { COMMANDS } from './commands.ts';
import type { ProcessCommand } from './process-command.ts';

/** The commands that need no database, by name. */
export const PROCESS_COMMANDS: ReadonlyMap<string, ProcessCommand> = new Map([
  ['connect', connect],
  ['disconnect', disconnect],
  ['rules', rules],
]);

/** All commands of the command line, of either kind. */
export const ALL_COMMANDS: ReadonlyMap<string, CommandUsage> = new Map<string, CommandUsage>([
  ...COMMANDS,
  ...PROCESS_COMMANDS,
]);
