import fc from 'fast-check';
import type { Caller } from '../../lib/sync/model.ts';
import { DEVELOPER } from '../fixtures/sync/sync-service.ts';
import { nameOf } from './model-state.ts';
import { IDENTITIES, QUIET_POOL, STREAMING_POOL, shortenIds, UNKNOWN_POOL } from './setup.ts';

const [FIRST = '', SECOND = '', THIRD = ''] = IDENTITIES;

/** What commands are about, as the API names it; most of them about one dataset, so that something comes of them. */
export interface Place {
  IdentityPoolId: string;
  IdentityId: string;
  DatasetName: string;
}

export const pools = oftenest([STREAMING_POOL, 7], [QUIET_POOL, 2], [UNKNOWN_POOL, 1]);

/** Names as of copies that merges make; the last is too long for any other dataset. Anyone can write to them, too. */
const COPIES = [
  [`a.${FIRST}`, 3] as const,
  [`a.${SECOND}`, 1] as const,
  [`a.${FIRST}.${SECOND}`, 1] as const,
  [`b.${FIRST}.${SECOND}.${THIRD}`, 2] as const,
];

export const places: fc.Arbitrary<Place> = fc.record(
  {
    IdentityPoolId: pools,
    IdentityId: oftenest([FIRST, 8], [SECOND, 3], [THIRD, 1]),
    DatasetName: oftenest(['a', 12], ['b', 4], ['c', 2], ['d', 2], ...COPIES),
  },
  { noNullPrototype: true },
);

export type CallerName = 'developer' | 'itself' | 'another';

/** For operations on what is an identity's. */
export const callers: fc.Arbitrary<CallerName> = oftenest(['developer', 5], ['itself', 5], ['another', 1]);

/** For operations on what is a pool's. */
export const developers: fc.Arbitrary<CallerName> = oftenest(['developer', 9], ['itself', 1]);

/** One of them does more, so that it meets what it did itself; the other comes in between. */
export const processes = oftenest([0, 3], [1, 1]);

/** @param of the identity that is asked about */
export function callerAt(name: CallerName, of: Pick<Place, 'IdentityPoolId'> & Partial<Place>): Caller {
  if (name === 'developer') return DEVELOPER;
  const own = of.IdentityId ?? FIRST;
  const identityId = name === 'itself' ? own : own === FIRST ? SECOND : FIRST;
  return { kind: 'identity', identityPoolId: of.IdentityPoolId, identityId };
}

/** As `1/2/a.1`: dataset a.us-east-1:…1 of identity 2 in pool 1. */
export function textOf({ IdentityPoolId, IdentityId, DatasetName }: Place): string {
  return `${IdentityPoolId.slice(-1)}/${IdentityId.slice(-1)}/${shortenIds(DatasetName)}`;
}

export function nameOfPlace({ IdentityPoolId, IdentityId, DatasetName }: Place): string {
  return nameOf(IdentityPoolId, IdentityId, DatasetName);
}

export function oftenest<Value>(
  ...weighted: (readonly [value: Value, weight: number])[]
): fc.Arbitrary<Value> {
  return fc.oneof(...weighted.map(([value, weight]) => ({ arbitrary: fc.constant(value), weight })));
}
