import type { Command } from './command.ts';
import { COMMANDS } from './commands.ts';

/** How a command is called; how all of them are where no command has that name. */
export function usage(name: string | undefined): string {
  const command = COMMANDS.get(name ?? '');
  const shown = command ? [command] : [...COMMANDS.values()];
  return ['Usage:', ...shown.flatMap(usageOf)].join('\n');
}

function usageOf({ usage, summary }: Command): string[] {
  return [...usage.map((line) => `  npx cognito-sync-backend ${line}`), `      ${summary}`];
}
