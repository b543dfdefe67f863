import {
  CognitoIdentityClient,
  DeleteIdentitiesCommand,
  DescribeIdentityCommand,
  type UnprocessedIdentityId,
} from '@aws-sdk/client-cognito-identity';
import type { IdentityDeletion } from '../backfill/ports/identity-deletion.ts';
import { SyncClientError } from '../backfill/ports/sync-client.ts';
import type { IdentityKey } from '../common/dataset-key.ts';
import type { Credentials } from '../common/environment.ts';
import { atEndpoint } from './at-endpoint.ts';
import { type CognitoSync, requestHandler } from './cognito-sync-client.ts';
import { createSyncClient, translateErrors } from './sync-client.ts';

interface IdentityClientOptions {
  region: string;
  /** Base URL of a service that offers the Cognito Identity API. Default: Amazon's service. */
  endpoint?: string;
  /** Ignores the addresses in the environment and in the configuration file, such as AWS_ENDPOINT_URL. Default: false. */
  ignoreConfiguredEndpointUrls?: boolean;
  /** Default: the SDK's credential chain (environment, profile, role). */
  credentials?: Credentials;
  /** Maximum number of attempts of a request. Default: three. */
  maxAttempts?: number;
}

/** Creates a client for the Cognito Identity API, with a timeout on every request. The caller must call `destroy()`. */
export function createCognitoIdentityClient({
  credentials,
  endpoint,
  ...options
}: IdentityClientOptions): CognitoIdentityClient {
  return new CognitoIdentityClient({
    ...options,
    ...atEndpoint(endpoint),
    // The SDK adds members to the object that it receives.
    ...(credentials !== undefined && { credentials: { ...credentials } }),
    requestHandler: requestHandler(),
  });
}

/**
 * Creates the calls that delete an identity. Source: Amazon Cognito Identity API Reference, DeleteIdentities; Amazon
 * Cognito Sync API Reference, DeleteDataset.
 *
 * @param sync a client with developer credentials
 * @param identities a client with developer credentials
 */
export function createIdentityDeletion(
  sync: CognitoSync,
  identities: CognitoIdentityClient,
): IdentityDeletion {
  async function listDatasets({ identityPoolId, identityId }: IdentityKey): Promise<string[]> {
    const names = createSyncClient(sync).listDatasets(identityPoolId, identityId);
    return (await unlessNotFound(names)) ?? [];
  }

  return {
    countDatasets: async (identity) => (await listDatasets(identity)).length,

    /**
     * Deletes the datasets before the identity. It is not documented that Amazon's DeleteIdentities deletes the
     * datasets of an identity, nor that the datasets can still be listed after the deletion of the identity.
     */
    async deleteIdentity(identity) {
      const { identityPoolId: IdentityPoolId, identityId: IdentityId } = identity;
      for (const DatasetName of await listDatasets(identity)) {
        const dataset = { IdentityPoolId, IdentityId, DatasetName };
        await unlessNotFound(translateErrors(() => sync.deleteDataset(dataset)));
      }
      const command = new DeleteIdentitiesCommand({ IdentityIdsToDelete: [IdentityId] });
      const { UnprocessedIdentityIds = [] } = await translateErrors(() => identities.send(command));
      const [failure] = UnprocessedIdentityIds;
      if (failure !== undefined && (await exists(IdentityId))) throw toError(failure);
    },
  };

  /**
   * Whether the identity still exists. If it does not, nothing failed: a self-hosted service also reports an identity
   * as unprocessed that was deleted before.
   */
  async function exists(IdentityId: string): Promise<boolean> {
    const described = translateErrors(() => identities.send(new DescribeIdentityCommand({ IdentityId })));
    return (await unlessNotFound(described)) !== null;
  }
}

function toError({ ErrorCode: code }: UnprocessedIdentityId): SyncClientError {
  const condition = code === 'AccessDenied' ? 'not-authorized' : 'unavailable';
  return new SyncClientError(condition, `DeleteIdentities returned ${code ?? 'no error code'}`);
}

/** @returns null if the requested object does not exist */
async function unlessNotFound<Answer>(answer: Promise<Answer>): Promise<Answer | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof SyncClientError && error.condition === 'not-found') return null;
    throw error;
  }
}
