import type { IdentityDependencies } from './dependencies.ts';
import type { IdentityOperations } from './model.ts';
import { createCreateIdentityPool } from './operations/create-identity-pool.ts';
import { createDeleteIdentities } from './operations/delete-identities.ts';
import { createDeleteIdentityPool } from './operations/delete-identity-pool.ts';
import { createDescribeIdentity } from './operations/describe-identity.ts';
import { createDescribeIdentityPool } from './operations/describe-identity-pool.ts';
import { createGetCredentialsForIdentity } from './operations/get-credentials-for-identity.ts';
import { createGetId } from './operations/get-id.ts';
import { createGetIdentityPoolRoles } from './operations/get-identity-pool-roles.ts';
import { createGetOpenIdToken } from './operations/get-open-id-token.ts';
import { createGetOpenIdTokenForDeveloperIdentity } from './operations/get-open-id-token-for-developer-identity.ts';
import { createGetPrincipalTagAttributeMap } from './operations/get-principal-tag-attribute-map.ts';
import { createListIdentities } from './operations/list-identities.ts';
import { createListIdentityPools } from './operations/list-identity-pools.ts';
import { createListTagsForResource } from './operations/list-tags-for-resource.ts';
import { createLookupDeveloperIdentity } from './operations/lookup-developer-identity.ts';
import { createMergeDeveloperIdentities } from './operations/merge-developer-identities.ts';
import { createSetIdentityPoolRoles } from './operations/set-identity-pool-roles.ts';
import { createSetPrincipalTagAttributeMap } from './operations/set-principal-tag-attribute-map.ts';
import { createTagResource } from './operations/tag-resource.ts';
import { createUnlinkDeveloperIdentity } from './operations/unlink-developer-identity.ts';
import { createUnlinkIdentity } from './operations/unlink-identity.ts';
import { createUntagResource } from './operations/untag-resource.ts';
import { createUpdateIdentityPool } from './operations/update-identity-pool.ts';

/** Creates all operations of Cognito Identity, each under its API name. */
export function createIdentityOperations(dependencies: IdentityDependencies): IdentityOperations {
  return {
    CreateIdentityPool: createCreateIdentityPool(dependencies),
    UpdateIdentityPool: createUpdateIdentityPool(dependencies),
    DescribeIdentityPool: createDescribeIdentityPool(dependencies),
    ListIdentityPools: createListIdentityPools(dependencies),
    DeleteIdentityPool: createDeleteIdentityPool(dependencies),
    DeleteIdentities: createDeleteIdentities(dependencies),
    DescribeIdentity: createDescribeIdentity(dependencies),
    ListIdentities: createListIdentities(dependencies),
    GetOpenIdTokenForDeveloperIdentity: createGetOpenIdTokenForDeveloperIdentity(dependencies),
    MergeDeveloperIdentities: createMergeDeveloperIdentities(dependencies),
    GetIdentityPoolRoles: createGetIdentityPoolRoles(dependencies),
    GetPrincipalTagAttributeMap: createGetPrincipalTagAttributeMap(dependencies),
    ListTagsForResource: createListTagsForResource(dependencies),
    LookupDeveloperIdentity: createLookupDeveloperIdentity(dependencies),
    SetIdentityPoolRoles: createSetIdentityPoolRoles(dependencies),
    SetPrincipalTagAttributeMap: createSetPrincipalTagAttributeMap(dependencies),
    TagResource: createTagResource(dependencies),
    UnlinkDeveloperIdentity: createUnlinkDeveloperIdentity(dependencies),
    UnlinkIdentity: createUnlinkIdentity(dependencies),
    UntagResource: createUntagResource(dependencies),
    GetId: createGetId(dependencies),
    GetCredentialsForIdentity: createGetCredentialsForIdentity(dependencies),
    GetOpenIdToken: createGetOpenIdToken(dependencies),
  };
}
