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
  add(violation: Violation): void;
  /** @throws an error that names the collected violations, if there are any */
  throwIfAny(): void;
}

/** Keeps the response short, regardless of the number of violations. */
const MAX_NAMED = 10;
const MAX_VALUE_LENGTH = 256;

/**
 * Creates a collector whose error message has AWS's form: `1 validation error detected: Value 'x' at 'y' failed to
 * satisfy constraint: …`.
 *
 * @param refusal creates the error for a message; its code differs between services
 */
export function createViolations(refusal: (message: string) => Error): Violations {
  const named: string[] = [];
  let count = 0;
  return {
    add(violation) {
      count++;
      if (named.length < MAX_NAMED) named.push(describe(violation));
    },
    throwIfAny() {
      if (count === 0) return;
      const errors = count === 1 ? 'error' : 'errors';
      throw refusal(`${count} validation ${errors} detected: ${named.join('; ')}`);
    },
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
