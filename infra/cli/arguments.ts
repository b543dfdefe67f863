import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { brokenConstraints, SYNC_CONSTRAINTS } from '../../lib/wire/constraints.ts';
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

const DESCRIPTIONS = {
  IdentityPoolId: 'the id of an identity pool',
  IdentityId: 'the id of an identity',
  StreamName: 'the name of a stream',
  RoleArn: 'the ARN of a role',
} as const;

/**
 * Checks a value of the command line against the constraint that the API of Cognito Sync has for the request member
 * `member`. The service therefore does not reject a later request because of this value.
 * @throws {UsageError} the value violates the constraint
 */
export function checkMember(member: keyof typeof DESCRIPTIONS, value: string): void {
  const [broken] = brokenConstraints(SYNC_CONSTRAINTS, member, value);
  if (broken !== undefined) throw new UsageError(`${value} is not ${DESCRIPTIONS[member]}: ${broken}`);
}

/** Returns the identity pool id given with `--pool`. @throws {UsageError} the id is missing or invalid */
export function readPool(command: string, pool: string | undefined): string {
  if (pool === undefined) throw new UsageError(`${command} requires --pool with the id of an identity pool`);
  checkMember('IdentityPoolId', pool);
  return pool;
}

/**
 * Rejects an option that is given more than once. `parseArgs` would silently use the last value, for example the
 * second of two pools.
 * @throws {UsageError} an option is repeated
 */
export function refuseRepeated(args: readonly string[], repeatable: readonly string[] = []): void {
  const { tokens } = parseArgs({ args: [...args], strict: false, allowPositionals: true, tokens: true });
  const seen = new Set<string>();
  for (const token of tokens) {
    if (token.kind !== 'option' || repeatable.includes(token.name)) continue;
    if (seen.has(token.name)) throw new UsageError(`${token.rawName} is given twice`);
    seen.add(token.name);
  }
}

const UNITS_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Reads a duration, such as 30d, 12h, 90m or 0s. @returns milliseconds
 * @throws {UsageError} the value is not a duration
 */
export function readDuration(option: string, value: string): number {
  const [, number = '', unit = ''] = /^(\d{1,6})([smhd])$/.exec(value) ?? [];
  const unitMs = Object.entries(UNITS_MS).find(([name]) => name === unit)?.[1];
  if (unitMs !== undefined) return Number(number) * unitMs;
  throw new UsageError(`${option} takes a duration such as 30d, 12h, 90m or 0s`);
}

/** Reads a whole number from `min` to `max`. @throws {UsageError} the value is not such a number */
export function readNumber(
  option: string,
  value: string,
  { min, max }: { min: number; max: number },
): number {
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= min && number <= max)) {
    throw new UsageError(`${option} takes a whole number from ${min} to ${max}`);
  }
  return number;
}
