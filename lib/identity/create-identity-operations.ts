import type { IdentityDependencies } from './dependencies.ts';
import type { IdentityOperations } from './model.ts';
import { createCreateIdentityPool } from './operations/create-identity-pool.ts';
import { createDeleteIdentityPool } from './operations/delete-identity-pool.ts';
import { createDescribeIdentity } from './operations/describe-identity.ts';
import { createDescribeIdentityPool } from './operations/describe-identity-pool.ts';
import { createGetCredentialsForIdentity } from './operations/get-credentials-for-identity.ts';
import { createGetId } from './operations/get-id.ts';
import { createGetOpenIdToken } from './operations/get-open-id-token.ts';
import { createGetOpenIdTokenForDeveloperIdentity } from './operations/get-open-id-token-for-developer-identity.ts';
import { createListIdentities } from './operations/list-identities.ts';
import { createListIdentityPools } from './operations/list-identity-pools.ts';
import { createMergeDeveloperIdentities } from './operations/merge-developer-identities.ts';
import { createUpdateIdentityPool } from './operations/update-identity-pool.ts';

/** Creates the Cognito Identity operations that this service implements, each under its API name. */
export function createIdentityOperations(dependencies: IdentityDependencies): IdentityOperations {
  return {
    CreateIdentityPool: createCreateIdentityPool(dependencies),
    UpdateIdentityPool: createUpdateIdentityPool(dependencies),
    DescribeIdentityPool: createDescribeIdentityPool(dependencies),
    ListIdentityPools: createListIdentityPools(dependencies),
    DeleteIdentityPool: createDeleteIdentityPool(dependencies),
    DescribeIdentity: createDescribeIdentity(dependencies),
    ListIdentities: createListIdentities(dependencies),
    GetOpenIdTokenForDeveloperIdentity: createGetOpenIdTokenForDeveloperIdentity(dependencies),
    MergeDeveloperIdentities: createMergeDeveloperIdentities(dependencies),
    GetId: createGetId(dependencies),
    GetCredentialsForIdentity: createGetCredentialsForIdentity(dependencies),
    GetOpenIdToken: createGetOpenIdToken(dependencies),
  };
}
