import type { DatasetRecord, SyncTriggerEvent } from '../../lib/rules/sync-trigger-event.ts';
import type { RecordPatch } from '../../lib/sync/model.ts';
import { FunctionError } from '../../lib/sync/ports/functions.ts';
import { reject } from './model-state.ts';

type Records = Record<string, Partial<DatasetRecord> | { op: 'replace'; newValue: null } | null>;

/** A simulated Lambda function for sync triggers, and its documented effect. */
export interface TriggerRule {
  /** Runs the function, which changes the records of its event. */
  act: (records: Records, event: SyncTriggerEvent) => unknown;
  /** The effect on the requested values: null removes a key, and a missing key stays unchanged. */
  effect: (wanted: Map<string, string | null>) => void;
  /** Another caller writes to the dataset during the first invocation. */
  writesConcurrently?: true;
}

/** The patch that another caller writes during the first invocation. */
export const CONCURRENT_PATCH: RecordPatch = { Op: 'replace', Key: 'c', Value: 'elsewhere', SyncCount: 0 };

const RULES: Record<string, TriggerRule> = {
  pass: { act: () => undefined, effect: () => undefined },
  leavesOutB: {
    act: (records) => delete records.b,
    effect: (wanted) => wanted.delete('b'),
  },
  hasNullForB: {
    act: (records) => {
      records.b = null;
    },
    effect: (wanted) => wanted.delete('b'),
  },
  rewritesA: {
    act: (records) => {
      records.a = { op: 'replace', newValue: 'new' };
    },
    effect: (wanted) => wanted.set('a', 'new'),
  },
  adds: {
    act: (records) => {
      records.extra = { op: 'replace', newValue: '1' };
    },
    effect: (wanted) => wanted.set('extra', '1'),
  },
  removesA: {
    act: (records) => {
      records.a = { op: 'remove' };
    },
    effect: (wanted) => wanted.set('a', null),
  },
  clearsB: {
    act: (records) => {
      records.b = { op: 'replace', newValue: null };
    },
    effect: (wanted) => wanted.set('b', null),
  },
  leavesOutAll: {
    act: (_, event) => ({ ...event, datasetRecords: {} }),
    effect: (wanted) => wanted.clear(),
  },
  addsTooMany: {
    act: (records) => {
      for (let index = 0; index < 9; index += 1) records[`k${index}`] = { op: 'replace', newValue: '' };
    },
    effect: (wanted) => {
      for (let index = 0; index < 9; index += 1) wanted.set(`k${index}`, '');
    },
  },
  concurrent: { act: () => undefined, effect: () => undefined, writesConcurrently: true },
  throws: {
    act: () => {
      throw new FunctionError('threw', 'no luck');
    },
    effect: () => reject('InvalidLambdaFunctionOutputException', 'SyncTrigger failed with error no luck.'),
  },
  isThrottled: {
    act: () => {
      throw new FunctionError('throttled', 'busy');
    },
    effect: () => reject('LambdaThrottledException'),
  },
  takesTooLong: {
    act: () => {
      throw new FunctionError('timed-out', 'slow');
    },
    effect: () => reject('LambdaSocketTimeoutException'),
  },
  returnsNonsense: { act: () => 'nonsense', effect: invalidOutput },
  renames: { act: (_, event) => ({ ...event, datasetName: 'mine' }), effect: invalidOutput },
};

function invalidOutput(): never {
  return reject('InvalidLambdaFunctionOutputException');
}

const ARN = 'arn:aws:lambda:us-east-1:000000000000:function:';

/** The ARNs of all functions. The last ARN belongs to no function. */
export const FUNCTION_ARNS = [...Object.keys(RULES), 'missing'].map((name) => `${ARN}${name}`);

export function findRule(functionArn: string): TriggerRule | undefined {
  return RULES[functionArn.slice(ARN.length)];
}

/** Runs the function. Returns the object or string that it returned; otherwise, returns the changed event. */
export function runRule(rule: TriggerRule, event: SyncTriggerEvent): unknown {
  const changed = structuredClone(event);
  const returned = rule.act(changed.datasetRecords as Records, event);
  return typeof returned === 'object' || typeof returned === 'string' ? returned : changed;
}
