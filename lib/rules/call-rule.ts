/**
 * A rule of the user is broken: it threw, or returned an invalid result. The message quotes neither the error nor the
 * result.
 */
export class BrokenRuleError extends Error {
  override name = 'BrokenRuleError';
}

/**
 * Calls a function of the user's rules file.
 *
 * @param name the name of the option that contains the function, for error messages
 * @returns the function's result, which may be anything except a promise
 * @throws {BrokenRuleError} the function threw or returned a promise
 */
export function callRule(name: string, call: () => unknown): unknown {
  let result: unknown;
  let isPromise: boolean;
  try {
    result = call();
    // Read `then` inside the try block, because it may be a getter that throws.
    isPromise = isThenable(result);
  } catch {
    throw new BrokenRuleError(`${name} threw`);
  }
  if (!isPromise) return result;
  // A rejected promise without a handler would end the process.
  if (result instanceof Promise) result.catch(() => undefined);
  throw new BrokenRuleError(`${name} returned a promise`);
}

function isThenable(value: unknown): boolean {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  return 'then' in value && typeof value.then === 'function';
}
