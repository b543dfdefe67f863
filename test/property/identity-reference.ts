/** A model of identities that are merged, and of their logins. */
export interface Reference {
  /** Returns the survivor after all merges. */
  find(identityId: string): string;
  isGuest(identityId: string): boolean;
  /** All identities in the order of creation, including merged ones. */
  readonly identities: readonly string[];
  readonly logins: ReadonlyMap<string, string>;
  /** Each merged identity, with the identity that it was merged into at the time. */
  readonly merges: ReadonlyMap<string, string>;
  /** Adds an identity that was created at this time. */
  add(identityId: string, createdAt: number): void;
  /** Returns the oldest identity that these logins and identities prove; null if there is none. */
  oldestOf(proof: Proof): string | null;
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
  const identities: string[] = [];

  function find(identityId: string): string {
    const target = into.get(identityId);
    return target === undefined ? identityId : find(target);
  }

  function survivorsOf(proof: Proof): string[] {
    const owners = proof.logins.flatMap((login) => logins.get(login) ?? []);
    return [...new Set([...owners, ...proof.identities].map(find))];
  }

  return {
    find,
    isGuest: (identityId) => ![...logins.values()].some((owner) => find(owner) === find(identityId)),
    identities,
    logins,
    merges: into,
    add(identityId, at) {
      identities.push(identityId);
      createdAt.set(identityId, at);
    },
    oldestOf(proof) {
      const age = (identityId: string) => createdAt.get(identityId) ?? 0;
      const oldestFirst = (a: string, b: string) => age(a) - age(b) || (a < b ? -1 : 1);
      return survivorsOf(proof).sort(oldestFirst)[0] ?? null;
    },
    unite(survivor, proof) {
      const merged = survivorsOf(proof).filter((identityId) => identityId !== survivor);
      for (const identityId of merged) into.set(identityId, survivor);
      for (const login of proof.logins) logins.set(login, survivor);
      return merged;
    },
  };
}
