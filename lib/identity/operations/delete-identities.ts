import { authorizeDeveloper } from '../../common/caller.ts';
import { invalidParameter } from '../../common/errors.ts';
import type { IdentityDependencies } from '../dependencies.ts';
import type { IdentityOperations, UnprocessedIdentityId } from '../model.ts';

/** Source: API reference of Cognito Identity, DeleteIdentities. */
const MAX_IDENTITIES = 60;

type Needed = 'store' | 'deleteIdentityData' | 'onFailedDeletion' | 'now';

/**
 * DeleteIdentities: deletes identities, their logins and all their data. The identities that were merged into a deleted
 * identity are deleted with it. From then on, all credentials and tokens of these identities are rejected. A user whose
 * login was deleted gets a new identity at the next login.
 *
 * A failure of one identity does not affect the others. The answer lists the identities that are not completely
 * deleted:
 * - AccessDenied: there is no such identity.
 * - InternalServerError: the deletion failed, or other transactions lock part of the data. If the identity is already
 *   deleted, a scheduled function deletes the rest. The request can also be repeated. An identity that was merged less
 *   than two hours ago gets this code, too, because its datasets may still be moved to the identity into which it was
 *   merged.
 *
 * @throws {ServiceError} InvalidParameterException unless there are 1 to 60 ids; NotAuthorizedException
 */
export function createDeleteIdentities(
  dependencies: Pick<IdentityDependencies, Needed>,
): IdentityOperations['DeleteIdentities'] {
  return async ({ IdentityIdsToDelete }, caller) => {
    authorizeDeveloper(caller);
    if (IdentityIdsToDelete.length < 1 || IdentityIdsToDelete.length > MAX_IDENTITIES) {
      throw invalidParameter('identityIdsToDelete', `Member must have 1 to ${MAX_IDENTITIES} entries`);
    }
    const UnprocessedIdentityIds: UnprocessedIdentityId[] = [];
    for (const IdentityId of new Set(IdentityIdsToDelete)) {
      const ErrorCode = await deleteIdentity(dependencies, IdentityId);
      if (ErrorCode !== null) UnprocessedIdentityIds.push({ IdentityId, ErrorCode });
    }
    return { UnprocessedIdentityIds };
  };
}

/** @returns null if the identity and all its data are deleted */
async function deleteIdentity(
  { store, deleteIdentityData, onFailedDeletion, now }: Pick<IdentityDependencies, Needed>,
  identityId: string,
): Promise<UnprocessedIdentityId['ErrorCode'] | null> {
  try {
    const deleted = await store.deleteIdentity(identityId, now());
    if (deleted === 'unknown') return 'AccessDenied';
    if (deleted === 'merging') return 'InternalServerError';
    let isEmpty = true;
    for (const identity of deleted) isEmpty = (await deleteIdentityData(identity)) && isEmpty;
    return isEmpty ? null : 'InternalServerError';
  } catch (error) {
    onFailedDeletion(identityId, error);
    return 'InternalServerError';
  }
}
