import { parseArgs } from 'node:util';
import { brokenConstraints, SYNC_CONSTRAINTS } from '../../lib/wire/constraints.ts';
import { UsageError } from './command.ts';

const WHAT = {
  IdentityPoolId: 'the id of an identity pool',
  IdentityId: 'the id of an identity',
  StreamName: 'the name of a stream',
  RoleArn: 'the ARN of a role',
} as const;

/** Takes what the API would take, so that it can be asked for there. @throws {UsageError} */
export function checkMember(member: keyof typeof WHAT, value: string): void {
  const [broken] = brokenConstraints(SYNC_CONSTRAINTS, member, value);
  if (broken !== undefined) throw new UsageError(`${value} is not ${WHAT[member]}: ${broken}`);
}

/** The pool that `--pool` names. @throws {UsageError} it is missing, or no id of a pool */
export function readPool(command: string, pool: string | undefined): string {
  if (pool === undefined) throw new UsageError(`${command} takes --pool with the id of an identity pool`);
  checkMember('IdentityPoolId', pool);
  return pool;
}

/**
 * Of an option that is given twice the last one would count, which nobody may notice: of two pools, say.
 * @throws {UsageError} there is such an option
 */
export function refuseRepeated(args: readonly string[]): void {
  const { tokens } = parseArgs({ args: [...args], strict: false, allowPositionals: true, tokens: true });
  const seen = new Set<string>();
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    if (seen.has(token.name)) throw new UsageError(`${token.rawName} is given twice`);
    seen.add(token.name);
  }
}

/** A whole number in a range. @throws {UsageError} */
export function readNumber(
  option: string,
  value: string,
  { min, max }: { min: number; max: number },
): number {
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= min && number <= max)) {
    throw new UsageError(`${option} takes a number from ${min} to ${max}`);
  }
  return number;
}
