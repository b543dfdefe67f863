import type { Caller } from '../sync/model.ts';

/**
 * The shapes of the Cognito Identity operations that are served. Members are named as the API model names them; dates are
 * epoch milliseconds (the wire has seconds). An input's optional member may be absent or undefined; an output has null or
 * nothing for what is not set.
 */

/** Logins by provider: tokens where a client logs in, user identifiers where a developer's backend does. */
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

/** @throws {ServiceError} NotAuthorizedException where the caller is no developer, and what the API answers instead */
export type DeveloperOperation<Input, Output> = (input: Input, caller: Caller) => Promise<Output>;

/** Asked without a signature: what is given with it says who asks. @throws {ServiceError} */
export type PublicOperation<Input, Output> = (input: Input) => Promise<Output>;

export type Nothing = Record<string, never>;

export interface PoolInput {
  IdentityPoolId: string;
}

/** What is set for a pool, beside its id and name; kept and answered as given. */
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
  /** Names of the providers it is linked to. */
  Logins: string[];
  CreationDate: number;
  LastModifiedDate: number;
}

export interface ListIdentitiesInput extends PoolInput {
  MaxResults: number;
  NextToken?: string | undefined;
  /** Those that have become part of another one. */
  HideDisabled?: boolean | undefined;
}

export interface ListIdentitiesOutput extends PoolInput {
  Identities: IdentityDescription[];
  NextToken: string | null;
}

export interface GetOpenIdTokenForDeveloperIdentityInput extends PoolInput {
  IdentityId?: string | undefined;
  Logins: Logins;
  /** Seconds. */
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

/** AWS STS, AssumeRoleWithWebIdentity: the last step of the classic flow. The role is echoed, never looked at. */
export type AssumeRoleWithWebIdentity = PublicOperation<
  {
    RoleArn: string;
    RoleSessionName: string;
    /** What GetOpenIdToken or GetOpenIdTokenForDeveloperIdentity answered. */
    WebIdentityToken: string;
  },
  {
    Credentials: GetCredentialsForIdentityOutput['Credentials'];
    /** Of the identity. */
    SubjectFromWebIdentityToken: string;
    /** The identity pool. */
    Audience: string;
  }
>;
