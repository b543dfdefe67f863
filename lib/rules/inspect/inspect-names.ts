import { compileGlob } from '../match-glob.ts';
import { createNameLookup } from '../name-lookup.ts';
import { commonText } from './overlap.ts';
import type { PossibleNames } from './possible-names.ts';

/** A finding about valid rules. */
export interface Finding {
  /** An error is certainly a mistake. A note may be a mistake. */
  severity: 'error' | 'note';
  /** The path of the rule, such as `datasets.game.keys.level-*`. */
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
 * Inspects rules that are named by an exact name or a glob. Only one rule applies to each name. Finds rules that never
 * apply, and pairs of globs that overlap by accident.
 *
 * @returns the findings, and the rules that apply to at least one name, as far as can be determined
 */
export function inspectNames<Rule extends Named>(
  named: NamedRules<Rule>,
): { findings: Finding[]; reachable: Rule[] } {
  const findings: Finding[] = [];
  const reachable = named.rules.filter((rule) => {
    const problem = unreachableReason(rule, named);
    if (problem !== null) findings.push({ severity: 'error', place: rule.path, text: problem });
    return problem === null;
  });
  return { findings: [...findings, ...overlaps(reachable, named)], reachable };
}

/**
 * Returns why a rule applies to no name; null if the rule may apply to a name.
 *
 * To check a glob `g`, this function looks up the text of `g` itself, as if it were a name. The lookup finds a glob
 * `h`, because the name of an exact rule contains no `*`. The literal characters of `h` contain no `*` either, so each
 * `*` in the text of `g` was matched by a `*` of `h`. That `*` of `h` would match any other text in this place, too.
 * Therefore `h` matches every name that `g` matches.
 *
 * - If `h` is another glob, it takes precedence over `g`, because the lookup found it first. So `g` never applies.
 * - If `h` is `g` itself, there is a name to which `g` applies: the text of `g` with each `*` replaced by a letter that
 *   occurs in no rule of the list. By the reasoning above, each glob that matches this name also matches the text of
 *   `g`, and `g` takes precedence over all of these globs.
 *
 * The second conclusion can be wrong: names may not allow such a letter, or `g` may be too long for one more letter. In
 * that case, several rules together may match all names of `g`, and this function does not detect it.
 */
function unreachableReason<Rule extends Named>(
  rule: Rule,
  { find, possible }: NamedRules<Rule>,
): string | null {
  const { name } = rule;
  if (!name.includes('*')) return possible.nameProblem(name);
  const problem = possible.literalsProblem(name.replaceAll('*', ''));
  if (problem !== null) return problem;
  const found = find(name);
  return found === rule || found === undefined
    ? null
    : `it never applies: ${found.name} takes precedence and matches every name that this rule matches`;
}

/**
 * Finds pairs of globs that match common names although neither glob matches all names of the other glob. The rule that
 * applies to such a name may not be the rule that the author intended. If a third glob applies to the common name found
 * here, the overlap is taken as intended.
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
      const text = `overlaps with ${b.name}: both match ${shared}; ${first?.name} takes precedence`;
      return [{ severity: 'note', place: a.path, text }];
    }),
  );
}
