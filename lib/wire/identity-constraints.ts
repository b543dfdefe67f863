import { MAX_TOKEN_DURATION_SECONDS } from '../identity/open-id-token.ts';
import { MAX_RESULTS } from '../identity/paging.ts';
import { type Constraint, type Constraints, fullMatch, ID } from './constraints.ts';

const PROVIDER_NAME = { minLength: 1, maxLength: 128 };
const ARN = { minLength: 20, maxLength: 2048 };
const TAG_KEY = { minLength: 1, maxLength: 128 };
const DEVELOPER_USER = { minLength: 1, maxLength: 1024 };

/**
 * Constraints of Cognito Identity, for the inputs of the operations that this service implements. They are listed by
 * member name only, because a name means the same in every input that has it. Source: API model of 2014-06-30; comments
 * mark this project's own additions.
 */
export const IDENTITY_CONSTRAINTS: Constraints = new Map(
  Object.entries<Constraint>({
    IdentityPoolId: ID,
    IdentityId: ID,
    IdentityIdsToDelete: { ...ID, minEntries: 1, maxEntries: 60 },
    AccountId: { minLength: 1, maxLength: 15, pattern: fullMatch('\\d+') },
    IdentityPoolName: { minLength: 1, maxLength: 128, pattern: fullMatch('[\\w\\s+=,.@-]+') },
    SupportedLoginProviders: {
      minLength: 1,
      maxLength: 128,
      pattern: fullMatch('[\\w.;_/-]+'),
      maxEntries: 10,
    },
    'SupportedLoginProviders.key': PROVIDER_NAME,
    DeveloperProviderName: { minLength: 1, maxLength: 128, pattern: fullMatch('[\\w._-]+') },
    OpenIdConnectProviderARNs: ARN,
    SamlProviderARNs: ARN,
    ProviderName: { minLength: 1, maxLength: 128, pattern: fullMatch('[\\w._:/-]+') },
    ClientId: { minLength: 1, maxLength: 128, pattern: fullMatch('[\\w_]+') },
    IdentityPoolTags: { maxLength: 256 },
    'IdentityPoolTags.key': TAG_KEY,
    Tags: { maxLength: 256 },
    'Tags.key': TAG_KEY,
    TagKeys: TAG_KEY,
    ResourceArn: ARN,
    MaxResults: { min: 1, max: MAX_RESULTS },
    NextToken: { minLength: 1, maxLength: 65_535, pattern: fullMatch('[\\S]+'), secret: true },
    Logins: { minLength: 1, maxLength: 50_000, maxEntries: 10, secret: true },
    // `secret` is this project's addition: a client that confuses keys and values sends a token here.
    'Logins.key': { ...PROVIDER_NAME, secret: true },
    PrincipalTags: { minLength: 1, maxLength: 256, maxEntries: 50 },
    'PrincipalTags.key': { minLength: 1, maxLength: 128 },
    TokenDuration: { min: 1, max: MAX_TOKEN_DURATION_SECONDS },
    SourceUserIdentifier: DEVELOPER_USER,
    DestinationUserIdentifier: DEVELOPER_USER,
    DeveloperUserIdentifier: DEVELOPER_USER,
    CustomRoleArn: ARN,
    // `secret` is this project's addition, as for the keys of Logins.
    LoginsToRemove: { ...PROVIDER_NAME, secret: true },
    IdentityProviderName: PROVIDER_NAME,
    Roles: { ...ARN, maxEntries: 2 },
    'Roles.key': { minLength: 1, maxLength: 128, pattern: fullMatch('(un)?authenticated') },
    RoleMappings: { maxEntries: 10 },
    'RoleMappings.key': PROVIDER_NAME,
    Type: { oneOf: ['Token', 'Rules'] },
    AmbiguousRoleResolution: { oneOf: ['AuthenticatedRole', 'Deny'] },
    Rules: { minEntries: 1, maxEntries: 400 },
    Claim: { minLength: 1, maxLength: 64, pattern: fullMatch('[\\p{L}\\p{M}\\p{S}\\p{N}\\p{P}]+', 'u') },
    MatchType: { oneOf: ['Equals', 'Contains', 'StartsWith', 'NotEqual'] },
    Value: { minLength: 1, maxLength: 128 },
    RoleARN: ARN,
  }),
);
