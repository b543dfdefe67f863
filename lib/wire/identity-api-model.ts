import * as api from '@aws-sdk/client-cognito-identity';
import type { IdentityOperations } from '../identity/model.ts';
import { readStructure, type Structure } from './shape.ts';

export interface IdentityApiOperation {
  name: IdentityOperationName;
  input: Structure;
  /** Has no members if the operation has no output. */
  output: Structure;
}

export type IdentityOperationName = keyof IdentityOperations;

type OperationSchema = typeof api.GetId$;

/** The schemas are imported individually, so that a bundler can drop the rest of the client. */
const SCHEMAS = {
  CreateIdentityPool: api.CreateIdentityPool$,
  UpdateIdentityPool: api.UpdateIdentityPool$,
  DescribeIdentityPool: api.DescribeIdentityPool$,
  ListIdentityPools: api.ListIdentityPools$,
  DeleteIdentityPool: api.DeleteIdentityPool$,
  DeleteIdentities: api.DeleteIdentities$,
  DescribeIdentity: api.DescribeIdentity$,
  ListIdentities: api.ListIdentities$,
  GetOpenIdTokenForDeveloperIdentity: api.GetOpenIdTokenForDeveloperIdentity$,
  MergeDeveloperIdentities: api.MergeDeveloperIdentities$,
  GetIdentityPoolRoles: api.GetIdentityPoolRoles$,
  GetPrincipalTagAttributeMap: api.GetPrincipalTagAttributeMap$,
  ListTagsForResource: api.ListTagsForResource$,
  LookupDeveloperIdentity: api.LookupDeveloperIdentity$,
  SetIdentityPoolRoles: api.SetIdentityPoolRoles$,
  SetPrincipalTagAttributeMap: api.SetPrincipalTagAttributeMap$,
  TagResource: api.TagResource$,
  UnlinkDeveloperIdentity: api.UnlinkDeveloperIdentity$,
  UnlinkIdentity: api.UnlinkIdentity$,
  UntagResource: api.UntagResource$,
  GetId: api.GetId$,
  GetCredentialsForIdentity: api.GetCredentialsForIdentity$,
  GetOpenIdToken: api.GetOpenIdToken$,
} satisfies Record<IdentityOperationName, OperationSchema>;

const OPERATIONS: ReadonlyMap<string, IdentityApiOperation> = new Map(
  Object.keys(SCHEMAS)
    .filter(isServed)
    .map((name) => [name, readOperation(name)]),
);

/**
 * Finds an operation of the Cognito Identity API, version 2014-06-30, by name, as read from the SDK's schemas. Returns
 * undefined if this service does not implement the operation.
 */
export function findIdentityOperation(name: string): IdentityApiOperation | undefined {
  return OPERATIONS.get(name);
}

function isServed(name: string): name is IdentityOperationName {
  return Object.hasOwn(SCHEMAS, name);
}

function readOperation(name: IdentityOperationName): IdentityApiOperation {
  const [, , , , input, output] = SCHEMAS[name];
  return { name, input: readStructure(input), output: readStructure(output) };
}
