import { attemptRule, rejectCall } from './attempt-rule.ts';
import { BrokenRuleError, callRule } from './call-rule.ts';
import type { RuledCall } from './ruled-call.ts';
import type { KeyRule, OnInvalid } from './rules-model.ts';
import { valueProblem } from './text-problem.ts';
import { type Change, type ChangeBy, type RuleRefusal, validateChange } from './validate-change.ts';

interface Proposal {
  by: ChangeBy;
  /** The value that the record keeps if the change is refused. Null if there is no such value. */
  currentValue: string | null;
}

interface Decided {
  value: string | null;
  isRefused: boolean;
  /** The path of the rule. */
  rule: string;
}

/**
 * Applies the rule of the key to a change. If the rule refuses the change, adds the refusal to the decisions of the
 * call.
 *
 * @throws {Rejection} the change is refused and `onInvalid` or `unknownKeys` is `reject`, or the rule is broken and
 *   `onRuleError` is `reject`
 * @throws {RevertAll} the rule is broken and `onRuleError` is `revert`
 */
export function decideChange(call: RuledCall, change: Change, proposal: Proposal): Decided {
  const { key, oldValue, newValue } = change;
  const rule = call.dataset.findKeyRule(key);
  if (!rule) return decideUnknown(call, change, proposal);
  const accepted = (value: string | null): Decided => ({ value, isRefused: false, rule: rule.path });
  // If `derive` sets a key to its old value, nothing changes.
  if (newValue === oldValue) return accepted(newValue);
  const value = rewrite(call, rule, change);
  if (value === oldValue) return accepted(value);
  const refusal = validateChange(
    rule.options,
    { key, oldValue, newValue: value },
    {
      dataset: call.about,
      storedRecords: call.storedRecords,
      by: proposal.by,
      attempt: (ask, ifBroken) => attemptRule(call, { rule: rule.path, key }, ask, ifBroken),
    },
  );
  return refusal ? refuse(call, rule, key, refusal, proposal) : accepted(value);
}

/** Decides on a change of a key that has no rule. A device can always remove such a key. */
function decideUnknown(call: RuledCall, { key, oldValue, newValue }: Change, proposal: Proposal): Decided {
  const { path, unknownKeys } = call.dataset;
  const rule = `${path}.unknownKeys`;
  if (unknownKeys === 'allow' || newValue === null || newValue === oldValue) {
    return { value: newValue, isRefused: false, rule };
  }
  const refusal = { reason: 'there is no rule for this key', customReason: null };
  return refuse(call, { path: rule, onInvalid: unknownKeys }, key, refusal, proposal);
}

function rewrite(call: RuledCall, { path, options }: KeyRule, { key, oldValue, newValue }: Change) {
  const { rewrite: rewriteValue } = options;
  if (!rewriteValue || newValue === null) return newValue;
  return attemptRule(
    call,
    { rule: path, key },
    () => {
      const value = callRule('rewrite', () =>
        rewriteValue({ ...call.about, key, value: newValue, oldValue: oldValue ?? undefined }),
      );
      const problem = valueProblem(value);
      if (typeof value !== 'string' || problem !== null) {
        throw new BrokenRuleError(`rewrite returned a value that ${problem}`);
      }
      return value;
    },
    newValue,
  );
}

function refuse(
  call: RuledCall,
  { path, onInvalid }: { path: string; onInvalid: OnInvalid },
  key: string,
  { reason, customReason }: RuleRefusal,
  { currentValue }: Proposal,
): Decided {
  if (onInvalid === 'reject') rejectCall(call, { rule: path, key, reason, customReason });
  // `revert` and `drop` do the same. The action names the result: `reverted` if the key has a value, which it keeps;
  // otherwise `dropped`.
  call.decisions.push({ rule: path, key, action: currentValue === null ? 'dropped' : 'reverted', reason });
  return { value: currentValue, isRefused: true, rule: path };
}
