import type { SyncTriggerEvent } from './sync-trigger-event.ts';

/** What was decided of a key, or of the call, and why. It holds no value of a record, so that it can be logged. */
export interface RuleDecision {
  /** Where the rule is written, such as `datasets.game.keys.score`. */
  rule: string;
  /** Null where it is about no single key. */
  key: string | null;
  action:
    | 'reverted'
    | 'dropped'
    | 'rejected'
    | 'rewritten'
    /** Set by `derive`. */
    | 'derived'
    /** Removed by `derive`. */
    | 'removed'
    | 'rule-error';
  reason: string;
}

/** What rules make of an event: what is answered to it, or why the call fails; that text is for the device. */
export type Verdict =
  | { kind: 'answer'; event: SyncTriggerEvent; decisions: readonly RuleDecision[] }
  | { kind: 'rejected'; reason: string; decisions: readonly RuleDecision[] };
