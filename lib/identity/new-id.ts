import type { IdentityDependencies } from './dependencies.ts';

/** Of a pool or of an identity: the region and a UUID. */
export function newId({ region, randomId }: Pick<IdentityDependencies, 'region' | 'randomId'>): string {
  return `${region}:${randomId()}`;
}
