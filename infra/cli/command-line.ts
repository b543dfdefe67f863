import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { UsageError } from './command.ts';

/** What every command can be asked for. */
const OF_ALL = { json: { type: 'boolean', default: false } } as const;

/**
 * The options of a command, `json` among them, and what it is given besides.
 * @throws what `parseArgs` throws: an option is not known, or is not of its type
 */
export function readCommandLine<const Options extends ParseArgsOptionsConfig>(
  args: string[],
  options: Options,
) {
  return parseArgs({ args, allowPositionals: true, options: { ...options, ...OF_ALL } });
}

/**
 * The options of a command that takes nothing besides, `json` among them.
 * @throws {UsageError} there is something besides
 * @throws as `readCommandLine` does
 */
export function readOptions<const Options extends ParseArgsOptionsConfig>(
  command: string,
  args: string[],
  options: Options,
) {
  const { values, positionals } = readCommandLine(args, options);
  if (positionals.length > 0) throw new UsageError(`${command} does not take ${positionals.join(' ')}`);
  return values;
}
