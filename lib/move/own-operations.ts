import type { Caller } from '../common/caller.ts';
import type { AssumeRoleWithWebIdentity, IdentityOperations } from '../identity/model.ts';
import type { IdentityStore } from '../identity/ports/identity-store.ts';
import { NoSuchSyncCountError } from '../sync/errors.ts';
import type { SyncOperations } from '../sync/model.ts';
import type { Ownership } from './ownership.ts';

interface IdentityInput {
  IdentityPoolId: string;
  IdentityId: string;
}

/**
 * Wraps the operations of Cognito Sync so that an identity is taken over before its first request here. A read by a
 * developer takes no identity over. A request of another identity does not either, because the operation rejects it.
 */
export function ownSyncOperations(operations: SyncOperations, ownership: Ownership): SyncOperations {
  const owned =
    <Input extends IdentityInput, Output>(
      operation: (input: Input, caller: Caller) => Promise<Output>,
      ofDevelopers = false,
    ) =>
    async (input: Input, caller: Caller): Promise<Output> => {
      const { IdentityPoolId: identityPoolId, IdentityId: identityId } = input;
      const isOwner =
        caller.kind === 'developer'
          ? ofDevelopers
          : caller.identityPoolId === identityPoolId && caller.identityId === identityId;
      if (isOwner) await ownership.own([{ identityPoolId, identityId }]);
      return operation(input, caller);
    };
  return {
    ...operations,
    ListRecords: owned(listKnowingDeletions(operations.ListRecords, ownership)),
    UpdateRecords: owned(operations.UpdateRecords, true),
    DeleteDataset: owned(operations.DeleteDataset, true),
    ListDatasets: owned(operations.ListDatasets),
    DescribeDataset: owned(operations.DescribeDataset),
    DescribeIdentityUsage: owned(operations.DescribeIdentityUsage),
    RegisterDevice: owned(operations.RegisterDevice),
    SubscribeToDataset: owned(operations.SubscribeToDataset),
    UnsubscribeFromDataset: owned(operations.UnsubscribeFromDataset),
  };
}

/**
 * Wraps ListRecords for a device with a count that this service never issued. The count can be from before a deletion that
 * only the origin knows. Then the deletion is stored here, and the device learns of it.
 */
function listKnowingDeletions(
  list: SyncOperations['ListRecords'],
  ownership: Ownership,
): SyncOperations['ListRecords'] {
  return async (input, caller) => {
    try {
      return await list(input, caller);
    } catch (error) {
      if (!(error instanceof NoSuchSyncCountError) || caller.kind === 'developer') throw error;
      const { IdentityPoolId: identityPoolId, IdentityId: identityId, DatasetName: datasetName } = input;
      const dataset = { identityPoolId, identityId, datasetName };
      if (!(await ownership.keepDeletion(dataset, error.syncCount))) throw error;
      return list(input, caller);
    }
  };
}

type Issuing = Pick<
  IdentityOperations,
  'GetCredentialsForIdentity' | 'GetOpenIdToken' | 'GetOpenIdTokenForDeveloperIdentity'
>;

/**
 * Wraps the operations that issue credentials and tokens, so that only identities that this service owns get them. The
 * logins of a replica can be outdated. For example, a copied guest may have received a login at the origin since; then
 * its id must no longer suffice. So the operation runs again after a takeover. Before the takeover, the operation
 * verifies the client's tokens: otherwise anyone who knows an identity's id could cause the takeover.
 */
export function ownIssuing(
  { GetCredentialsForIdentity, GetOpenIdToken, GetOpenIdTokenForDeveloperIdentity }: Issuing,
  ownership: Ownership,
): Issuing {
  const idOf = ({ IdentityId }: { IdentityId: string }) => IdentityId;
  return {
    GetCredentialsForIdentity: (input) => untilOwned(() => GetCredentialsForIdentity(input), idOf, ownership),
    GetOpenIdToken: (input) => untilOwned(() => GetOpenIdToken(input), idOf, ownership),
    GetOpenIdTokenForDeveloperIdentity: (input, caller) =>
      untilOwned(() => GetOpenIdTokenForDeveloperIdentity(input, caller), idOf, ownership),
  };
}

/** Wraps AssumeRoleWithWebIdentity for the same reason as `ownIssuing`. */
export function ownAssumeRole(
  assumeRole: AssumeRoleWithWebIdentity,
  ownership: Ownership,
): AssumeRoleWithWebIdentity {
  return (input) =>
    untilOwned(
      () => assumeRole(input),
      ({ SubjectFromWebIdentityToken }) => SubjectFromWebIdentityToken,
      ownership,
    );
}

async function untilOwned<Output>(
  issue: () => Promise<Output>,
  idOf: (output: Output) => string,
  ownership: Ownership,
): Promise<Output> {
  for (;;) {
    const output = await issue();
    if (!(await ownership.ownById(idOf(output)))) return output;
  }
}

/**
 * Wraps the identity store so that identities are taken over before their logins change or they are merged. If the takeover
 * changes an identity, the store rejects the change as outdated, and the operation decides again.
 */
export function ownBeforeChanges(store: IdentityStore, ownership: Ownership): IdentityStore {
  return {
    ...store,
    async applyLinks(change) {
      const { question, decision } = change;
      const { identityPoolId } = question;
      const changed = decision.isNew ? decision.merge : [decision.identityId, ...decision.merge];
      await ownership.own(changed.map((identityId) => ({ identityPoolId, identityId })));
      return store.applyLinks(change);
    },
  };
}
