import { compileGlob } from './match-glob.ts';

/** Names come from devices, a dataset's up to 1,024 at once: what is remembered of them has an end. */
const MAX_REMEMBERED = 2_048;

/**
 * Finds what applies to a name: what is written for exactly that name; else, of the globs that match, the one with most
 * literal characters, and of those the first.
 */
export function createNameLookup<Rule>(
  rules: readonly (readonly [nameOrGlob: string, rule: Rule])[],
): (name: string) => Rule | undefined {
  const exact = new Map(rules.filter(([name]) => !name.includes('*')));
  const globs = rules
    .filter(([name]) => name.includes('*'))
    .map(([glob, rule]) => ({ rule, literals: glob.replaceAll('*', '').length, matches: compileGlob(glob) }))
    .toSorted((a, b) => b.literals - a.literals);
  const remembered = new Map<string, Rule | undefined>();

  return (name) => {
    const found = exact.get(name) ?? remembered.get(name);
    if (found !== undefined || globs.length === 0 || remembered.has(name)) return found;
    const rule = globs.find(({ matches }) => matches(name))?.rule;
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    remembered.set(name, rule);
    return rule;
  };
}
