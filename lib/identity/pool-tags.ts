import { ServiceError } from '../common/errors.ts';
import { findPool } from './find-pool.ts';
import type { IdentityStore } from './ports/identity-store.ts';

/** Tags of a pool, by key. */
export type PoolTags = Record<string, string>;

/** Source: API reference of Cognito Identity, TagResource: "An identity pool can have as many as 50 tags." */
const MAX_TAGS = 50;
/** Maximum number of attempts. An attempt fails only if another change of the pool has succeeded in the meantime. */
const ATTEMPTS = 10;
const POOL_ARN = /^arn:[^:]+:cognito-identity:[^:]*:[^:]*:identitypool\/(.+)$/;

/**
 * Returns the id of the identity pool that an ARN names. The account and the region in the ARN are ignored, because a
 * pool that was moved from Amazon's service keeps its id.
 *
 * @throws {ServiceError} InvalidParameterException if the text is not the ARN of an identity pool
 */
export function readPoolArn(arn: string): string {
  const identityPoolId = POOL_ARN.exec(arn)?.[1];
  if (identityPoolId === undefined) {
    throw new ServiceError('InvalidParameterException', 'ResourceArn is not the ARN of an identity pool.');
  }
  return identityPoolId;
}

/** @throws {ServiceError} InvalidParameterException if there are more than 50 tags */
export function checkTags(tags: PoolTags = {}): void {
  if (Object.keys(tags).length > MAX_TAGS) {
    throw new ServiceError(
      'InvalidParameterException',
      `An identity pool can have at most ${MAX_TAGS} tags.`,
    );
  }
}

/**
 * Changes the tags of a pool. The tags are the pool's setting IdentityPoolTags.
 * @throws {ServiceError} ResourceNotFoundException if the pool does not exist; InvalidParameterException if the pool
 *   would have too many tags; TooManyRequestsException if other requests keep changing the pool
 */
export async function changeTags(
  store: Pick<IdentityStore, 'readPool' | 'changePool'>,
  identityPoolId: string,
  change: (before: PoolTags) => PoolTags,
): Promise<void> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const before = await findPool(store, identityPoolId);
    const IdentityPoolTags = change(before.IdentityPoolTags ?? {});
    checkTags(IdentityPoolTags);
    if (await store.changePool(before, { ...before, IdentityPoolTags })) return;
  }
  throw new ServiceError('TooManyRequestsException', 'other requests keep changing this pool; try again');
}
