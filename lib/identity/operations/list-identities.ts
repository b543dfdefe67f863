import { authorizeDeveloper } from '../../common/caller.ts';
import type { IdentityDependencies } from '../dependencies.ts';
import { findPool } from '../find-pool.ts';
import type { IdentityOperations } from '../model.ts';
import { readMaxResults } from '../paging.ts';
import { toIdentityDescription } from '../to-output.ts';

/**
 * ListIdentities: returns the identities of a pool, sorted by id. HideDisabled leaves out the identities that were
 * merged into another identity, and those whose last login was unlinked.
 *
 * @throws {ServiceError} ResourceNotFoundException if the pool does not exist; InvalidParameterException;
 *   NotAuthorizedException
 */
export function createListIdentities({
  store,
  pageTokens,
}: Pick<IdentityDependencies, 'store' | 'pageTokens'>): IdentityOperations['ListIdentities'] {
  return async ({ IdentityPoolId, MaxResults, NextToken, HideDisabled = false }, caller) => {
    authorizeDeveloper(caller);
    const size = readMaxResults(MaxResults);
    const after = NextToken === undefined ? '' : pageTokens.verifyIdentities(NextToken, IdentityPoolId);
    await findPool(store, IdentityPoolId);
    const found = await store.listIdentities({
      identityPoolId: IdentityPoolId,
      after,
      // Read one identity more than the page holds, to learn whether another page follows.
      limit: size + 1,
      hideDisabled: HideDisabled,
    });
    const page = found.slice(0, size);
    const last = found.length > page.length ? page.at(-1) : undefined;
    return {
      IdentityPoolId,
      Identities: page.map(toIdentityDescription),
      NextToken: last ? pageTokens.issueIdentities(last.identityId, IdentityPoolId) : null,
    };
  };
}
