import { BrokenRuleError, callRule } from './call-rule.ts';
import type { DatasetOfRule, DatasetToDerive, RecordValues } from './rules-model.ts';
import { keyProblem, valueProblem } from './text-problem.ts';

/**
 * Has the user's `derive` look at the records.
 * @returns what it wants: the value of each key, null to have none, in the order in which it first asked
 * @throws {BrokenRuleError} it threw, answered a promise, or wants what cannot be stored
 */
export function deriveRecords(
  derive: (dataset: DatasetToDerive) => void,
  records: RecordValues,
  dataset: DatasetOfRule,
): Map<string, string | null> {
  const wanted = new Map<string, string | null>();
  let problem: string | null = null;
  let hasReturned = false;

  /** That it is wrong is kept, not thrown: `derive` could catch it. */
  function want(key: string, value: string | null, ofValue: string | null): void {
    if (hasReturned) throw new Error('derive has returned: set and remove have no effect any more');
    const ofKey = keyProblem(key);
    if (ofKey !== null) problem ??= `derive wants a key that ${ofKey}`;
    else if (ofValue !== null) problem ??= `derive wants a value that ${ofValue}`;
    else wanted.set(key, value);
  }

  try {
    callRule('derive', () =>
      derive({
        ...dataset,
        records,
        set: (key, value) => want(key, value, valueProblem(value)),
        remove: (key) => want(key, null, null),
      }),
    );
  } finally {
    hasReturned = true;
  }
  if (problem !== null) throw new BrokenRuleError(problem);
  return wanted;
}
