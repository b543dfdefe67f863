import fc from 'fast-check';
import type { Caller } from '../../lib/sync/model.ts';
import { DEVELOPER } from '../fixtures/sync-service.ts';
import { nameOf } from './model-state.ts';
import { IDENTITIES, QUIET_POOL, STREAMING_POOL, UNKNOWN_POOL } from './setup.ts';

const [FIRST = '', SECOND = ''] = IDENTITIES;

/** What commands are about, as the API names it; most of them about one dataset, so that something comes of them. */
export interface Place {
  IdentityPoolId: string;
  IdentityId: string;
  DatasetName: string;
}

export const pools = oftenest([STREAMING_POOL, 7], [QUIET_POOL, 2], [UNKNOWN_POOL, 1]);

export const places: fc.Arbitrary<Place> = fc.record(
  {
    IdentityPoolId: pools,
    IdentityId: oftenest([FIRST, 4], [SECOND, 1]),
    DatasetName: oftenest(['a', 6], ['b', 2], ['c', 1], ['d', 1]),
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

/** As `1/2/a`: dataset a of identity 2 in pool 1. */
export function textOf({ IdentityPoolId, IdentityId, DatasetName }: Place): string {
  return `${IdentityPoolId.slice(-1)}/${IdentityId.slice(-1)}/${DatasetName}`;
}

export function nameOfPlace({ IdentityPoolId, IdentityId, DatasetName }: Place): string {
  return nameOf(IdentityPoolId, IdentityId, DatasetName);
}

export function oftenest<Value>(...weighted: [value: Value, weight: number][]): fc.Arbitrary<Value> {
  return fc.oneof(...weighted.map(([value, weight]) => ({ arbitrary: fc.constant(value), weight })));
}
