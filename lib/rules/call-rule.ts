/** A rule of the user's is broken: it threw, or answered what a rule cannot. The message quotes neither. */
export class BrokenRuleError extends Error {
  override name = 'BrokenRuleError';
}

/**
 * Calls a function of the user's.
 * @param name of the option
 * @returns what it answered, which may be anything but a promise
 * @throws {BrokenRuleError} it threw, or answered a promise
 */
export function callRule(name: string, call: () => unknown): unknown {
  let answer: unknown;
  let isPromise: boolean;
  try {
    answer = call();
    // Here, as it may be a getter that throws.
    isPromise = isThenable(answer);
  } catch {
    throw new BrokenRuleError(`${name} threw`);
  }
  if (!isPromise) return answer;
  // One that nobody waits for would end the process when it fails.
  if (answer instanceof Promise) answer.catch(() => undefined);
  throw new BrokenRuleError(`${name} answered a promise`);
}

function isThenable(value: unknown): boolean {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  return 'then' in value && typeof value.then === 'function';
}
