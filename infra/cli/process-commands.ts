import type { CommandUsage } from '../../lib/operator/command.ts';
import { COMMANDS } from '../../lib/operator/commands.ts';
import { connect } from './connection/connect.ts';
import { disconnect } from './connection/disconnect.ts';
import type { ProcessCommand } from './process-command.ts';
import { rules } from './rules/rules.ts';

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
