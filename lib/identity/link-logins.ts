import { loginsDoNotMatch } from './errors.ts';
import type { FoundLogins, LinkDecision, LivingIdentity } from './identity-store.ts';

export interface LinkOptions {
  /** For an identity that is not there yet. */
  newIdentityId: string;
  /** A developer's backend says that the logins are those of the identity asked for: none has to be its own already. */
  isVouchedFor?: boolean;
}

/**
 * Who somebody is that shows logins, and what becomes of the identities that they belong to: they are one person's, so
 * that one identity stays. An authenticated identity that is asked for stays; a guest becomes part of those who are
 * known already; else the one that was created first stays.
 *
 * Source: developer guide of Cognito, "Getting credentials" and "Switching identities": "linking two identities merges
 * them". Which one survives is nowhere documented.
 *
 * @throws {ServiceError} NotAuthorizedException: none of the logins is that of the authenticated identity asked for, or
 *   they prove to be another one
 */
export function linkLogins(
  found: FoundLogins,
  { newIdentityId, isVouchedFor = false }: LinkOptions,
): LinkDecision {
  const { asked, proven, unowned: link } = found;
  const owners = ownersIn(found);
  const [first] = owners;
  if (asked === null) {
    return first ? unite(first, owners, link) : { identityId: newIdentityId, isNew: true, link, merge: [] };
  }
  if (proven !== null && proven.identityId !== asked.identityId) throw loginsDoNotMatch();
  if (asked.isGuest) return unite(first ?? asked, [...owners, asked], link);
  const isKnown = isVouchedFor || owners.some(({ identityId }) => identityId === asked.identityId);
  if (!isKnown) throw loginsDoNotMatch();
  return unite(asked, owners, link);
}

/** Each once, the one that was created first before the others. */
function ownersIn({ proven, owned }: FoundLogins): LivingIdentity[] {
  const all = [...(proven ? [proven] : []), ...owned.map(({ owner }) => owner)];
  const byId = new Map(all.map((owner) => [owner.identityId, owner]));
  return [...byId.values()].sort(
    (a, b) => a.createdAt - b.createdAt || (a.identityId < b.identityId ? -1 : 1),
  );
}

function unite(
  survivor: LivingIdentity,
  identities: readonly LivingIdentity[],
  link: LinkDecision['link'],
): LinkDecision {
  const merge = identities
    .map(({ identityId }) => identityId)
    .filter((identityId) => identityId !== survivor.identityId);
  return { identityId: survivor.identityId, isNew: false, link, merge };
}
