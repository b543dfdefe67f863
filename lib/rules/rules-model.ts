import type { StandardSchemaV1 } from '@standard-schema/spec';

/** What becomes of a change that is not valid: the old value stays, the key goes where it had none; or all of the call is refused. */
export type OnInvalid = 'revert' | 'drop' | 'reject';

/** What becomes of a call in which a rule itself fails: refused, without its changes, or as if the rule were not there. */
export type OnRuleError = 'reject' | 'revert' | 'allow';

/** Values by key, frozen, without a prototype. */
export type RecordValues = Readonly<Record<string, string | undefined>>;

/** Whose records these are. */
export interface DatasetOfRule {
  identityId: string;
  datasetName: string;
}

/** What `rewrite` is given. */
export interface ValueToRewrite extends DatasetOfRule {
  key: string;
  value: string;
  /** Undefined where there is none. */
  oldValue: string | undefined;
}

/** What `validate` is given. */
export interface ChangeToValidate extends DatasetOfRule {
  key: string;
  op: 'replace' | 'remove';
  /** Undefined where there is none. */
  oldValue: string | undefined;
  /** Undefined where the record is removed. */
  newValue: string | undefined;
  /** The dataset as it was before the call: what else the device asks for may yet be refused. */
  records: RecordValues;
}

/** What `derive` is given. */
export interface DatasetToDerive extends DatasetOfRule {
  /** The dataset as it will be by what the device asked for and the rules left of it. */
  records: RecordValues;
  /** Of one key, the last `set` or `remove` counts. */
  set: (key: string, value: string) => void;
  remove: (key: string) => void;
}

/**
 * A change that shows what a rule does: a value written where there was none, or what is stored and what the device wants,
 * of which one may be absent. `key` is needed only to name one that a glob does not match by an `x` for each `*`.
 */
export type Example = string | { key?: string; oldValue?: string; newValue?: string };

/** What `rules check` tries; nothing else looks at them. */
export interface Examples {
  /** Changes that nothing refuses; they may be rewritten. */
  accepted?: readonly Example[];
  /** Changes that are reverted, dropped or rejected. */
  refused?: readonly Example[];
}

/** The rule of a key. What it says is asked of changes alone: what is stored stays. */
export interface KeyOptions {
  /** Makes another value of a device's, before all else is asked. */
  rewrite?: (change: ValueToRewrite) => string;
  /** True: no device changes or removes it, `derive` alone. */
  serverOwned?: boolean;
  /** True: once there, it is neither changed nor removed. */
  immutable?: boolean;
  /** False: it can be changed, but not removed. */
  removable?: boolean;
  /** Most UTF-8 bytes of the value. */
  maxBytes?: number;
  /** Any Standard Schema of the text, or `number(…)` or `json(…)`. It says whether the value is valid; what it makes of it is not used. */
  schema?: StandardSchemaV1;
  /** The value is a number that never goes down, or never up, and not beyond ±9007199254740991, where none can be compared. */
  monotonic?: 'increasing' | 'decreasing';
  /** The value is a number that changes by no more than this at once; above 0. */
  maxDelta?: number;
  /** True or undefined: valid. A text says why not, to the device where the call is rejected. */
  validate?: (change: ChangeToValidate) => boolean | string | undefined;
  onInvalid?: OnInvalid;
  examples?: Examples;
}

/** The rules of a dataset. */
export interface DatasetOptions {
  /** By exact key, or by glob: `*` is any run of characters. */
  keys?: Readonly<Record<string, KeyOptions>>;
  /** Of changes of keys that `keys` does not name; they can always be removed. */
  unknownKeys?: 'allow' | 'drop' | 'reject';
  /** Sets and removes records of its own, once in each call. */
  derive?: (dataset: DatasetToDerive) => void;
  onInvalid?: OnInvalid;
}

/** All rules, as they are written. */
export interface RulesOptions {
  /** By `observe`, decisions are told and nothing is changed or refused. */
  mode?: 'enforce' | 'observe';
  onInvalid?: OnInvalid;
  onRuleError?: OnRuleError;
  /** By exact name, or by glob: `*` is any run of characters. */
  datasets?: Readonly<Record<string, DatasetOptions>>;
}

/** The rule of a key, ready to be asked. */
export interface KeyRule {
  /** Key or glob, as it is written. */
  name: string;
  /** Where it is written, such as `datasets.game.keys.score`. */
  path: string;
  options: Readonly<KeyOptions>;
  onInvalid: OnInvalid;
}

/** The rules of a dataset, ready to be asked. */
export interface DatasetRule {
  /** Name or glob, as it is written. */
  name: string;
  /** Where they are written, such as `datasets.game`. */
  path: string;
  /** In their order, for whoever looks at all of them: what applies to a key is found by `findKeyRule`. */
  keys: readonly KeyRule[];
  findKeyRule: (key: string) => KeyRule | undefined;
  unknownKeys: 'allow' | 'drop' | 'reject';
  derive: DatasetOptions['derive'];
}

/** All rules, checked and ready to be asked; `defineRules` alone makes them. */
export interface SyncRules {
  readonly mode: 'enforce' | 'observe';
  readonly onRuleError: OnRuleError;
  /** In their order, for whoever looks at all of them: what applies to a name is found by `findDatasetRule`. */
  readonly datasets: readonly DatasetRule[];
  readonly findDatasetRule: (datasetName: string) => DatasetRule | undefined;
}
