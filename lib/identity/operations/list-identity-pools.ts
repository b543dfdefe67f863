import { authorizeDeveloper } from '../../common/caller.ts';
import type { IdentityDependencies } from '../dependencies.ts';
import type { IdentityOperations } from '../model.ts';
import { readMaxResults } from '../paging.ts';

/**
 * ListIdentityPools: returns ids and names of the existing pools, sorted by id.
 * @throws {ServiceError} InvalidParameterException, NotAuthorizedException
 */
export function createListIdentityPools({
  store,
  pageTokens,
}: Pick<IdentityDependencies, 'store' | 'pageTokens'>): IdentityOperations['ListIdentityPools'] {
  return async ({ MaxResults, NextToken }, caller) => {
    authorizeDeveloper(caller);
    const size = readMaxResults(MaxResults);
    const after = NextToken === undefined ? '' : pageTokens.verifyPools(NextToken);
    // Read one pool more than the page holds, to learn whether another page follows.
    const found = await store.listPools({ after, limit: size + 1 });
    const page = found.slice(0, size);
    const last = found.length > page.length ? page.at(-1) : undefined;
    return {
      IdentityPools: page.map(({ IdentityPoolId, IdentityPoolName }) => ({
        IdentityPoolId,
        IdentityPoolName,
      })),
      NextToken: last ? pageTokens.issuePools(last.IdentityPoolId) : null,
    };
  };
}
