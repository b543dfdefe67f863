import { showKey } from '../common/text.ts';
import { BrokenRuleError } from './call-rule.ts';
import type { RuledCall } from './ruled-call.ts';

/** Thrown to reject the call. The message is for the device. */
export class Rejection extends Error {
  override name = 'Rejection';
}

/** Thrown to revert all changes of the call. */
export class RevertAll extends Error {
  override name = 'RevertAll';
}

/** A rule, and the key that it is applied to. */
interface AppliedRule {
  rule: string;
  key: string | null;
}

/**
 * Evaluates a rule that may be broken, which means that it throws or returns an invalid result.
 *
 * @returns the result, or `ifBroken` if the rule is broken and `onRuleError` is `allow`
 * @throws {Rejection} the rule is broken and `onRuleError` is `reject`
 * @throws {RevertAll} the rule is broken and `onRuleError` is `revert`
 */
export function attemptRule<Result>(
  call: RuledCall,
  { rule, key }: AppliedRule,
  evaluate: () => Result,
  ifBroken: Result,
): Result {
  try {
    return evaluate();
  } catch (error) {
    // Reading the result of the rule can throw as well.
    const reason = error instanceof BrokenRuleError ? error.message : 'reading its result threw an error';
    call.decisions.push({ rule, key, action: 'rule-error', reason });
    if (call.onRuleError === 'allow') return ifBroken;
    if (call.onRuleError === 'revert') throw new RevertAll();
    throw new Rejection(`${rule} failed: ${reason}`);
  }
}

/**
 * Rejects the call.
 *
 * @param customReason the user's own text for the device, which replaces the reason
 * @throws {Rejection} always
 */
export function rejectCall(
  call: RuledCall,
  { rule, key, reason, customReason = null }: AppliedRule & { reason: string; customReason?: string | null },
): never {
  call.decisions.push({ rule, key, action: 'rejected', reason });
  const shown = key === null ? '' : `${showKey(key)}: `;
  throw new Rejection(`${shown}${customReason ?? reason}`);
}
