import { createCognitoSyncClient } from '../../../lib/aws/cognito-sync-client.ts';
import type { Credentials } from '../../../lib/common/environment.ts';
import { SetupError } from '../../../lib/common/errors.ts';
import { seedIdentity } from '../../cli/commands/seed/seed-identity.ts';
import { firstPoolId } from '../names.ts';
import type { SeedIdentity } from './testing.ts';

interface Service {
  url: string;
  region: string;
  credentials: Credentials;
}

/**
 * Creates identities in the first pool, and writes their datasets through the service's APIs, as apps do. The sync
 * trigger runs, and the records reach the query store.
 *
 * @returns the ids of the identities, in the order of `identities`
 * @throws the service's error, for example if a value violates the sync rules
 */
export async function seed(
  { url, region, credentials }: Service,
  identities: readonly SeedIdentity[],
): Promise<string[]> {
  const client = createCognitoSyncClient({ region, endpoint: url, credentials });
  const IdentityPoolId = firstPoolId(region);
  const ids: string[] = [];
  try {
    for (const { identityId, logins, datasets = {} } of identities) {
      const IdentityId = identityId ?? (await getId(url, IdentityPoolId, logins));
      ids.push(IdentityId);
      const steps = Object.entries(datasets).map(([datasetName, values]) => ({
        kind: 'sync' as const,
        datasetName,
        values,
        conflicts: false,
      }));
      await seedIdentity(client, IdentityPoolId, { identityId: IdentityId, steps });
    }
  } finally {
    client.destroy();
  }
  return ids;
}

async function getId(
  url: string,
  IdentityPoolId: string,
  Logins: Record<string, string> | undefined,
): Promise<string> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/x-amz-json-1.1',
      'X-Amz-Target': 'AWSCognitoIdentityService.GetId',
    },
    body: JSON.stringify({ IdentityPoolId, Logins }),
  });
  const answer = (await response.json()) as { IdentityId?: unknown; __type?: unknown; message?: unknown };
  if (typeof answer.IdentityId === 'string') return answer.IdentityId;
  throw new SetupError(`GetId returned ${answer.__type}: ${answer.message}`);
}
