import { authorizeDeveloper } from '../../common/caller.ts';
import type { SyncDependencies } from '../dependencies.ts';
import type { SyncOperations } from '../model.ts';
import { readPageSize } from '../page-size.ts';
import { toPoolUsage } from '../to-output.ts';

/**
 * ListIdentityPoolUsage: returns the usage of all existing pools, sorted by id, including pools without data.
 * @throws {ServiceError} InvalidParameterException, NotAuthorizedException
 */
export function createListIdentityPoolUsage({
  pools,
  tokens,
}: Pick<SyncDependencies, 'pools' | 'tokens'>): SyncOperations['ListIdentityPoolUsage'] {
  return async ({ NextToken, MaxResults }, caller) => {
    authorizeDeveloper(caller);
    const size = readPageSize(MaxResults);
    const after = NextToken === undefined ? '' : tokens.verifyPoolsPage(NextToken);
    // Read one pool more than the page holds, to learn whether another page follows.
    const found = await pools.listPoolUsages({ after, limit: size === null ? null : size + 1 });
    const page = size === null ? found : found.slice(0, size);
    const last = found.length > page.length ? page.at(-1) : undefined;
    return {
      IdentityPoolUsages: page.map(toPoolUsage),
      MaxResults: size,
      Count: page.length,
      NextToken: last ? tokens.issuePoolsPage(last.identityPoolId) : null,
    };
  };
}
