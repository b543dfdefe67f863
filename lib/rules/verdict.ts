import type { SyncTriggerEvent } from './sync-trigger-event.ts';

/**
 * A decision on a key or on the entire call, with the reason. A decision contains no value of a record, so it can be
 * logged.
 */
export interface RuleDecision {
  /** The path of the rule, such as `datasets.game.keys.score`. */
  rule: string;
  /** Null if the decision is not about a single key. */
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

/** Name of the diagnostics channel on which the sync trigger publishes the decisions of each event. */
export const DECISIONS_CHANNEL = 'cognito-sync-backend:rule-decisions';

/**
 * The result of the rules for an event: the answer to the sync trigger, or the reason why the call fails, which is for
 * the device.
 */
export type Verdict =
  | { kind: 'answer'; event: SyncTriggerEvent; decisions: readonly RuleDecision[] }
  | { kind: 'rejected'; reason: string; decisions: readonly RuleDecision[] };
