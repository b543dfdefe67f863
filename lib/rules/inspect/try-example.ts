import { evaluateRules } from '../evaluate-rules.ts';
import type { DatasetRule, Example, KeyRule, SyncRules } from '../rules-model.ts';
import type { Verdict } from '../verdict.ts';

/** Where an example is tried. */
export interface ExampleContext {
  rules: SyncRules;
  dataset: DatasetRule;
  keyRule: KeyRule;
}

/**
 * Tries an example on the rules themselves, enforced, in an event with no other record.
 * @returns why it does not come out as it says; null where it does
 */
export function tryExample(
  example: Example,
  expected: 'accepted' | 'refused',
  { rules, dataset, keyRule }: ExampleContext,
): string | null {
  const change = typeof example === 'string' ? { newValue: example } : example;
  const datasetName = nameFor(dataset, rules.findDatasetRule);
  if (datasetName === null) return 'no name was found for which these rules of the dataset apply';
  const key = change.key ?? nameFor(keyRule, dataset.findKeyRule);
  if (key === null) return 'no key was found to which this rule applies; name one by key';
  const found = dataset.findKeyRule(key);
  if (found !== keyRule) return `its key is not this rule's${found ? `, but that of ${found.name}` : ''}`;
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
  return disagreement(verdict, key, expected);
}

function disagreement(verdict: Verdict, key: string, expected: 'accepted' | 'refused'): string | null {
  const { decisions } = verdict;
  const broken = decisions.find(({ action }) => action === 'rule-error');
  if (broken) return `${broken.rule} is broken: ${broken.reason}`;
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

/** `x` reads best; where that leads to another rule, some other letter or none may not. */
const STAND_INS = ['x', ...'abcdefghijklmnopqrstuvwyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:', ''];

/** A name to which the rule applies; null where none was found. */
function nameFor<Rule extends { name: string }>(
  rule: Rule,
  find: (name: string) => Rule | undefined,
): string | null {
  return STAND_INS.map((text) => rule.name.replaceAll('*', text)).find((name) => find(name) === rule) ?? null;
}
