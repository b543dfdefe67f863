import { randomUUID } from 'node:crypto';
import type { SigningKeys } from '../../lib/common/signed-text.ts';
import type { Database } from '../../lib/database/database.ts';
import { createIdentityOperations } from '../../lib/identity/create-identity-operations.ts';
import type { IdentityDependencies } from '../../lib/identity/dependencies.ts';
import { createOpenIdTokens } from '../../lib/identity/open-id-token.ts';
import { createAssumeRoleWithWebIdentity } from '../../lib/identity/operations/assume-role-with-web-identity.ts';
import { createPageTokens } from '../../lib/identity/paging.ts';
import { createIdentityStore } from '../../lib/identity/store/identity-store.ts';
import { chargeIssued } from '../../lib/wire/charge-issued.ts';
import { createIdentityApi } from '../../lib/wire/identity-api.ts';
import type { RateLimits } from '../../lib/wire/rate-limits.ts';
import type { SigV4Verifier } from '../../lib/wire/sigv4.ts';
import { createStsApi } from '../../lib/wire/sts-api.ts';
import { createFailureLogger } from './failure-logger.ts';
import { createIdentityRoute } from './http/aws-routes.ts';
import type { Route } from './http/http-server.ts';

interface IdentityServiceDeps
  extends Pick<
    IdentityDependencies,
    'credentials' | 'verifyLogin' | 'mergeDatasets' | 'deletePoolData' | 'deleteIdentityData' | 'region'
  > {
  database: Database;
  tokenKeys: SigningKeys;
  verify: SigV4Verifier;
  limits: RateLimits;
}

/**
 * Creates Cognito Identity on top of the identity store. The route also serves the one STS operation that Cognito's
 * classic flow needs.
 */
export function createIdentityService({
  database,
  tokenKeys,
  verify,
  limits,
  ...needed
}: IdentityServiceDeps): Route {
  const logger = createFailureLogger('identity-api');
  const dependencies: IdentityDependencies = {
    ...needed,
    store: createIdentityStore(database),
    openIdTokens: createOpenIdTokens({ keys: tokenKeys, now: Date.now }),
    pageTokens: createPageTokens(tokenKeys),
    onFailedDeletion: (identityId, error) =>
      logger.error('an identity could not be deleted', { identityId, error }),
    now: Date.now,
    randomId: randomUUID,
  };
  const forClients = chargeIssued(dependencies, limits);
  const { GetCredentialsForIdentity, GetOpenIdToken } = createIdentityOperations(forClients);
  const operations = {
    ...createIdentityOperations(dependencies),
    GetCredentialsForIdentity,
    GetOpenIdToken,
  };
  const shared = { requestId: randomUUID, logger, limits };
  return createIdentityRoute({
    identityApi: createIdentityApi({ operations, verify, ...shared }),
    stsApi: createStsApi({
      assumeRoleWithWebIdentity: createAssumeRoleWithWebIdentity(forClients),
      ...shared,
    }),
  });
}
