import { compileGlob } from '../match-glob.ts';
import { createNameLookup } from '../name-lookup.ts';
import { commonText } from './overlap.ts';
import type { PossibleNames } from './possible-names.ts';

/** What is to be said of rules that can be used. */
export interface Finding {
  /** An error is surely not what was meant; a note may be. */
  severity: 'error' | 'note';
  /** Where it is written, such as `datasets.game.keys.level-*`. */
  place: string;
  text: string;
}

interface Named {
  name: string;
  path: string;
}

interface NamedRules<Rule extends Named> {
  rules: readonly Rule[];
  find: (name: string) => Rule | undefined;
  possible: PossibleNames;
}

/**
 * Looks at rules by name or glob, of which one applies to a name: which never do, and which two share names by chance.
 * @returns the findings, and the rules that apply to some name, as far as can be told
 */
export function inspectNames<Rule extends Named>(
  named: NamedRules<Rule>,
): { findings: Finding[]; reachable: Rule[] } {
  const findings: Finding[] = [];
  const reachable = named.rules.filter((rule) => {
    const problem = whyUnreachable(rule, named);
    if (problem !== null) findings.push({ severity: 'error', place: rule.path, text: problem });
    return problem === null;
  });
  return { findings: [...findings, ...overlaps(reachable, named)], reachable };
}

/**
 * Why a rule applies to no name; null where it may apply to one.
 *
 * A glob `g` is looked up as if it were a name. What finds it must be a glob `h`, as no exact name has a `*` in it. No `*`
 * is among the literal characters of `h`, so each `*` of that name was taken by a `*` of `h`, which takes any other text
 * in its place just as well: `h` matches whatever `g` matches. If `h` is another glob than `g`, it also comes before `g` in
 * the order of rules, that of the look-up itself, so `g` never applies. And if `g` is found, there is a name that it
 * applies to: the one with a letter that no rule of the list has in place of each `*`, by the same reasoning. Only where
 * names leave no such letter, or no room for it, could several rules together take all of a glob's names unseen.
 */
function whyUnreachable<Rule extends Named>(rule: Rule, { find, possible }: NamedRules<Rule>): string | null {
  const { name } = rule;
  if (!name.includes('*')) return possible.nameProblem(name);
  const problem = possible.literalsProblem(name.replaceAll('*', ''));
  if (problem !== null) return problem;
  const found = find(name);
  return found === rule || found === undefined
    ? null
    : `it never applies: ${found.name} comes before it and matches all that it matches`;
}

/**
 * Two globs that match names in common, though neither all of the other's: which one applies is easily not the one that was
 * meant. Where a third glob applies to the name that shows it, that was thought of.
 */
function overlaps<Rule extends Named>(
  reachable: readonly Rule[],
  { find, possible }: NamedRules<Rule>,
): Finding[] {
  const globs = reachable.filter(({ name }) => name.includes('*'));
  return globs.flatMap((a, index) =>
    globs.slice(index + 1).flatMap((b): Finding[] => {
      if (compileGlob(a.name)(b.name) || compileGlob(b.name)(a.name)) return [];
      const shared = commonText(a.name, b.name);
      if (shared === null || possible.nameProblem(shared) !== null) return [];
      const found = find(shared);
      if (found !== a && found !== b && found?.name.includes('*')) return [];
      const first = createNameLookup<Rule>([
        [a.name, a],
        [b.name, b],
      ])(shared);
      const text = `overlaps with ${b.name}: both match ${shared}, and of the two ${first?.name} applies`;
      return [{ severity: 'note', place: a.path, text }];
    }),
  );
}
