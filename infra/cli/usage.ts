import type { CommandUsage } from './command.ts';
import { COMMANDS } from './commands.ts';

/** Returns the usage text of a command, or of all commands if no command has that name. */
export function usage(
  name: string | undefined,
  commands: ReadonlyMap<string, CommandUsage> = COMMANDS,
): string {
  const command = commands.get(name ?? '');
  const shown = command ? [command] : [...commands.values()];
  return ['Usage:', ...shown.flatMap(usageOf)].join('\n');
}

function usageOf({ usage, summary }: CommandUsage): string[] {
  return [...usage.map((line) => `  npx cognito-sync-backend ${line}`), `      ${summary}`];
}
