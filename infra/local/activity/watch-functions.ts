import { isObject } from '../../../lib/common/json.ts';
import { MAX_DECISIONS, type RecordDecision } from '../../../lib/query/activity.ts';
import type { ActivityFeed } from '../../../lib/query/activity-feed.ts';
import type { RuleDecision } from '../../../lib/rules/verdict.ts';
import { FunctionError, type InvokeFunction } from '../../../lib/sync/ports/functions.ts';
import type { InvokeLocalFunction } from '../functions/local-functions.ts';
import type { CurrentRequest } from './watch-calls.ts';

/**
 * Reports to the activity feed what sync triggers decide about updates.
 * @param now milliseconds, for durations
 */
export function watchFunctions(
  feed: ActivityFeed,
  invoke: InvokeLocalFunction,
  { current, now }: { current: CurrentRequest; now: () => number },
): InvokeFunction {
  return async (arn, event, options) => {
    if (!feed.isWatched()) return invoke(arn, event, options);
    const startedAt = now();
    let decisions: readonly RuleDecision[] = [];
    const onDecisions = (made: readonly RuleDecision[]) => {
      decisions = made;
    };
    const report = (answer: unknown, reason: string | null) => {
      const records = reason === null ? decideRecords(event, answer, decisions) : decisionsOf(decisions);
      feed.emit({
        kind: 'trigger',
        requestId: current.getStore() ?? null,
        identityPoolId: textOf(event, 'identityPoolId'),
        identityId: textOf(event, 'identityId'),
        datasetName: textOf(event, 'datasetName'),
        functionName: arn.slice(arn.lastIndexOf(':') + 1),
        durationMs: Math.round(now() - startedAt),
        outcome: reason !== null ? 'rejected' : records.every(isAccepted) ? 'accepted' : 'changed',
        reason,
        // The limit cuts off the end of the list, so the records that were not accepted come first.
        records: records
          .toSorted((one, other) => Number(isAccepted(one)) - Number(isAccepted(other)))
          .slice(0, MAX_DECISIONS),
        recordCount: records.length,
      });
    };
    try {
      const answer = await invoke(arn, event, { ...options, onDecisions });
      report(answer, null);
      return answer;
    } catch (error) {
      report(null, error instanceof FunctionError ? error.message : 'the function could not be invoked');
      throw error;
    }
  };
}

/** Returns the decisions of a rejected update; none if the function has no rules. */
function decisionsOf(decisions: readonly RuleDecision[]): RecordDecision[] {
  return decisions.map(({ key, action, rule, reason }) => ({ key, decision: action, rule, reason }));
}

/**
 * Returns what the function decided about each changed record. The decision is found by comparing the event with the
 * answer, because a function may have no rules, and the decisions of rules in mode `observe` take no effect.
 * `decisions` adds the rule and the reason.
 */
function decideRecords(event: object, answer: unknown, decisions: readonly RuleDecision[]): RecordDecision[] {
  const before = recordsOf(event);
  const after = recordsOf(answer);
  const ofKey = new Map(decisions.map((decision) => [decision.key, decision]));
  const found: RecordDecision[] = [];
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const oldValue = memberOf(before[key], 'oldValue');
    const asked = memberOf(before[key], 'newValue');
    const given = isObject(after[key]) ? memberOf(after[key], 'newValue') : oldValue;
    const isChange = asked !== oldValue || (key in before && memberOf(before[key], 'op') === 'remove');
    if (!isChange && given === asked) continue;
    const rule = ofKey.get(key);
    found.push({
      key,
      decision: decisionOn({ asked, given, oldValue }, { isChange, rule }),
      rule: rule?.rule ?? null,
      reason: rule?.reason ?? null,
    });
  }
  return found;
}

/** @param rule the last decision of a rule about the record; undefined if no rule decided */
function decisionOn(
  { asked, given, oldValue }: Record<'asked' | 'given' | 'oldValue', unknown>,
  { isChange, rule }: { isChange: boolean; rule: RuleDecision | undefined },
): RecordDecision['decision'] {
  if (given === asked) return 'accepted';
  if (rule !== undefined) return rule.action;
  if (given === undefined) return oldValue === undefined ? 'dropped' : 'removed';
  if (given === oldValue) return 'reverted';
  return isChange ? 'rewritten' : 'derived';
}

function isAccepted({ decision }: RecordDecision): boolean {
  return decision === 'accepted';
}

function recordsOf(event: unknown): Readonly<Record<string, unknown>> {
  const records = isObject(event) ? event.datasetRecords : undefined;
  return isObject(records) ? records : {};
}

function memberOf(record: unknown, name: 'oldValue' | 'newValue' | 'op'): unknown {
  return (isObject(record) ? record[name] : undefined) ?? undefined;
}

function textOf(of: object, name: string): string {
  const value: unknown = Reflect.get(of, name);
  return typeof value === 'string' ? value : '';
}
