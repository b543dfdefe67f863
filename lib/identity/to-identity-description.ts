import type { StoredIdentity } from './identity-store.ts';
import type { IdentityDescription } from './model.ts';

/** The identity as the API shows it. */
export function toIdentityDescription(identity: StoredIdentity): IdentityDescription {
  return {
    IdentityId: identity.identityId,
    Logins: [...identity.providers],
    CreationDate: identity.createdAt,
    LastModifiedDate: identity.modifiedAt,
  };
}
