import { loginsDoNotMatch } from './errors.ts';
import type { FoundLogins, LinkDecision, LivingIdentity } from './ports/identity-store.ts';

export interface LinkOptions {
  /** The id of the new identity, if an identity must be created. */
  newIdentityId: string;
  /**
   * Whether a developer's backend vouches that the logins belong to the requested identity. If the backend vouches, the
   * logins need not be linked to that identity already.
   */
  isVouchedFor?: boolean;
}

/**
 * Decides which identity the client gets for its logins, and which identities are merged into that identity. All
 * identities that own one of the logins belong to one person, so only one of these identities survives. If the
 * requested identity is not a guest, it survives. Otherwise the owner that was created first survives, and a requested
 * guest is merged into that owner.
 *
 * Source: developer guide of Cognito, "Getting credentials" and "Switching identities": "linking two identities merges
 * them". The guide does not say which identity survives.
 *
 * @throws {ServiceError} NotAuthorizedException if the requested identity is not a guest and owns none of the logins,
 *   or if the client has proven to be an identity other than the requested one
 */
export function linkLogins(
  found: FoundLogins,
  { newIdentityId, isVouchedFor = false }: LinkOptions,
): LinkDecision {
  const { asked, proven, unowned: link } = found;
  const owners = ownersIn(found);
  const [first] = owners;
  if (asked === null) {
    return first
      ? mergeInto(first, owners, link)
      : { identityId: newIdentityId, isNew: true, link, merge: [] };
  }
  if (proven !== null && proven.identityId !== asked.identityId) throw loginsDoNotMatch();
  if (asked.isGuest) return mergeInto(first ?? asked, [...owners, asked], link);
  const isKnown = isVouchedFor || owners.some(({ identityId }) => identityId === asked.identityId);
  if (!isKnown) throw loginsDoNotMatch();
  return mergeInto(asked, owners, link);
}

/**
 * Returns the identities that own a login, and the proven identity. Each identity is returned once, in the order of
 * creation.
 */
function ownersIn({ proven, owned }: FoundLogins): LivingIdentity[] {
  const all = [...(proven ? [proven] : []), ...owned.map(({ owner }) => owner)];
  const byId = new Map(all.map((owner) => [owner.identityId, owner]));
  return [...byId.values()].sort(
    (a, b) => a.createdAt - b.createdAt || (a.identityId < b.identityId ? -1 : 1),
  );
}

function mergeInto(
  survivor: LivingIdentity,
  identities: readonly LivingIdentity[],
  link: LinkDecision['link'],
): LinkDecision {
  const merge = identities
    .map(({ identityId }) => identityId)
    .filter((identityId) => identityId !== survivor.identityId);
  return { identityId: survivor.identityId, isNew: false, link, merge };
}
