import { showKey } from '../common/text.ts';
import { BrokenRuleError } from './call-rule.ts';
import type { RuledCall } from './ruled-call.ts';

/** The call fails; the message is for the device. */
export class Rejection extends Error {
  override name = 'Rejection';
}

/** All changes of the call are taken back. */
export class RevertAll extends Error {
  override name = 'RevertAll';
}

/** Whose rule it is that is asked. */
interface Asked {
  rule: string;
  key: string | null;
}

/**
 * Asks a rule that may be broken.
 * @returns its answer; or, where rules that are broken are taken as if they were not there, `ifBroken`
 * @throws {Rejection}
 * @throws {RevertAll}
 */
export function attemptRule<Answer>(
  call: RuledCall,
  { rule, key }: Asked,
  ask: () => Answer,
  ifBroken: Answer,
): Answer {
  try {
    return ask();
  } catch (error) {
    // What it answered can throw as well when it is looked at.
    const reason = error instanceof BrokenRuleError ? error.message : 'the rule failed';
    call.decisions.push({ rule, key, action: 'rule-error', reason });
    if (call.onRuleError === 'allow') return ifBroken;
    if (call.onRuleError === 'revert') throw new RevertAll();
    throw new Rejection(`${rule} is broken: ${reason}`);
  }
}

/**
 * @param ownWords the user's, for the device in place of the reason
 * @throws {Rejection} always
 */
export function rejectCall(
  call: RuledCall,
  { rule, key, reason, ownWords = null }: Asked & { reason: string; ownWords?: string | null },
): never {
  call.decisions.push({ rule, key, action: 'rejected', reason });
  const shown = key === null ? '' : `${showKey(key)}: `;
  throw new Rejection(`${shown}${ownWords ?? reason}`);
}
