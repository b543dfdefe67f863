import {
  CognitoIdentityClient,
  CreateIdentityPoolCommand,
  type CreateIdentityPoolCommandInput,
  GetOpenIdTokenForDeveloperIdentityCommand,
  type GetOpenIdTokenForDeveloperIdentityCommandInput,
} from '@aws-sdk/client-cognito-identity';
import { SetIdentityPoolConfigurationCommand } from '@aws-sdk/client-cognito-sync';
import { DEFAULT_CREDENTIALS } from '../../lib/common/environment.ts';
import { APNS_APP, GCM_APP } from '../fixtures/sync/push-devices.ts';
import { createSyncClient } from '../fixtures/wire/sync-client.ts';

export const ROLE = 'arn:aws:iam::000000000000:role/players';
const DEVELOPER_PROVIDER = 'login.example.com';
/** Applications for Apple's phones and for Google's. */
export const PUSH = { ApplicationArns: [APNS_APP, GCM_APP] };

/** The SDK's client of a developer, for all that is no player's to do. */
function createIdentityClient(url: string): CognitoIdentityClient {
  return new CognitoIdentityClient({ region: 'us-east-1', endpoint: url, credentials: DEFAULT_CREDENTIALS });
}

/**
 * A pool as a developer makes one for an app: guests, Google, users of the developer's own; push and the stream are set.
 * @returns its id
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

/** What an app's own backend answers to a user who has logged in there. */
export async function logInAtBackend(
  url: string,
  question: Omit<GetOpenIdTokenForDeveloperIdentityCommandInput, 'Logins'> & { user: string },
): Promise<{ IdentityId: string; Token: string }> {
  const { user, ...ids } = question;
  const identities = createIdentityClient(url);
  const { IdentityId = '', Token = '' } = await identities.send(
    new GetOpenIdTokenForDeveloperIdentityCommand({ ...ids, Logins: { [DEVELOPER_PROVIDER]: user } }),
  );
  identities.destroy();
  return { IdentityId, Token };
}
