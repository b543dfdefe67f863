import { randomUUID } from 'node:crypto';
import type { SigningKeys } from '../../common/signed-text.ts';
import type { Database } from '../../database/database.ts';
import { createIdentityOperations } from '../../identity/create-identity-operations.ts';
import type { IdentityDependencies } from '../../identity/dependencies.ts';
import { createOpenIdTokens } from '../../identity/open-id-token.ts';
import { createAssumeRoleWithWebIdentity } from '../../identity/operations/assume-role-with-web-identity.ts';
import { createPageTokens } from '../../identity/paging.ts';
import { createIdentityStore } from '../../identity/store/identity-store.ts';
import { ownAssumeRole, ownBeforeChanges, ownIssuing } from '../../move/own-operations.ts';
import type { Ownership } from '../../move/ownership.ts';
import { chargeIssued } from '../charge-issued.ts';
import { createIdentityApi, type IdentityApi } from '../identity-api.ts';
import type { RateLimits } from '../rate-limits.ts';
import type { SigV4Verifier } from '../sigv4.ts';
import { createStsApi, type StsApi } from '../sts-api.ts';
import { yieldWhileVerifying } from '../turns.ts';
import type { WireLogger } from '../wire-response.ts';

interface IdentityApisDeps
  extends Pick<
    IdentityDependencies,
    | 'credentials'
    | 'verifyLogin'
    | 'origin'
    | 'mergeDatasets'
    | 'deletePoolData'
    | 'deleteIdentityData'
    | 'region'
  > {
  database: Database;
  /** Takes identities over from the origin of a migration. Null if no pool can be moved to this service. */
  ownership: Ownership | null;
  tokenKeys: SigningKeys;
  verify: SigV4Verifier;
  limits: RateLimits;
  logger: WireLogger;
}

/** Creates Cognito Identity on top of the identity store, and the one operation of STS that the classic flow needs. */
export function createIdentityApis({
  database,
  ownership,
  tokenKeys,
  verify,
  limits,
  logger,
  ...needed
}: IdentityApisDeps): { identityApi: IdentityApi; stsApi: StsApi } {
  const store = createIdentityStore(database);
  const dependencies: IdentityDependencies = yieldWhileVerifying({
    ...needed,
    store: ownership ? ownBeforeChanges(store, ownership) : store,
    openIdTokens: createOpenIdTokens({ keys: tokenKeys, now: Date.now }),
    pageTokens: createPageTokens(tokenKeys),
    onFailedDeletion: (identityId, error) =>
      logger.error('an identity could not be deleted', { identityId, error }),
    now: Date.now,
    randomId: randomUUID,
  });
  const forClients = chargeIssued(dependencies, limits);
  const { GetCredentialsForIdentity, GetOpenIdToken } = createIdentityOperations(forClients);
  const unowned = {
    ...createIdentityOperations(dependencies),
    GetCredentialsForIdentity,
    GetOpenIdToken,
  };
  const operations = ownership ? { ...unowned, ...ownIssuing(unowned, ownership) } : unowned;
  const assumeRole = createAssumeRoleWithWebIdentity(forClients);
  const shared = { requestId: randomUUID, logger, limits };
  return {
    identityApi: createIdentityApi({ operations, verify, ...shared }),
    stsApi: createStsApi({
      assumeRoleWithWebIdentity: ownership ? ownAssumeRole(assumeRole, ownership) : assumeRole,
      ...shared,
    }),
  };
}
