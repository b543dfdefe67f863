import type { Command } from './command.ts';
import { bulkPublish } from './commands/bulk-publish.ts';
import { forget } from './commands/forget.ts';
import { indexes } from './commands/indexes.ts';
import { pools } from './commands/pools.ts';
import { reconcile } from './commands/reconcile.ts';
import { redrive } from './commands/redrive.ts';
import { status } from './commands/status.ts';

/** The operator's commands on the database, by name. */
export const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ['status', status],
  ['bulk-publish', bulkPublish],
  ['reconcile', reconcile],
  ['forget', forget],
  ['indexes', indexes],
  ['pools', pools],
  ['redrive', redrive],
]);
