import { isObject, jsonNumber } from '../common/json.ts';
import { BrokenRuleError, callRule } from './call-rule.ts';
import type { DatasetOfRule, KeyOptions, RecordValues } from './rules-model.ts';

/** A change of a record, by a device or by `derive`; null is no value. Old and new are not the same. */
export interface Change {
  key: string;
  oldValue: string | null;
  newValue: string | null;
}

/** Who wants a change. */
export type ChangeBy = 'device' | 'derive';

/** What a change is judged in. */
export interface ChangeContext {
  dataset: DatasetOfRule;
  /** As they were before the call. */
  storedRecords: () => RecordValues;
  by: ChangeBy;
  /** Makes the answer of a rule that is broken: the one given, unless the call ends by it. */
  attempt: <Answer>(call: () => Answer, ifBroken: Answer) => Answer;
}

/** Why a change is not valid. */
export interface RuleRefusal {
  /** Quotes no value. */
  reason: string;
  /** In the words of the user's `validate`, which are for the device alone. */
  ownWords: string | null;
}

type Judge = (options: KeyOptions, change: Change, context: ChangeContext) => RuleRefusal | null;

/** In the order in which they are asked; the first refusal counts. */
const JUDGES: readonly Judge[] = [
  ({ serverOwned }, _, { by }) => refuseIf(serverOwned === true && by === 'device', "it is the server's own"),
  ({ immutable }, { oldValue }) => refuseIf(immutable === true && oldValue !== null, 'it is immutable'),
  ({ removable }, { newValue }) => refuseIf(removable === false && newValue === null, 'it is not removable'),
  ({ maxBytes }, { newValue }) =>
    refuseIf(
      maxBytes !== undefined && newValue !== null && Buffer.byteLength(newValue) > maxBytes,
      `its value is longer than ${maxBytes} bytes`,
    ),
  judgeBySchema,
  judgeAsNumber,
  judgeByValidate,
];

/**
 * Whether the rule of a key takes a change.
 * @returns null where it does
 */
export function validateChange(
  options: KeyOptions,
  change: Change,
  context: ChangeContext,
): RuleRefusal | null {
  for (const judge of JUDGES) {
    const refusal = judge(options, change, context);
    if (refusal) return refusal;
  }
  return null;
}

function judgeBySchema({ schema }: KeyOptions, { newValue }: Change, { attempt }: ChangeContext) {
  if (!schema || newValue === null) return null;
  return attempt<RuleRefusal | null>(() => {
    const result = callRule('schema', () => schema['~standard'].validate(newValue));
    if (!isObject(result)) throw new BrokenRuleError('schema answered what is no result');
    const { issues } = result;
    if (issues === undefined) return null;
    if (!Array.isArray(issues)) throw new BrokenRuleError('schema answered what is no result');
    // The message of an issue may quote the value, and its path be names out of it.
    return refusal('its value does not fit the schema');
  }, null);
}

function judgeAsNumber({ monotonic, maxDelta }: KeyOptions, { oldValue, newValue }: Change) {
  if ((monotonic === undefined && maxDelta === undefined) || newValue === null) return null;
  const to = jsonNumber(newValue);
  if (to === null) return refusal('its value is not a number');
  if (!isComparable(to)) return refusal('its value is too large to be compared');
  const from = oldValue === null ? null : jsonNumber(oldValue);
  if (from === null || !isComparable(from)) return null;
  if (monotonic === 'increasing' && to < from) return refusal('it must not go down');
  if (monotonic === 'decreasing' && to > from) return refusal('it must not go up');
  return refuseIf(
    maxDelta !== undefined && Math.abs(to - from) > maxDelta,
    `it must not change by more than ${maxDelta} at once`,
  );
}

/** Beyond that, whole numbers that differ are one and the same double. */
function isComparable(number: number): boolean {
  return Math.abs(number) <= Number.MAX_SAFE_INTEGER;
}

function judgeByValidate({ validate }: KeyOptions, change: Change, context: ChangeContext) {
  if (!validate) return null;
  return context.attempt<RuleRefusal | null>(() => {
    const answer = callRule('validate', () =>
      validate({
        ...context.dataset,
        key: change.key,
        op: change.newValue === null ? 'remove' : 'replace',
        oldValue: change.oldValue ?? undefined,
        newValue: change.newValue ?? undefined,
        records: context.storedRecords(),
      }),
    );
    if (answer === true || answer === undefined) return null;
    if (answer !== false && typeof answer !== 'string') {
      throw new BrokenRuleError('validate answered neither true, false nor text');
    }
    return { ...refusal('validate refuses it'), ownWords: answer || null };
  }, null);
}

function refuseIf(isRefused: boolean, reason: string): RuleRefusal | null {
  return isRefused ? refusal(reason) : null;
}

function refusal(reason: string): RuleRefusal {
  return { reason, ownWords: null };
}
