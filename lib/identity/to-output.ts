import type {
  CreateIdentityPoolInput,
  GetCredentialsForIdentityOutput,
  IdentityDescription,
} from './model.ts';
import type { StoredIdentity } from './ports/identity-store.ts';
import type { TemporaryCredentials } from './temporary-credentials.ts';

/** Converts credentials to their API form. */
export function toCredentials(issued: TemporaryCredentials): GetCredentialsForIdentityOutput['Credentials'] {
  return {
    AccessKeyId: issued.accessKeyId,
    SecretKey: issued.secretAccessKey,
    SessionToken: issued.sessionToken,
    Expiration: issued.expiresAt,
  };
}

/** Converts an identity to its API form. */
export function toIdentityDescription(identity: StoredIdentity): IdentityDescription {
  return {
    IdentityId: identity.identityId,
    Logins: [...identity.providers],
    CreationDate: identity.createdAt,
    LastModifiedDate: identity.modifiedAt,
  };
}

/** Returns the settings of a pool, without the other members that an input may have. */
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
