import { isObject, jsonNumber } from '../common/json.ts';
import { BrokenRuleError, callRule } from './call-rule.ts';
import type { DatasetOfRule, KeyOptions, RecordValues } from './rules-model.ts';

/** A change of a record, by a device or by `derive`. Null means no value. The old and new values differ. */
export interface Change {
  key: string;
  oldValue: string | null;
  newValue: string | null;
}

/** Who makes a change: a device, or the function `derive` of the rules. */
export type ChangeBy = 'device' | 'derive';

/** The context in which a change is validated. */
export interface ChangeContext {
  dataset: DatasetOfRule;
  /** The records as they were before the call. */
  storedRecords: () => RecordValues;
  by: ChangeBy;
  /**
   * Calls a function of the user's rules file, which may throw or return an invalid result. If so, `onRuleError`
   * decides: `attempt` returns `ifBroken`, or it throws in order to reject the device's update or to revert its
   * changes.
   */
  attempt: <Result>(call: () => Result, ifBroken: Result) => Result;
}

/** Why a change is invalid. */
export interface RuleRefusal {
  /** Never quotes a value. */
  reason: string;
  /** The text of the user's `validate`, which is only for the device. Null if there is no such text. */
  customReason: string | null;
}

type Check = (options: KeyOptions, change: Change, context: ChangeContext) => RuleRefusal | null;

/** The checks in the order of evaluation; the first refusal wins. */
const CHECKS: readonly Check[] = [
  ({ serverOwned }, _, { by }) => refuseIf(serverOwned === true && by === 'device', 'it is server-owned'),
  ({ immutable }, { oldValue }) => refuseIf(immutable === true && oldValue !== null, 'it is immutable'),
  ({ removable }, { newValue }) => refuseIf(removable === false && newValue === null, 'it is not removable'),
  ({ maxBytes }, { newValue }) =>
    refuseIf(
      maxBytes !== undefined && newValue !== null && Buffer.byteLength(newValue) > maxBytes,
      `its value is longer than ${maxBytes} bytes`,
    ),
  checkSchema,
  checkNumber,
  checkValidate,
];

/**
 * Validates a change by the rule of its key.
 *
 * @returns the refusal, or null if the change is valid
 */
export function validateChange(
  options: KeyOptions,
  change: Change,
  context: ChangeContext,
): RuleRefusal | null {
  for (const check of CHECKS) {
    const refusal = check(options, change, context);
    if (refusal) return refusal;
  }
  return null;
}

function checkSchema({ schema }: KeyOptions, { newValue }: Change, { attempt }: ChangeContext) {
  if (!schema || newValue === null) return null;
  return attempt<RuleRefusal | null>(() => {
    const result = callRule('schema', () => schema['~standard'].validate(newValue));
    if (!isObject(result)) throw new BrokenRuleError('schema returned an invalid result');
    const { issues } = result;
    if (issues === undefined) return null;
    if (!Array.isArray(issues)) throw new BrokenRuleError('schema returned an invalid result');
    // Do not pass on the issues: a message may quote the value, and a path may contain names from the value.
    return refusal('its value does not match the schema');
  }, null);
}

function checkNumber({ monotonic, maxDelta }: KeyOptions, { oldValue, newValue }: Change) {
  if ((monotonic === undefined && maxDelta === undefined) || newValue === null) return null;
  const to = jsonNumber(newValue);
  if (to === null) return refusal('its value is not a number');
  if (!isComparable(to))
    return refusal('its value must be a number from -9007199254740991 to 9007199254740991');
  const from = oldValue === null ? null : jsonNumber(oldValue);
  if (from === null || !isComparable(from)) return null;
  if (monotonic === 'increasing' && to < from) return refusal('it must not go down');
  if (monotonic === 'decreasing' && to > from) return refusal('it must not go up');
  return refuseIf(
    maxDelta !== undefined && Math.abs(to - from) > maxDelta,
    `it must not change by more than ${maxDelta} in one update`,
  );
}

/** Whether a number can be compared exactly. Beyond the limit, different integers are the same double. */
function isComparable(number: number): boolean {
  return Math.abs(number) <= Number.MAX_SAFE_INTEGER;
}

function checkValidate({ validate }: KeyOptions, change: Change, context: ChangeContext) {
  if (!validate) return null;
  return context.attempt<RuleRefusal | null>(() => {
    const result = callRule('validate', () =>
      validate({
        ...context.dataset,
        key: change.key,
        op: change.newValue === null ? 'remove' : 'replace',
        oldValue: change.oldValue ?? undefined,
        newValue: change.newValue ?? undefined,
        records: context.storedRecords(),
      }),
    );
    if (result === true || result === undefined) return null;
    if (result !== false && typeof result !== 'string') {
      throw new BrokenRuleError('validate returned neither a boolean nor a string');
    }
    return { ...refusal('validate refuses the change'), customReason: result || null };
  }, null);
}

function refuseIf(isRefused: boolean, reason: string): RuleRefusal | null {
  return isRefused ? refusal(reason) : null;
}

function refusal(reason: string): RuleRefusal {
  return { reason, customReason: null };
}
