import { nameOf } from '../../../lib/aws/aws-failure.ts';
import { createCognitoSyncClient } from '../../../lib/aws/cognito-sync-client.ts';
import { createCognitoIdentityClient } from '../../../lib/aws/identity-deletion.ts';
import { openIdentitySession } from '../../../lib/aws/open-identity-session.ts';
import type { Credentials } from '../../../lib/common/environment.ts';
import { SetupError } from '../../../lib/common/errors.ts';
import { messageOfThrown } from '../../../lib/common/thrown.ts';
import { seedIdentity } from '../../cli/commands/seed/seed-identity.ts';
import { firstPoolId } from '../names.ts';
import { requireKnownNames } from './require-known-names.ts';
import type { SeedIdentity } from './testing.ts';

interface Service {
  region: string;
  endpoint: string;
  /** The credentials of a developer. */
  credentials: Credentials;
}

const MEMBERS = ['identityId', 'logins', 'datasets'] satisfies (keyof SeedIdentity)[];

/**
 * Creates identities in the first pool, and writes their datasets through the service's APIs with the credentials of
 * each identity, as apps do. The sync trigger runs, and the records reach the query store. An `identityId` that Cognito
 * Identity does not have cannot log in. Its datasets are written with the developer's credentials, for which no sync
 * trigger runs.
 *
 * @returns the ids of the identities, in the order of `identities`
 * @throws {SetupError} an identity has an unknown member or cannot log in
 * @throws the service's error, for example if a sync rule rejects a value
 */
export async function seed(service: Service, identities: readonly SeedIdentity[]): Promise<string[]> {
  for (const identity of identities) requireKnownNames('an identity has no member', identity, MEMBERS);
  const client = createCognitoIdentityClient(service);
  const identityPoolId = firstPoolId(service.region);
  const ids: string[] = [];
  try {
    for (const { datasets = {}, ...login } of identities) {
      const session = await openIdentitySession(client, { identityPoolId, ...login }).catch(
        explainRefusal(login.identityId),
      );
      ids.push(session.identityId);
      const credentials = session.credentials ?? service.credentials;
      await writeDatasets({ ...service, credentials }, identityPoolId, session.identityId, datasets);
    }
  } finally {
    client.destroy();
  }
  return ids;
}

function explainRefusal(identityId = 'an identity'): (error: unknown) => never {
  return (error) => {
    if (nameOf(error) !== 'NotAuthorizedException') throw error;
    throw new SetupError(
      `${identityId} cannot log in; set its \`logins\` to its tokens (${messageOfThrown(error)})`,
    );
  };
}

async function writeDatasets(
  service: Service,
  identityPoolId: string,
  identityId: string,
  datasets: NonNullable<SeedIdentity['datasets']>,
): Promise<void> {
  const client = createCognitoSyncClient(service);
  const steps = Object.entries(datasets).map(([datasetName, values]) => ({
    kind: 'sync' as const,
    datasetName,
    values,
    conflicts: false,
  }));
  try {
    await seedIdentity(client, identityPoolId, { identityId, steps });
  } finally {
    client.destroy();
  }
}
