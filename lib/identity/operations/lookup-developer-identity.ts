import { authorizeDeveloper } from '../../common/caller.ts';
import { ServiceError } from '../../common/errors.ts';
import type { IdentityDependencies } from '../dependencies.ts';
import { developerUserConflict, developerUserNotFound, identityNotFound } from '../errors.ts';
import { findPool } from '../find-pool.ts';
import type { IdentityOperations, LookupDeveloperIdentityOutput } from '../model.ts';
import { MAX_RESULTS, readMaxResults } from '../paging.ts';
import { developerLogin, developerProviderOf } from '../read-logins.ts';

type Needed = Pick<IdentityDependencies, 'store' | 'pageTokens'>;

/**
 * LookupDeveloperIdentity: returns the identity of a user of the developer provider, or the users of an identity. If the
 * request has both a user and an identity, verifies that they belong together. Without MaxResults, a page has 60 users.
 *
 * @throws {ServiceError} ResourceNotFoundException if the pool, the user or the identity does not exist;
 *   ResourceConflictException if the user and the identity do not belong together; InvalidParameterException if the pool
 *   has no developer provider, or the request has neither a user nor an identity; NotAuthorizedException
 */
export function createLookupDeveloperIdentity(
  dependencies: Needed,
): IdentityOperations['LookupDeveloperIdentity'] {
  return async (input, caller) => {
    authorizeDeveloper(caller);
    const { IdentityPoolId, IdentityId, DeveloperUserIdentifier, MaxResults = MAX_RESULTS } = input;
    const size = readMaxResults(MaxResults);
    const provider = developerProviderOf(await findPool(dependencies.store, IdentityPoolId));
    if (DeveloperUserIdentifier !== undefined) {
      const owner = await findOwner(dependencies, IdentityPoolId, provider, DeveloperUserIdentifier);
      if (IdentityId !== undefined && IdentityId !== owner) throw developerUserConflict();
      if (owner === null) throw developerUserNotFound();
      return { IdentityId: owner, DeveloperUserIdentifierList: [DeveloperUserIdentifier], NextToken: null };
    }
    if (IdentityId === undefined) {
      throw new ServiceError(
        'InvalidParameterException',
        'Either IdentityId or DeveloperUserIdentifier must be given.',
      );
    }
    return listUsers(dependencies, { ...input, IdentityId, provider, size });
  };
}

async function findOwner(
  { store }: Pick<Needed, 'store'>,
  identityPoolId: string,
  provider: string,
  userId: string,
): Promise<string | null> {
  const login = developerLogin(provider, userId, 'developerUserIdentifier');
  const { owned } = await store.findLogins({ identityPoolId, asked: null, proven: null, logins: [login] });
  return owned[0]?.owner.identityId ?? null;
}

interface Listing {
  IdentityPoolId: string;
  IdentityId: string;
  NextToken?: string | undefined;
  provider: string;
  size: number;
}

async function listUsers(
  { store, pageTokens }: Needed,
  { IdentityPoolId, IdentityId, NextToken, provider, size }: Listing,
): Promise<LookupDeveloperIdentityOutput> {
  const after = NextToken === undefined ? null : pageTokens.verifyUsers(NextToken, IdentityId);
  const identity = await store.readIdentity(IdentityId);
  if (identity?.identityPoolId !== IdentityPoolId) throw identityNotFound(IdentityId);
  // Read one user more than the page holds, to learn whether another page follows.
  const found = await store.listUsers({ identityId: IdentityId, provider, after, limit: size + 1 });
  const page = found.slice(0, size);
  const last = found.length > page.length ? page.at(-1) : undefined;
  return {
    IdentityId,
    DeveloperUserIdentifierList: page.map(({ userId }) => userId),
    NextToken: last ? pageTokens.issueUsers(last.position, IdentityId) : null,
  };
}
