import { BrokenRuleError, callRule } from './call-rule.ts';
import type { DatasetOfRule, DatasetToDerive, RecordValues } from './rules-model.ts';
import { keyProblem, valueProblem } from './text-problem.ts';

/**
 * Calls the user's `derive` with the records.
 *
 * @returns the value that `derive` sets for each key, or null if `derive` removes the record; in the order in which the
 *   keys were first used
 * @throws {BrokenRuleError} `derive` threw, returned a promise, or used a key or value that cannot be stored
 */
export function deriveRecords(
  derive: (dataset: DatasetToDerive) => void,
  records: RecordValues,
  dataset: DatasetOfRule,
): Map<string, string | null> {
  const requested = new Map<string, string | null>();
  let problem: string | null = null;
  let hasReturned = false;

  /**
   * Stores a change that `derive` requests with `set` or `remove`. If the change is invalid, stores the problem instead
   * of throwing an error, because `derive` could catch the error.
   */
  function request(key: string, value: string | null, valueIssue: string | null): void {
    if (hasReturned) throw new Error('derive has returned; set and remove no longer have an effect');
    const keyIssue = keyProblem(key);
    if (keyIssue !== null) problem ??= `derive used a key that ${keyIssue}`;
    else if (valueIssue !== null) problem ??= `derive set a value that ${valueIssue}`;
    else requested.set(key, value);
  }

  try {
    callRule('derive', () =>
      derive({
        ...dataset,
        records,
        set: (key, value) => request(key, value, valueProblem(value)),
        remove: (key) => request(key, null, null),
      }),
    );
  } finally {
    hasReturned = true;
  }
  if (problem !== null) throw new BrokenRuleError(problem);
  return requested;
}
