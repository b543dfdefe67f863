import {
  type CognitoIdentityClient,
  DescribeIdentityCommand,
  DescribeIdentityPoolCommand,
  type IdentityDescription,
  ListIdentitiesCommand,
  LookupDeveloperIdentityCommand,
} from '@aws-sdk/client-cognito-identity';
import { SyncClientError } from '../backfill/ports/sync-client.ts';
import type { IdentityPoolDescription } from '../identity/model.ts';
import type { Origin, OriginIdentity } from '../move/ports/origin.ts';
import { type OriginSettings, originName } from '../move/read-origin-settings.ts';
import { createCognitoSyncClient } from './cognito-sync-client.ts';
import { createCognitoIdentityClient } from './identity-deletion.ts';
import { createOriginData } from './origin-data.ts';
import { createPoolSettings } from './pool-settings.ts';
import { translateErrors } from './sync-client.ts';

/** Maximum page size. Source: Amazon Cognito Identity API Reference, ListIdentities and LookupDeveloperIdentity. */
const PER_PAGE = 60;

/**
 * Opens the origin of a migration through the AWS SDK. Sends no request before the returned origin is used. The SDK
 * does not retry: the caller paces and retries the calls, and retries of the SDK would exceed the caller's rate limit.
 */
export function openOrigin({ streamName, region, endpoint, credentials }: OriginSettings): Origin {
  const address = { region, ...(endpoint !== undefined && { endpoint }) };
  const options = {
    ...address,
    ...(credentials !== undefined && { credentials }),
    // AWS_ENDPOINT_URL may be set to the address of this service. The SDK would then send the calls for the origin there.
    ignoreConfiguredEndpointUrls: true,
    maxAttempts: 1,
  };
  const sync = createCognitoSyncClient(options);
  const identities = createCognitoIdentityClient(options);
  const settings = createPoolSettings(sync);
  return {
    name: originName(address),
    streamName,

    async readPool(identityPoolId) {
      const described = await translateErrors(() => describePool(identities, identityPoolId));
      return { settings: described, ...(await settings.read(identityPoolId)) };
    },

    listIdentities: (IdentityPoolId, { hideDisabled: HideDisabled, token }) =>
      translateErrors(async () => {
        const command = new ListIdentitiesCommand({
          IdentityPoolId,
          HideDisabled,
          MaxResults: PER_PAGE,
          NextToken: token ?? undefined,
        });
        const { Identities = [], NextToken } = await identities.send(command);
        return { items: Identities.flatMap(toIdentity), next: NextToken ?? null };
      }),

    async describeIdentity(IdentityId) {
      try {
        const command = new DescribeIdentityCommand({ IdentityId });
        return (await translateErrors(async () => toIdentity(await identities.send(command))))[0] ?? null;
      } catch (error) {
        if (error instanceof SyncClientError && error.condition === 'not-found') return null;
        throw error;
      }
    },

    listDeveloperUsers: ({ identityPoolId, identityId }) =>
      translateErrors(() => listDeveloperUsers(identities, identityPoolId, identityId)),

    ...createOriginData(sync),

    close() {
      sync.destroy();
      identities.destroy();
    },
  };
}

async function describePool(
  client: CognitoIdentityClient,
  IdentityPoolId: string,
): Promise<IdentityPoolDescription> {
  const pool = await client.send(new DescribeIdentityPoolCommand({ IdentityPoolId }));
  return {
    IdentityPoolId,
    IdentityPoolName: pool.IdentityPoolName ?? IdentityPoolId,
    AllowUnauthenticatedIdentities: pool.AllowUnauthenticatedIdentities ?? false,
    AllowClassicFlow: pool.AllowClassicFlow,
    SupportedLoginProviders: pool.SupportedLoginProviders,
    DeveloperProviderName: pool.DeveloperProviderName,
    OpenIdConnectProviderARNs: pool.OpenIdConnectProviderARNs,
    CognitoIdentityProviders: pool.CognitoIdentityProviders,
    SamlProviderARNs: pool.SamlProviderARNs,
    IdentityPoolTags: pool.IdentityPoolTags,
  };
}

function toIdentity({
  IdentityId,
  Logins,
  CreationDate,
  LastModifiedDate,
}: IdentityDescription): OriginIdentity[] {
  if (IdentityId === undefined) return [];
  const createdAt = CreationDate?.getTime() ?? 0;
  const modifiedAt = LastModifiedDate?.getTime() ?? createdAt;
  return [{ identityId: IdentityId, createdAt, modifiedAt, providers: Logins ?? [] }];
}

/** Lists the developer users of an identity. The origin reports an identity without developer users as not found. */
async function listDeveloperUsers(
  client: CognitoIdentityClient,
  IdentityPoolId: string,
  IdentityId: string,
): Promise<string[]> {
  const users: string[] = [];
  let next: string | undefined;
  do {
    const about = { IdentityPoolId, IdentityId, MaxResults: PER_PAGE, NextToken: next };
    const page = await client.send(new LookupDeveloperIdentityCommand(about)).catch((error: unknown) => {
      if (error instanceof Error && error.name === 'ResourceNotFoundException') return null;
      throw error;
    });
    if (page === null) break;
    users.push(...(page.DeveloperUserIdentifierList ?? []));
    next = page.NextToken;
  } while (next !== undefined);
  return [...new Set(users)];
}
