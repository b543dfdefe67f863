/** Who is who, in memory: identities that become part of one another, and logins that are each one's. */
export interface Reference {
  /** The end of all merges. */
  find(identityId: string): string;
  isGuest(identityId: string): boolean;
  /** Identities in the order in which they were made, those that were merged as well. */
  readonly identities: readonly string[];
  readonly logins: ReadonlyMap<string, string>;
  /** Each identity that has become part of another one, beside that one as it was then. */
  readonly merges: ReadonlyMap<string, string>;
  /** A new identity, at this time. */
  add(identityId: string, createdAt: number): void;
  /** Who somebody is that shows these logins and identities: null where it is nobody yet. */
  oldestOf(shown: Shown): string | null;
  /** Makes all of them one, which `survivor` is. @returns those that have become part of it */
  unite(survivor: string, shown: Shown): string[];
}

export interface Shown {
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

  function living(shown: Shown): string[] {
    const owners = shown.logins.flatMap((login) => logins.get(login) ?? []);
    return [...new Set([...owners, ...shown.identities].map(find))];
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
    oldestOf(shown) {
      const age = (identityId: string) => createdAt.get(identityId) ?? 0;
      const oldestFirst = (a: string, b: string) => age(a) - age(b) || (a < b ? -1 : 1);
      return living(shown).sort(oldestFirst)[0] ?? null;
    },
    unite(survivor, shown) {
      const merged = living(shown).filter((identityId) => identityId !== survivor);
      for (const identityId of merged) into.set(identityId, survivor);
      for (const login of shown.logins) logins.set(login, survivor);
      return merged;
    },
  };
}
