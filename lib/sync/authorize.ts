import type { DatasetKey, IdentityKey } from '../common/dataset-key.ts';
import { ServiceError } from '../common/errors.ts';
import type { Caller } from './model.ts';

interface IdentityInput {
  IdentityPoolId: string;
  IdentityId: string;
}

/**
 * What the request is about, if the caller may touch it: a developer any identity, an identity itself alone.
 * @throws {ServiceError} NotAuthorizedException, in the service's own words
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

/** The same for a dataset of the identity. */
export function authorizeDataset(input: IdentityInput & { DatasetName: string }, caller: Caller): DatasetKey {
  return { ...authorizeIdentity(input, caller), datasetName: input.DatasetName };
}

/**
 * Lets the identity itself alone pass, no developer: a device is a person's.
 * @throws {ServiceError} NotAuthorizedException, as the service has been seen to answer developers
 */
export function authorizeOwnIdentity(input: IdentityInput, caller: Caller): IdentityKey {
  if (caller.kind !== 'identity') throw notAuthorized();
  return authorizeIdentity(input, caller);
}

/** Lets a developer alone pass: what is a pool's is no identity's. @throws {ServiceError} NotAuthorizedException */
export function authorizeDeveloper(caller: Caller): void {
  if (caller.kind !== 'developer') throw notAuthorized();
}

function notAuthorized(): ServiceError {
  return new ServiceError(
    'NotAuthorizedException',
    'These credentials are not valid for accessing this resource',
  );
}

/** Who a change is put down to, as LastModifiedBy. */
export function nameOf(caller: Caller): string {
  return caller.kind === 'developer' ? caller.accountId : caller.identityId;
}
