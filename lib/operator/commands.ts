import { bulkPublish } from './bulk-publish.ts';
import type { Command } from './command.ts';
import { forget } from './forget.ts';
import { indexes } from './indexes.ts';
import { pools } from './pools.ts';
import { reconcile } from './reconcile.ts';
import { redrive } from './redrive.ts';
import { status } from './status/status.ts';

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
