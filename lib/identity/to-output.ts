import type { StoredIdentity } from './identity-store.ts';
import type {
  CreateIdentityPoolInput,
  GetCredentialsForIdentityOutput,
  IdentityDescription,
} from './model.ts';
import type { TemporaryCredentials } from './temporary-credentials.ts';

/** The credentials as the API shows them. */
export function toCredentials(issued: TemporaryCredentials): GetCredentialsForIdentityOutput['Credentials'] {
  return {
    AccessKeyId: issued.accessKeyId,
    SecretKey: issued.secretAccessKey,
    SessionToken: issued.sessionToken,
    Expiration: issued.expiresAt,
  };
}

/** The identity as the API shows it. */
export function toIdentityDescription(identity: StoredIdentity): IdentityDescription {
  return {
    IdentityId: identity.identityId,
    Logins: [...identity.providers],
    CreationDate: identity.createdAt,
    LastModifiedDate: identity.modifiedAt,
  };
}

/** What is set for a pool, and nothing else that an input may hold. */
export function toPoolSettings({
  IdentityPoolName,
  AllowUnauthenticatedIdentities,
  AllowClassicFlow,
  SupportedLoginProviders,
  DeveloperProviderName,
  OpenIdConnectProviderARNs,
  CognitoIdentityProviders,
  SamlProviderARNs,
  IdentityPoolTags,
}: CreateIdentityPoolInput): CreateIdentityPoolInput {
  return {
    IdentityPoolName,
    AllowUnauthenticatedIdentities,
    AllowClassicFlow,
    SupportedLoginProviders,
    DeveloperProviderName,
    OpenIdConnectProviderARNs,
    CognitoIdentityProviders,
    SamlProviderARNs,
    IdentityPoolTags,
  };
}
