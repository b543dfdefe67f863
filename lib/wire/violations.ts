/** One member of an input that is not as it must be. */
export interface Violation {
  /** Where it is, as AWS writes it: `recordPatches.1.member.syncCount`, counted from 1. */
  at: string;
  /** Such as `Member must not be null`. */
  must: string;
  /** What it is instead; absent where that is nobody's to repeat. */
  value?: string | number | null;
}

/** Collects what is wrong with one input. */
export interface Violations {
  add(violation: Violation): void;
  /** @throws the refusal that names what was added, if anything was */
  throwIfAny(): void;
}

/** An answer stays short, however much is wrong. */
const MAX_NAMED = 10;
const MAX_VALUE_LENGTH = 256;

/**
 * The message has the form of AWS's own: `1 validation error detected: Value 'x' at 'y' failed to satisfy constraint: …`.
 * @param refusal the error of such a message: services differ in its code
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
