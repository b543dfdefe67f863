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
  DescribeIdentity: DeveloperOperation<{ IdentityId: string }, IdentityDescription>;
  ListIdentities: DeveloperOperation<ListIdentitiesInput, ListIdentitiesOutput>;
  GetOpenIdTokenForDeveloperIdentity: DeveloperOperation<
    GetOpenIdTokenForDeveloperIdentityInput,
    OpenIdTokenOutput
  >;
  MergeDeveloperIdentities: DeveloperOperation<MergeDeveloperIdentitiesInput, { IdentityId: string }>;
  GetId: PublicOperation<GetIdInput, { IdentityId: string }>;
  GetCredentialsForIdentity: PublicOperation<GetCredentialsForIdentityInput, GetCredentialsForIdentityOutput>;
  GetOpenIdToken: PublicOperation<GetOpenIdTokenInput, OpenIdTokenOutput>;
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
  /** Leaves out the identities that were merged into another identity. */
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
