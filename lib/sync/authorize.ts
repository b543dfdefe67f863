import { type Caller, notAuthorized } from '../common/caller.ts';
import type { DatasetKey, IdentityKey } from '../common/dataset-key.ts';
import type { ServiceError } from '../common/errors.ts';
import { identityNotFound } from './errors.ts';

interface IdentityInput {
  IdentityPoolId: string;
  IdentityId: string;
}

/**
 * Returns the identity that the request addresses, if the caller may access it. A developer may access every identity.
 * An identity may access only itself.
 *
 * @throws {ServiceError} NotAuthorizedException, with Amazon's text
 */
export function authorizeIdentity(
  { IdentityPoolId, IdentityId }: IdentityInput,
  caller: Caller,
): IdentityKey {
  const allowed =
    caller.kind === 'developer' ||
    (caller.identityPoolId === IdentityPoolId && caller.identityId === IdentityId);
  if (!allowed) throw notAuthorized();
  return { identityPoolId: IdentityPoolId, identityId: IdentityId };
}

/** Returns the dataset that the request addresses. Applies the rules and throws the errors of `authorizeIdentity`. */
export function authorizeDataset(input: IdentityInput & { DatasetName: string }, caller: Caller): DatasetKey {
  return { ...authorizeIdentity(input, caller), datasetName: input.DatasetName };
}

/**
 * Returns the identity that the request addresses, if the caller is that identity. Developers are rejected, because a
 * device belongs to a user.
 *
 * @throws {ServiceError} NotAuthorizedException, which Amazon's service has been observed to return to developers
 */
export function authorizeOwnIdentity(input: IdentityInput, caller: Caller): IdentityKey {
  if (caller.kind !== 'identity') throw notAuthorized();
  return authorizeIdentity(input, caller);
}

/**
 * Rejects the credentials of an identity that DeleteIdentities has deleted, with the same error as the credentials of
 * another identity. A developer may read: a deleted identity has no data. The check is made only if no data was found,
 * which costs other requests nothing.
 *
 * @param isDeleted called only if the caller is an identity
 * @throws {ServiceError} NotAuthorizedException, with Amazon's text
 */
export async function rejectRevoked(
  caller: Caller,
  isDeleted: (identityId: string) => Promise<boolean>,
): Promise<void> {
  if (caller.kind === 'identity' && (await isDeleted(caller.identityId))) throw notAuthorized();
}

/** Returns the error for a write to an identity that DeleteIdentities has deleted. */
export function identityDeleted(caller: Caller, { identityId }: IdentityKey): ServiceError {
  return caller.kind === 'identity' ? notAuthorized() : identityNotFound(identityId);
}

/** Returns the LastModifiedBy of the caller's changes: a developer's account id or an identity's id. */
export function nameOf(caller: Caller): string {
  return caller.kind === 'developer' ? caller.accountId : caller.identityId;
}
