import type { StandardSchemaV1 } from '@standard-schema/spec';

/**
 * How an invalid change is handled. `revert` and `drop` keep the old value; a key without an old value is not stored.
 * `reject` refuses the entire call.
 */
export type OnInvalid = 'revert' | 'drop' | 'reject';

/**
 * How a call is handled if a rule itself fails: `reject` refuses the call, `revert` undoes all changes of the call, and
 * `allow` ignores the rule.
 */
export type OnRuleError = 'reject' | 'revert' | 'allow';

/** Values by key. Frozen, without a prototype. */
export type RecordValues = Readonly<Record<string, string | undefined>>;

/** The dataset that the records belong to. */
export interface DatasetOfRule {
  identityId: string;
  datasetName: string;
}

/** The argument of `rewrite`. */
export interface ValueToRewrite extends DatasetOfRule {
  key: string;
  value: string;
  /** Undefined if the record has no value. */
  oldValue: string | undefined;
}

/** The argument of `validate`. */
export interface ChangeToValidate extends DatasetOfRule {
  key: string;
  op: 'replace' | 'remove';
  /** Undefined if the record has no value. */
  oldValue: string | undefined;
  /** Undefined if the record is removed. */
  newValue: string | undefined;
  /**
   * The records as they were before the call. The other changes in the call are not included, because they may still be
   * refused.
   */
  records: RecordValues;
}

/** The argument of `derive`. */
export interface DatasetToDerive extends DatasetOfRule {
  /** The records as they will be stored: with the device's changes, as far as the rules accept them. */
  records: RecordValues;
  /** For each key, the last `set` or `remove` wins. */
  set: (key: string, value: string) => void;
  remove: (key: string) => void;
}

/**
 * A change that documents a rule. A string is a value that is written to a key without a value. An object has the
 * stored value and the value that the device sends, either of which may be absent. If the rule is a glob, the default
 * key is the glob with `x`, or another text if necessary, in place of each `*`. Set `key` to try another key.
 */
export type Example = string | { key?: string; oldValue?: string; newValue?: string };

/** Examples that `rules check` evaluates. Nothing else reads them. */
export interface Examples {
  /** Changes that are accepted, possibly after `rewrite` replaces the value. */
  accepted?: readonly Example[];
  /** Changes that are reverted, dropped or rejected. */
  refused?: readonly Example[];
}

/** The rule of a key. The rule applies only to changes; stored values stay. */
export interface KeyOptions {
  /** Returns the value to store instead of `value`. Runs before all checks, which then apply to the returned value. */
  rewrite?: (change: ValueToRewrite) => string;
  /** True: only `derive` can change or remove the record; devices cannot. */
  serverOwned?: boolean;
  /** True: once the record exists, it can be neither changed nor removed. */
  immutable?: boolean;
  /** False: the record can be changed, but not removed. */
  removable?: boolean;
  /** Maximum length of the value in UTF-8 bytes. */
  maxBytes?: number;
  /**
   * Any Standard Schema for the text, or `number(…)` or `json(…)`. The schema only decides whether the value is valid;
   * the schema's output is not used.
   */
  schema?: StandardSchemaV1;
  /**
   * The value must be a number that never decreases, or never increases. The number must not be beyond
   * ±9007199254740991, where doubles cannot be compared exactly.
   */
  monotonic?: 'increasing' | 'decreasing';
  /** The value must be a number that changes by at most this much in one call; greater than 0. */
  maxDelta?: number;
  /**
   * True or undefined means valid; false or a string means invalid. The string is the reason, which the device receives
   * if the call is rejected.
   */
  validate?: (change: ChangeToValidate) => boolean | string | undefined;
  onInvalid?: OnInvalid;
  examples?: Examples;
}

/** The rules of a dataset. */
export interface DatasetOptions {
  /** Rules by exact key or by glob, in which `*` matches any run of characters. */
  keys?: Readonly<Record<string, KeyOptions>>;
  /** How changes of keys without a rule in `keys` are handled. Such keys can always be removed. */
  unknownKeys?: 'allow' | 'drop' | 'reject';
  /** Sets and removes further records. Called once for each UpdateRecords call. */
  derive?: (dataset: DatasetToDerive) => void;
  onInvalid?: OnInvalid;
}

/** All rules, as the user writes them. */
export interface RulesOptions {
  /** With `observe`, decisions are logged, but nothing is changed or refused. */
  mode?: 'enforce' | 'observe';
  onInvalid?: OnInvalid;
  onRuleError?: OnRuleError;
  /** Rules by exact name or by glob, in which `*` matches any run of characters. */
  datasets?: Readonly<Record<string, DatasetOptions>>;
}

/** The compiled rule of a key. */
export interface KeyRule {
  /** The key or glob as the user wrote it. */
  name: string;
  /** The path of the rule, such as `datasets.game.keys.score`. */
  path: string;
  options: Readonly<KeyOptions>;
  onInvalid: OnInvalid;
}

/** The compiled rules of a dataset. */
export interface DatasetRule {
  /** The name or glob as the user wrote it. */
  name: string;
  /** The path of the rules, such as `datasets.game`. */
  path: string;
  /** All rules in their order, to iterate over. To find the rule that applies to a key, use `findKeyRule`. */
  keys: readonly KeyRule[];
  findKeyRule: (key: string) => KeyRule | undefined;
  unknownKeys: 'allow' | 'drop' | 'reject';
  derive: DatasetOptions['derive'];
}

/** All rules, validated and compiled. Only `defineRules` creates them. */
export interface SyncRules {
  readonly mode: 'enforce' | 'observe';
  readonly onRuleError: OnRuleError;
  /**
   * The rules of all datasets in their order, to iterate over. To find the rules that apply to a name, use
   * `findDatasetRule`.
   */
  readonly datasets: readonly DatasetRule[];
  readonly findDatasetRule: (datasetName: string) => DatasetRule | undefined;
}
