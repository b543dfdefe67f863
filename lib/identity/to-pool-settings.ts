import type { CreateIdentityPoolInput } from './model.ts';

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
