import type { Command } from './command.ts';
import { indexes } from './indexes.ts';
import { pools } from './pools.ts';
import { redrive } from './redrive.ts';

/** The operator's commands by name. */
export const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ['indexes', indexes],
  ['pools', pools],
  ['redrive', redrive],
]);
