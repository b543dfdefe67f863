import { showKey } from '../common/text.ts';
import { BrokenRuleError } from './call-rule.ts';
import type { RuledCall } from './ruled-call.ts';

/** Thrown to reject the UpdateRecords call. The device receives the message. */
export class Rejection extends Error {
  override name = 'Rejection';
}

/** Thrown to revert all changes of the UpdateRecords call. */
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
    // An error of another class does not come from the call of the rule, but from reading its result: a getter of the
    // result can throw.
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
 * @param customReason the text that the user's `validate` returned; the device receives this text instead of `reason`
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
