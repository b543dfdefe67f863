import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { UsageError } from './command.ts';

/** Options that every command accepts. */
const COMMON_OPTIONS = { json: { type: 'boolean', default: false } } as const;

/**
 * Parses the options of a command, including `json`, and its positional arguments.
 * @throws an error of `parseArgs`: an option is unknown or its value has the wrong type
 */
export function readCommandLine<const Options extends ParseArgsOptionsConfig>(
  args: string[],
  options: Options,
) {
  return parseArgs({ args, allowPositionals: true, options: { ...options, ...COMMON_OPTIONS } });
}

/**
 * Parses the options, including `json`, of a command without positional arguments.
 * @throws {UsageError} the command line has a positional argument
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
