import {
  CognitoIdentityClient,
  CreateIdentityPoolCommand,
  type CreateIdentityPoolCommandInput,
  GetOpenIdTokenForDeveloperIdentityCommand,
  type GetOpenIdTokenForDeveloperIdentityCommandInput,
} from '@aws-sdk/client-cognito-identity';
import { SetIdentityPoolConfigurationCommand } from '@aws-sdk/client-cognito-sync';
import { APNS_APP, GCM_APP } from '../fixtures/sync/push-devices.ts';
import { DEVELOPER_CREDENTIALS } from '../fixtures/wire/entrance.ts';
import { createSyncClient } from '../fixtures/wire/sync-client.ts';

export const ROLE = 'arn:aws:iam::000000000000:role/players';
const DEVELOPER_PROVIDER = 'login.example.com';
/** Push applications for Apple and Google devices. */
export const PUSH = { ApplicationArns: [APNS_APP, GCM_APP] };

/** Creates an SDK client with developer credentials. */
function createIdentityClient(url: string): CognitoIdentityClient {
  return new CognitoIdentityClient({
    region: 'us-east-1',
    endpoint: url,
    credentials: { ...DEVELOPER_CREDENTIALS },
  });
}

/**
 * Creates a pool as a developer does for an app: with guests, Google logins, developer-authenticated users, push and
 * the stream.
 * @returns the pool id
 */
export async function createPlayerPool(
  url: string,
  settings: Partial<CreateIdentityPoolCommandInput> = {},
): Promise<string> {
  const identities = createIdentityClient(url);
  const sync = createSyncClient(url);
  try {
    const { IdentityPoolId = '' } = await identities.send(
      new CreateIdentityPoolCommand({
        IdentityPoolName: 'players',
        AllowUnauthenticatedIdentities: true,
        SupportedLoginProviders: { 'accounts.google.com': 'app-1' },
        DeveloperProviderName: DEVELOPER_PROVIDER,
        ...settings,
      }),
    );
    const CognitoStreams = { StreamName: 'cognito-sync', StreamingStatus: 'ENABLED' as const };
    await sync.send(
      new SetIdentityPoolConfigurationCommand({ IdentityPoolId, PushSync: PUSH, CognitoStreams }),
    );
    return IdentityPoolId;
  } finally {
    identities.destroy();
    sync.destroy();
  }
}

/** Returns what an app's own backend sends to a user who has logged in there. */
export async function logInAtBackend(
  url: string,
  request: Omit<GetOpenIdTokenForDeveloperIdentityCommandInput, 'Logins'> & { user: string },
): Promise<{ IdentityId: string; Token: string }> {
  const { user, ...ids } = request;
  const identities = createIdentityClient(url);
  const { IdentityId = '', Token = '' } = await identities.send(
    new GetOpenIdTokenForDeveloperIdentityCommand({ ...ids, Logins: { [DEVELOPER_PROVIDER]: user } }),
  );
  identities.destroy();
  return { IdentityId, Token };
}
