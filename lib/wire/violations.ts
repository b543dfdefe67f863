/** An invalid member of an input. */
export interface Violation {
  /** The path of the member as AWS writes it: `recordPatches.1.member.syncCount`, counted from 1. */
  at: string;
  /** The violated constraint, such as `Member must not be null`. */
  must: string;
  /** The invalid value. Absent if it must not appear in the message. */
  value?: string | number | null;
}

/** Collects the violations of one input. */
export interface Violations {
  /**
   * Adds a violation.
   * @throws an error that names the collected violations, once ten violations are collected; the rest of the input is
   *   then not decoded
   */
  add(violation: Violation): void;
  /** Throws an error that names the collected violations, if there are any. Otherwise does nothing. */
  throwIfAny(): void;
}

/** Maximum number of violations in an error. It bounds the work for an invalid input and the length of the response. */
const MAX_VIOLATIONS = 10;
const MAX_VALUE_LENGTH = 256;

/**
 * Creates a collector whose error message has AWS's form: `1 validation error detected: Value 'x' at 'y' failed to
 * satisfy constraint: …`.
 *
 * @param refusal creates the error for a message; the error's code differs between services
 */
export function createViolations(refusal: (message: string) => Error): Violations {
  const named: string[] = [];
  function throwIfAny(): void {
    if (named.length === 0) return;
    const errors = named.length === 1 ? 'error' : 'errors';
    throw refusal(`${named.length} validation ${errors} detected: ${named.join('; ')}`);
  }
  return {
    add(violation) {
      named.push(describe(violation));
      if (named.length === MAX_VIOLATIONS) throwIfAny();
    },
    throwIfAny,
  };
}

function describe({ at, must, value }: Violation): string {
  return `Value${quote(value)} at '${at}' failed to satisfy constraint: ${must}`;
}

function quote(value: Violation['value']): string {
  if (value === undefined) return '';
  if (value === null) return ' null';
  const text = String(value);
  return text.length > MAX_VALUE_LENGTH ? '' : ` '${text}'`;
}
