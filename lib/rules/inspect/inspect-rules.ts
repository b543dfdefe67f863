import type { DatasetRule, Example, KeyRule, SyncRules } from '../rules-model.ts';
import { type Finding, inspectNames } from './inspect-names.ts';
import { POSSIBLE_DATASET_NAMES, POSSIBLE_KEYS } from './possible-names.ts';
import { tryExample } from './try-example.ts';

export interface Inspection {
  findings: readonly Finding[];
  counts: { datasets: number; keyRules: number; examples: number };
}

/**
 * Looks for what `defineRules` takes and is yet not right: rules that never apply, rules that share names by chance, and
 * examples that do not come out as they say.
 *
 * @returns findings in the order of the rules, which may hold what the rules file holds, its examples too
 */
export function inspectRules(rules: SyncRules): Inspection {
  const { datasets, findDatasetRule: find } = rules;
  const { findings, reachable } = inspectNames({ rules: datasets, find, possible: POSSIBLE_DATASET_NAMES });
  return {
    findings: [
      ...findings,
      ...datasets.flatMap((dataset) => inspectDataset(rules, dataset, reachable.includes(dataset))),
    ],
    counts: {
      datasets: datasets.length,
      keyRules: datasets.flatMap(({ keys }) => keys).length,
      examples: datasets.flatMap(({ keys }) => keys.flatMap(examplesOf)).length,
    },
  };
}

function inspectDataset(rules: SyncRules, dataset: DatasetRule, isReachable: boolean): Finding[] {
  const { keys, findKeyRule: find } = dataset;
  const { findings, reachable } = inspectNames({ rules: keys, find, possible: POSSIBLE_KEYS });
  return [
    ...findings,
    ...inspectUnknownKeys(dataset),
    // Rules that never apply cannot be tried, and are told of already.
    ...(isReachable ? reachable.flatMap((keyRule) => inspectExamples(rules, dataset, keyRule)) : []),
  ];
}

function inspectUnknownKeys({ path, keys, unknownKeys }: DatasetRule): Finding[] {
  const takesAll = keys.find(({ name }) => /^\*+$/.test(name));
  // Of `allow` it cannot be told whether it was written.
  if (!takesAll || unknownKeys === 'allow') return [];
  const text = `it never applies: no key is unknown beside a rule for ${takesAll.name}`;
  return [{ severity: 'note', place: `${path}.unknownKeys`, text }];
}

function inspectExamples(rules: SyncRules, dataset: DatasetRule, keyRule: KeyRule): Finding[] {
  return examplesOf(keyRule).flatMap(({ expected, example, index }) => {
    const problem = tryExample(example, expected, { rules, dataset, keyRule });
    if (problem === null) return [];
    const place = `${keyRule.path}.examples.${expected}[${index}]`;
    return [{ severity: 'error' as const, place, text: `${JSON.stringify(example)}: ${problem}` }];
  });
}

interface ListedExample {
  expected: 'accepted' | 'refused';
  example: Example;
  index: number;
}

function examplesOf({ options: { examples = {} } }: KeyRule): ListedExample[] {
  return (['accepted', 'refused'] as const).flatMap((expected) =>
    (examples[expected] ?? []).map((example, index) => ({ expected, example, index })),
  );
}
