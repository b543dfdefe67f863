import { evaluateRules } from '../evaluate-rules.ts';
import type { DatasetRule, Example, KeyRule, SyncRules } from '../rules-model.ts';
import type { Verdict } from '../verdict.ts';

/** The rule that an example belongs to. */
export interface ExampleContext {
  rules: SyncRules;
  dataset: DatasetRule;
  keyRule: KeyRule;
}

/**
 * Evaluates the actual rules, in mode `enforce`, for an event with only the example's record.
 *
 * @returns why the result is not as expected; null if the result is as expected
 */
export function tryExample(
  example: Example,
  expected: 'accepted' | 'refused',
  { rules, dataset, keyRule }: ExampleContext,
): string | null {
  const change = typeof example === 'string' ? { newValue: example } : example;
  const datasetName = nameFor(dataset, rules.findDatasetRule);
  if (datasetName === null) return 'found no dataset name to which these rules apply';
  const key = change.key ?? nameFor(keyRule, dataset.findKeyRule);
  if (key === null) return 'found no key to which this rule applies; set the key of the example';
  const found = dataset.findKeyRule(key);
  if (found !== keyRule)
    return `this rule does not apply to the key of the example${found ? `; ${found.name} does` : ''}`;
  const { oldValue, newValue } = change;
  if (oldValue === newValue) return 'it changes nothing';
  const verdict = evaluateRules(
    { ...rules, mode: 'enforce' },
    {
      version: 2,
      eventType: 'SyncTrigger',
      region: 'us-east-1',
      identityPoolId: 'us-east-1:00000000-0000-4000-8000-000000000000',
      identityId: 'us-east-1:00000000-0000-4000-8000-000000000001',
      datasetName,
      datasetRecords: Object.fromEntries([
        [
          key,
          {
            ...(oldValue === undefined ? {} : { oldValue }),
            ...(newValue === undefined ? { op: 'remove' as const } : { newValue, op: 'replace' as const }),
          },
        ],
      ]),
    },
  );
  return mismatch(verdict, key, expected);
}

function mismatch(verdict: Verdict, key: string, expected: 'accepted' | 'refused'): string | null {
  const { decisions } = verdict;
  const broken = decisions.find(({ action }) => action === 'rule-error');
  if (broken) return `${broken.rule} failed: ${broken.reason}`;
  const refusal =
    verdict.kind === 'rejected'
      ? verdict.reason
      : decisions.find(
          (decision) =>
            decision.key === key && (decision.action === 'reverted' || decision.action === 'dropped'),
        )?.reason;
  if (expected === 'refused') return refusal === undefined ? 'it is accepted' : null;
  return refusal === undefined ? null : `it is refused: ${refusal}`;
}

/**
 * Texts that replace `*` to build a name. `x` is first, because it is the most readable. If another rule applies to the
 * name with `x`, this rule may still apply to the name with another letter or with the empty text.
 */
const STAND_INS = ['x', ...'abcdefghijklmnopqrstuvwyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:', ''];

/** Finds a name to which the rule applies; null if no such name was found. */
function nameFor<Rule extends { name: string }>(
  rule: Rule,
  find: (name: string) => Rule | undefined,
): string | null {
  return STAND_INS.map((text) => rule.name.replaceAll('*', text)).find((name) => find(name) === rule) ?? null;
}
