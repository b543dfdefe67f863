import { loginsDoNotMatch, secondLoginOfProvider, tooManyLogins } from './errors.ts';
import type { FoundLogins, LinkDecision, LivingIdentity } from './ports/identity-store.ts';

export interface LinkOptions {
  /** The id of the new identity, if an identity must be created. */
  newIdentityId: string;
  /** The pool's developer provider, of which an identity may have several logins. */
  developerProvider: string | undefined;
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
 * guest is merged into that owner. If the origin of a migration names an identity, that identity survives, as it does
 * at the origin.
 *
 * Source: developer guide of Cognito, "Getting credentials" and "Switching identities": "linking two identities merges
 * them". The guide does not say which identity survives.
 *
 * @throws {ServiceError} NotAuthorizedException if the requested identity is not a guest and owns none of the logins,
 *   or if the client has proven to be an identity other than the requested one; the errors of `requireLinkable`
 */
export function linkLogins(found: FoundLogins, options: LinkOptions): LinkDecision {
  const decision = { ...decide(found, options), ...knownProviders(found, options) };
  requireLinkable(found, decision, options.developerProvider);
  return decision;
}

/**
 * Returns the providers whose users are now known. If the origin of a migration named the client's identity, all
 * presented logins belong to this identity. The developer provider is not included: an identity can have several users
 * of this provider, and the copy already knows all of them.
 */
function knownProviders(
  { named, owned, unowned }: FoundLogins,
  { developerProvider }: LinkOptions,
): Pick<LinkDecision, 'known'> {
  if (!named) return {};
  const presented = [...owned.map(({ login }) => login), ...unowned].map(({ provider }) => provider);
  return { known: presented.filter((provider) => provider !== developerProvider) };
}

/** The largest number of logins of an identity. Source: API reference of Cognito Identity, MergeDeveloperIdentities. */
export const MAX_LOGINS = 20;

/**
 * Checks that an identity may have the logins that a decision gives it: at most one login per public provider, and at
 * most `MAX_LOGINS` logins. Logins that the identity already has are not checked, so that an identity from before this
 * rule remains usable. If the origin of a migration named the identity, the logins whose users only the origin knows
 * are not counted. One of them can be the login that the client presents, and the origin has already checked them.
 * Source: API reference of Cognito Identity, MergeDeveloperIdentities: "If the users to be merged are associated with
 * the same public provider, but as two different users, an exception will be thrown."
 *
 * @throws {ServiceError} ResourceConflictException
 */
export function requireLinkable(
  { asked, proven, named = null, owned }: FoundLogins,
  { identityId, link, merge }: Pick<LinkDecision, 'identityId' | 'link' | 'merge'>,
  developerProvider: string | undefined,
): void {
  const all = [asked, proven, named, ...owned.map(({ owner }) => owner)];
  const providersOf = (id: string) => {
    const { providers = [], copied = [] } = all.find((identity) => identity?.identityId === id) ?? {};
    return named === null ? providers : providers.filter((provider) => !copied.includes(provider));
  };
  const had = providersOf(identityId);
  const added = [...link.map(({ provider }) => provider), ...merge.flatMap(providersOf)];
  if (added.length > 0 && had.length + added.length > MAX_LOGINS) throw tooManyLogins(MAX_LOGINS);
  const taken = new Set(had);
  for (const provider of added) {
    if (taken.has(provider) && provider !== developerProvider) throw secondLoginOfProvider();
    taken.add(provider);
  }
}

function decide(found: FoundLogins, { newIdentityId, isVouchedFor = false }: LinkOptions): LinkDecision {
  const { asked, proven, named = null, unowned: link } = found;
  const owners = ownersIn(found);
  const [first] = owners;
  if (proven !== null && asked !== null && proven.identityId !== asked.identityId) throw loginsDoNotMatch();
  if (named !== null) {
    const others = [...owners, named];
    const isKnown =
      asked === null || asked.isGuest || others.some(({ identityId }) => identityId === asked.identityId);
    if (!isKnown && !isVouchedFor) throw loginsDoNotMatch();
    // A proven identity survives. The origin did not see the token that proves it, and named only the identity of the
    // other logins.
    const survivor = isVouchedFor || proven !== null ? (asked ?? proven ?? named) : named;
    return mergeInto(survivor, asked === null ? others : [...others, asked], link);
  }
  if (asked === null) {
    return first
      ? mergeInto(first, owners, link)
      : { identityId: newIdentityId, isNew: true, link, merge: [] };
  }
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
  const merge = [...new Set(identities.map(({ identityId }) => identityId))].filter(
    (identityId) => identityId !== survivor.identityId,
  );
  return { identityId: survivor.identityId, isNew: false, link, merge };
}
