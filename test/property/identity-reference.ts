/** A model of identities that are merged, deleted and lose logins, and of their logins. */
export interface Reference {
  /** Returns the survivor after all merges. */
  find(identityId: string): string;
  isGuest(identityId: string): boolean;
  /**
   * Whether a token proves the identity: the identity exists, was not made inaccessible, and has not lost a login since
   * the token was issued.
   */
  canBeProven(identityId: string, issuedAt: number): boolean;
  /** All identities in the order of creation, including merged ones, without deleted ones. */
  readonly identities: readonly string[];
  readonly logins: ReadonlyMap<string, string>;
  /** Each merged identity, with the identity that it was merged into at the time. */
  readonly merges: ReadonlyMap<string, string>;
  /** Removes these logins of an identity at this time. */
  unlink(identityId: string, logins: readonly string[], at: number): void;
  /** Deletes an identity, the identities that were merged into it, and their logins. */
  remove(identityId: string): void;
  /** Adds an identity that was created at this time. */
  add(identityId: string, createdAt: number): void;
  /** Returns the oldest identity that these logins and identities prove; null if there is none. */
  oldestOf(proof: Proof): string | null;
  /**
   * Whether a survivor may have all logins of the proof and of the proof's identities: one user per public provider,
   * and at most 20 logins.
   */
  canUnite(survivor: string | null, proof: Proof, developerProvider: string): boolean;
  /** Merges all identities that the proof contains into `survivor`. @returns the merged identities */
  unite(survivor: string, proof: Proof): string[];
}

export interface Proof {
  logins: readonly string[];
  identities: readonly string[];
}

export function createReference(): Reference {
  const into = new Map<string, string>();
  const createdAt = new Map<string, number>();
  const logins = new Map<string, string>();
  /** When each identity last lost a login. */
  const unlinked = new Map<string, number>();
  let identities: string[] = [];

  function find(identityId: string): string {
    const target = into.get(identityId);
    return target === undefined ? identityId : find(target);
  }

  function survivorsOf(proof: Proof): string[] {
    const owners = proof.logins.flatMap((login) => logins.get(login) ?? []);
    return [...new Set([...owners, ...proof.identities].map(find))];
  }

  const hasLogin = (identityId: string) =>
    [...logins.values()].some((owner) => find(owner) === find(identityId));

  return {
    find,
    isGuest: (identityId) => !hasLogin(identityId) && !unlinked.has(find(identityId)),
    canBeProven(identityId, issuedAt) {
      const unlinkedAt = unlinked.get(find(identityId));
      if (!identities.includes(identityId)) return false;
      return unlinkedAt === undefined || (hasLogin(identityId) && issuedAt >= unlinkedAt);
    },
    get identities() {
      return identities;
    },
    logins,
    merges: into,
    unlink(identityId, names, at) {
      const owned = names.filter((name) => find(logins.get(name) ?? '') === find(identityId));
      for (const name of owned) logins.delete(name);
      if (owned.length > 0) unlinked.set(find(identityId), at);
    },
    remove(identityId) {
      const removed = identities.filter((id) => find(id) === identityId);
      for (const [name, owner] of logins) if (removed.includes(find(owner))) logins.delete(name);
      identities = identities.filter((id) => !removed.includes(id));
      for (const id of removed) into.delete(id);
    },
    add(identityId, at) {
      identities.push(identityId);
      createdAt.set(identityId, at);
    },
    oldestOf(proof) {
      const age = (identityId: string) => createdAt.get(identityId) ?? 0;
      const oldestFirst = (a: string, b: string) => age(a) - age(b) || (a < b ? -1 : 1);
      return survivorsOf(proof).sort(oldestFirst)[0] ?? null;
    },
    canUnite(survivor, proof, developerProvider) {
      const united = new Set([...survivorsOf(proof), survivor]);
      const theirs = [...logins].filter(([, owner]) => united.has(find(owner))).map(([login]) => login);
      const all = new Set([...theirs, ...proof.logins]);
      const providers = [...all]
        .map((login) => login.split(' ')[0])
        .filter((name) => name !== developerProvider);
      return all.size <= 20 && new Set(providers).size === providers.length;
    },
    unite(survivor, proof) {
      const merged = survivorsOf(proof).filter((identityId) => identityId !== survivor);
      const times = [survivor, ...merged].flatMap((identityId) => unlinked.get(identityId) ?? []);
      if (times.length > 0) unlinked.set(survivor, Math.max(...times));
      for (const identityId of merged) into.set(identityId, survivor);
      for (const login of proof.logins) logins.set(login, survivor);
      return merged;
    },
  };
}
