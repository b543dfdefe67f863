import { compileGlob } from './match-glob.ts';

/** Maximum number of cached names. Devices choose the names; one dataset has up to 1,024 keys. */
const MAX_CACHED = 2_048;

/**
 * Creates the lookup of the rule for a name: the rule with exactly that name. If no rule has that name, the matching
 * glob with the most literal characters applies. If several matching globs have the same number of literal characters,
 * the first of these globs applies.
 */
export function createNameLookup<Rule>(
  rules: readonly (readonly [nameOrGlob: string, rule: Rule])[],
): (name: string) => Rule | undefined {
  const exact = new Map(rules.filter(([name]) => !name.includes('*')));
  const globs = rules
    .filter(([name]) => name.includes('*'))
    .map(([glob, rule]) => ({ rule, literals: glob.replaceAll('*', '').length, matches: compileGlob(glob) }))
    .toSorted((a, b) => b.literals - a.literals);
  const cache = new Map<string, Rule | undefined>();

  return (name) => {
    const found = exact.get(name) ?? cache.get(name);
    if (found !== undefined || globs.length === 0 || cache.has(name)) return found;
    const rule = globs.find(({ matches }) => matches(name))?.rule;
    if (cache.size >= MAX_CACHED) cache.clear();
    cache.set(name, rule);
    return rule;
  };
}
