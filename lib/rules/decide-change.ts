import { attemptRule, rejectCall } from './attempt-rule.ts';
import { BrokenRuleError, callRule } from './call-rule.ts';
import type { RuledCall } from './ruled-call.ts';
import type { KeyRule, OnInvalid } from './rules-model.ts';
import { valueProblem } from './text-problem.ts';
import { type Change, type ChangeBy, type RuleRefusal, validateChange } from './validate-change.ts';

interface Proposal {
  by: ChangeBy;
  /** The value that the record has without the change, and keeps where that is refused; null is no value. */
  withoutIt: string | null;
}

interface Decided {
  value: string | null;
  isRefused: boolean;
  /** Where it is written. */
  rule: string;
}

/**
 * Has the rule of its key decide on a change; a refusal is told to the call.
 * @throws {Rejection}
 * @throws {RevertAll}
 */
export function decideChange(call: RuledCall, change: Change, proposal: Proposal): Decided {
  const { key, oldValue, newValue } = change;
  const rule = call.dataset.findKeyRule(key);
  if (!rule) return decideUnknown(call, change, proposal);
  const accepted = (value: string | null): Decided => ({ value, isRefused: false, rule: rule.path });
  // What `derive` leaves as it was is no change.
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

/** What no rule is for can always be removed. */
function decideUnknown(call: RuledCall, { key, oldValue, newValue }: Change, proposal: Proposal): Decided {
  const { path, unknownKeys } = call.dataset;
  const rule = `${path}.unknownKeys`;
  if (unknownKeys === 'allow' || newValue === null || newValue === oldValue) {
    return { value: newValue, isRefused: false, rule };
  }
  const refusal = { reason: 'there is no rule for this key', ownWords: null };
  return refuse(call, { path: rule, onInvalid: unknownKeys }, key, refusal, proposal);
}

function rewrite(call: RuledCall, { path, options }: KeyRule, { key, oldValue, newValue }: Change) {
  const { rewrite: rewriteOfKey } = options;
  if (!rewriteOfKey || newValue === null) return newValue;
  return attemptRule(
    call,
    { rule: path, key },
    () => {
      const value = callRule('rewrite', () =>
        rewriteOfKey({ ...call.about, key, value: newValue, oldValue: oldValue ?? undefined }),
      );
      const problem = valueProblem(value);
      if (typeof value !== 'string' || problem !== null) {
        throw new BrokenRuleError(`rewrite made a value that ${problem}`);
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
  { reason, ownWords }: RuleRefusal,
  { withoutIt }: Proposal,
): Decided {
  if (onInvalid === 'reject') rejectCall(call, { rule: path, key, reason, ownWords });
  // To drop a key that has a value is to revert it; to revert one that has none is to drop it.
  call.decisions.push({ rule: path, key, action: withoutIt === null ? 'dropped' : 'reverted', reason });
  return { value: withoutIt, isRefused: true, rule: path };
}
