import type { DatasetRule, Example, KeyRule, SyncRules } from '../rules-model.ts';
import { type Finding, inspectNames } from './inspect-names.ts';
import { POSSIBLE_DATASET_NAMES, POSSIBLE_KEYS } from './possible-names.ts';
import { tryExample } from './try-example.ts';

export interface Inspection {
  findings: readonly Finding[];
  counts: { datasets: number; keyRules: number; examples: number };
}

/**
 * Finds mistakes that `defineRules` accepts: rules that never apply, globs that overlap by accident, and examples whose
 * result differs from the stated result.
 *
 * @returns findings in the order of the rules. The findings may quote the rules file, including its examples
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
    // Rules that never apply cannot be tried, and are reported already.
    ...(isReachable ? reachable.flatMap((keyRule) => inspectExamples(rules, dataset, keyRule)) : []),
  ];
}

function inspectUnknownKeys({ path, keys, unknownKeys }: DatasetRule): Finding[] {
  const catchAll = keys.find(({ name }) => /^\*+$/.test(name));
  // `allow` is the default, so it is unknown whether the user wrote it.
  if (!catchAll || unknownKeys === 'allow') return [];
  const text = `it never applies: the rule for ${catchAll.name} matches every key`;
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
