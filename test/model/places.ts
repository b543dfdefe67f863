import fc from 'fast-check';
import type { Caller } from '../../lib/common/caller.ts';
import { DEVELOPER } from '../fixtures/sync/sync-service.ts';
import { nameOf } from './model-state.ts';
import { IDENTITIES, QUIET_POOL, STREAMING_POOL, shortenIds, UNKNOWN_POOL } from './setup.ts';

const [FIRST = '', SECOND = '', THIRD = ''] = IDENTITIES;

/** The target of a command, as the API names it. Most commands have the same target, so that they interact. */
export interface Place {
  IdentityPoolId: string;
  IdentityId: string;
  DatasetName: string;
}

export const pools = weighted([STREAMING_POOL, 7], [QUIET_POOL, 2], [UNKNOWN_POOL, 1]);

/**
 * Names of copies made by merges; callers can also write to them. Only a copy can have a name as long as the last name
 * here.
 */
const COPIES = [
  [`a.${FIRST}`, 3] as const,
  [`a.${SECOND}`, 1] as const,
  [`a.${FIRST}.${SECOND}`, 1] as const,
  [`b.${FIRST}.${SECOND}.${THIRD}`, 2] as const,
];

export const places: fc.Arbitrary<Place> = fc.record(
  {
    IdentityPoolId: pools,
    IdentityId: weighted([FIRST, 8], [SECOND, 3], [THIRD, 1]),
    DatasetName: weighted(['a', 12], ['b', 4], ['c', 2], ['d', 2], ...COPIES),
  },
  { noNullPrototype: true },
);

export type CallerName = 'developer' | 'itself' | 'another';

/** Callers of operations on the data of an identity. */
export const callers: fc.Arbitrary<CallerName> = weighted(['developer', 5], ['itself', 5], ['another', 1]);

/** Callers of operations on a pool. */
export const developers: fc.Arbitrary<CallerName> = weighted(['developer', 9], ['itself', 1]);

/** Process 0 runs more commands, so that it often sees its own effects; process 1 runs in between. */
export const processes = weighted([0, 3], [1, 1]);

/** @param of the target of the call */
export function callerAt(name: CallerName, of: Pick<Place, 'IdentityPoolId'> & Partial<Place>): Caller {
  if (name === 'developer') return DEVELOPER;
  const own = of.IdentityId ?? FIRST;
  const identityId = name === 'itself' ? own : own === FIRST ? SECOND : FIRST;
  return { kind: 'identity', identityPoolId: of.IdentityPoolId, identityId };
}

/** Formats a place. For example, `1/2/a.1` is the dataset a.us-east-1:…1 of identity 2 in pool 1. */
export function textOf({ IdentityPoolId, IdentityId, DatasetName }: Place): string {
  return `${IdentityPoolId.slice(-1)}/${IdentityId.slice(-1)}/${shortenIds(DatasetName)}`;
}

export function nameOfPlace({ IdentityPoolId, IdentityId, DatasetName }: Place): string {
  return nameOf(IdentityPoolId, IdentityId, DatasetName);
}

export function weighted<Value>(
  ...choices: (readonly [value: Value, weight: number])[]
): fc.Arbitrary<Value> {
  return fc.oneof(...choices.map(([value, weight]) => ({ arbitrary: fc.constant(value), weight })));
}
