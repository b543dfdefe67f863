import type { Caller } from '../common/caller.ts';

/**
 * The inputs and outputs of the Cognito Identity operations that this service implements. Members have the names of the
 * API model. Dates are epoch milliseconds (seconds on the wire). An optional member of an input may be absent or
 * undefined. A member of an output that is not set is null or absent.
 */

/** Logins by provider: tokens if a client logs in, user identifiers if a developer's backend does. */
export type Logins = Record<string, string>;

export interface IdentityOperations {
  CreateIdentityPool: DeveloperOperation<CreateIdentityPoolInput, IdentityPoolDescription>;
  UpdateIdentityPool: DeveloperOperation<UpdateIdentityPoolInput, IdentityPoolDescription>;
  DescribeIdentityPool: DeveloperOperation<PoolInput, IdentityPoolDescription>;
  ListIdentityPools: DeveloperOperation<ListIdentityPoolsInput, ListIdentityPoolsOutput>;
  DeleteIdentityPool: DeveloperOperation<PoolInput, Nothing>;
  DeleteIdentities: DeveloperOperation<DeleteIdentitiesInput, DeleteIdentitiesOutput>;
  DescribeIdentity: DeveloperOperation<{ IdentityId: string }, IdentityDescription>;
  ListIdentities: DeveloperOperation<ListIdentitiesInput, ListIdentitiesOutput>;
  GetOpenIdTokenForDeveloperIdentity: DeveloperOperation<
    GetOpenIdTokenForDeveloperIdentityInput,
    OpenIdTokenOutput
  >;
  MergeDeveloperIdentities: DeveloperOperation<MergeDeveloperIdentitiesInput, { IdentityId: string }>;
  LookupDeveloperIdentity: DeveloperOperation<LookupDeveloperIdentityInput, LookupDeveloperIdentityOutput>;
  UnlinkDeveloperIdentity: DeveloperOperation<UnlinkDeveloperIdentityInput, Nothing>;
  GetIdentityPoolRoles: DeveloperOperation<PoolInput, PoolRoles & PoolInput>;
  SetIdentityPoolRoles: DeveloperOperation<SetIdentityPoolRolesInput, Nothing>;
  TagResource: DeveloperOperation<{ ResourceArn: string; Tags: Record<string, string> }, Nothing>;
  UntagResource: DeveloperOperation<{ ResourceArn: string; TagKeys: string[] }, Nothing>;
  ListTagsForResource: DeveloperOperation<{ ResourceArn: string }, { Tags: Record<string, string> }>;
  GetPrincipalTagAttributeMap: DeveloperOperation<PrincipalTagMapKey, PrincipalTagMapOutput>;
  SetPrincipalTagAttributeMap: DeveloperOperation<SetPrincipalTagAttributeMapInput, PrincipalTagMapOutput>;
  GetId: PublicOperation<GetIdInput, { IdentityId: string }>;
  GetCredentialsForIdentity: PublicOperation<GetCredentialsForIdentityInput, GetCredentialsForIdentityOutput>;
  GetOpenIdToken: PublicOperation<GetOpenIdTokenInput, OpenIdTokenOutput>;
  UnlinkIdentity: PublicOperation<UnlinkIdentityInput, Nothing>;
}

/**
 * An operation for developers.
 * @throws {ServiceError} NotAuthorizedException if the caller is not a developer; otherwise the API's error
 *   response
 */
export type DeveloperOperation<Input, Output> = (input: Input, caller: Caller) => Promise<Output>;

/**
 * An operation that is called without a signature. The operation's input identifies the caller.
 * @throws {ServiceError} the API's error response
 */
export type PublicOperation<Input, Output> = (input: Input) => Promise<Output>;

export type Nothing = Record<string, never>;

export interface PoolInput {
  IdentityPoolId: string;
}

/** The settings of a pool, except its id and name. They are stored and returned as given. */
export interface IdentityPoolSettings {
  AllowUnauthenticatedIdentities: boolean;
  AllowClassicFlow?: boolean | undefined;
  SupportedLoginProviders?: Record<string, string> | undefined;
  DeveloperProviderName?: string | undefined;
  OpenIdConnectProviderARNs?: string[] | undefined;
  CognitoIdentityProviders?: CognitoIdentityProvider[] | undefined;
  SamlProviderARNs?: string[] | undefined;
  IdentityPoolTags?: Record<string, string> | undefined;
}

interface CognitoIdentityProvider {
  ProviderName?: string | undefined;
  ClientId?: string | undefined;
  ServerSideTokenCheck?: boolean | undefined;
}

export interface CreateIdentityPoolInput extends IdentityPoolSettings {
  IdentityPoolName: string;
}

export interface UpdateIdentityPoolInput extends CreateIdentityPoolInput, PoolInput {}

export interface IdentityPoolDescription extends CreateIdentityPoolInput, PoolInput {}

export interface ListIdentityPoolsInput {
  /** 1 to 60. */
  MaxResults: number;
  NextToken?: string | undefined;
}

export interface ListIdentityPoolsOutput {
  IdentityPools: { IdentityPoolId: string; IdentityPoolName: string }[];
  NextToken: string | null;
}

export interface DeleteIdentitiesInput {
  /** 1 to 60 ids. */
  IdentityIdsToDelete: string[];
}

export interface DeleteIdentitiesOutput {
  /** The identities that are not, or not completely, deleted. */
  UnprocessedIdentityIds: UnprocessedIdentityId[];
}

export interface UnprocessedIdentityId {
  IdentityId: string;
  ErrorCode: 'AccessDenied' | 'InternalServerError';
}

export interface IdentityDescription {
  IdentityId: string;
  /** Names of the providers that the identity is linked to. */
  Logins: string[];
  CreationDate: number;
  LastModifiedDate: number;
}

export interface ListIdentitiesInput extends PoolInput {
  MaxResults: number;
  NextToken?: string | undefined;
  /** Leaves out the identities that were merged into another identity, and those whose last login was unlinked. */
  HideDisabled?: boolean | undefined;
}

export interface ListIdentitiesOutput extends PoolInput {
  Identities: IdentityDescription[];
  NextToken: string | null;
}

export interface GetOpenIdTokenForDeveloperIdentityInput extends PoolInput {
  IdentityId?: string | undefined;
  Logins: Logins;
  /** Lifetime of the token in seconds. */
  TokenDuration?: number | undefined;
}

export interface MergeDeveloperIdentitiesInput extends PoolInput {
  SourceUserIdentifier: string;
  DestinationUserIdentifier: string;
  DeveloperProviderName: string;
}

export interface LookupDeveloperIdentityInput extends PoolInput {
  IdentityId?: string | undefined;
  DeveloperUserIdentifier?: string | undefined;
  /** 1 to 60. */
  MaxResults?: number | undefined;
  NextToken?: string | undefined;
}

export interface LookupDeveloperIdentityOutput {
  IdentityId: string;
  DeveloperUserIdentifierList: string[];
  NextToken: string | null;
}

export interface UnlinkDeveloperIdentityInput extends PoolInput {
  IdentityId: string;
  DeveloperProviderName: string;
  DeveloperUserIdentifier: string;
}

export interface UnlinkIdentityInput {
  IdentityId: string;
  Logins: Logins;
  /** Names of the providers whose logins are removed. */
  LoginsToRemove: string[];
}

/** Settings of a pool for roles. They are stored and returned, and have no effect. */
export interface RoleSettings extends Partial<PoolRoles> {
  /** By provider. */
  PrincipalTagMaps?: Record<string, PrincipalTagMap> | undefined;
}

export interface PoolRoles {
  /** Role ARNs by the kind of identity: `authenticated`, `unauthenticated`. */
  Roles: Record<string, string>;
  /** By provider. */
  RoleMappings?: Record<string, RoleMapping> | undefined;
}

export interface SetIdentityPoolRolesInput extends PoolInput, PoolRoles {}

export interface RoleMapping {
  Type: 'Token' | 'Rules';
  AmbiguousRoleResolution?: 'AuthenticatedRole' | 'Deny' | undefined;
  RulesConfiguration?: { Rules: MappingRule[] } | undefined;
}

interface MappingRule {
  Claim: string;
  MatchType: 'Equals' | 'Contains' | 'StartsWith' | 'NotEqual';
  Value: string;
  RoleARN: string;
}

export interface PrincipalTagMap {
  /** Whether the default attributes (user name and client id) become principal tags. */
  UseDefaults: boolean;
  /** Names of attributes, by principal tag. */
  PrincipalTags: Record<string, string>;
}

interface PrincipalTagMapKey extends PoolInput {
  IdentityProviderName: string;
}

interface PrincipalTagMapOutput extends PrincipalTagMapKey, PrincipalTagMap {}

interface SetPrincipalTagAttributeMapInput extends PrincipalTagMapKey {
  UseDefaults?: boolean | undefined;
  PrincipalTags?: Record<string, string> | undefined;
}

export interface OpenIdTokenOutput {
  IdentityId: string;
  Token: string;
}

export interface GetIdInput extends PoolInput {
  AccountId?: string | undefined;
  Logins?: Logins | undefined;
}

export interface GetCredentialsForIdentityInput {
  IdentityId: string;
  Logins?: Logins | undefined;
  CustomRoleArn?: string | undefined;
}

export interface GetCredentialsForIdentityOutput {
  IdentityId: string;
  Credentials: {
    AccessKeyId: string;
    SecretKey: string;
    SessionToken: string;
    Expiration: number;
  };
}

export interface GetOpenIdTokenInput {
  IdentityId: string;
  Logins?: Logins | undefined;
}

/**
 * AssumeRoleWithWebIdentity of AWS STS: the last step of the classic flow. This service has no roles: it repeats the
 * requested role in the response, but does not check it.
 */
export type AssumeRoleWithWebIdentity = PublicOperation<
  {
    RoleArn: string;
    RoleSessionName: string;
    /** A token from GetOpenIdToken or GetOpenIdTokenForDeveloperIdentity. */
    WebIdentityToken: string;
  },
  {
    Credentials: GetCredentialsForIdentityOutput['Credentials'];
    /** The identity's id. */
    SubjectFromWebIdentityToken: string;
    /** The identity pool's id. */
    Audience: string;
  }
>;
