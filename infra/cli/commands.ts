import type { Command, CommandUsage, ProcessCommand } from './command.ts';
import { backup } from './commands/backup.ts';
import { bulkPublish } from './commands/bulk-publish.ts';
import { connect } from './commands/connect.ts';
import { disconnect } from './commands/disconnect.ts';
import { erase, forget } from './commands/erase.ts';
import { exportData } from './commands/export.ts';
import { importData } from './commands/import.ts';
import { indexes } from './commands/indexes.ts';
import { keys } from './commands/keys.ts';
import { move } from './commands/move.ts';
import { pools } from './commands/pools.ts';
import { quarantine } from './commands/quarantine.ts';
import { reconcile } from './commands/reconcile.ts';
import { redrive } from './commands/redrive.ts';
import { restore } from './commands/restore.ts';
import { rules } from './commands/rules.ts';
import { status } from './commands/status.ts';

/** The operator's commands that work on the database, by name. */
export const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ['status', status],
  ['bulk-publish', bulkPublish],
  ['reconcile', reconcile],
  ['erase', erase],
  ['forget', forget],
  ['backup', backup],
  ['export', exportData],
  ['import', importData],
  ['indexes', indexes],
  ['move', move],
  ['pools', pools],
  ['quarantine', quarantine],
  ['redrive', redrive],
]);

/** The commands that need no database, by name. */
export const PROCESS_COMMANDS: ReadonlyMap<string, ProcessCommand> = new Map([
  ['connect', connect],
  ['disconnect', disconnect],
  ['keys', keys],
  ['restore', restore],
  ['rules', rules],
]);

/** All commands of the command line: those that need a database and those that do not. */
export const ALL_COMMANDS: ReadonlyMap<string, CommandUsage> = new Map<string, CommandUsage>([
  ...COMMANDS,
  ...PROCESS_COMMANDS,
]);
