import { isObject } from '../common/json.ts';
import type { Members } from '../stream/members.ts';
import { nearestName } from './nearest-name.ts';
import type { DatasetOptions, Examples, KeyOptions, RulesOptions } from './rules-model.ts';

/** What is wrong with the value of an option; null where nothing is. */
type Check = (value: unknown) => string | null;
type Checks<Options> = Readonly<Record<keyof Options, Check>>;

const oneOf =
  (...choices: string[]): Check =>
  (value) =>
    typeof value === 'string' && choices.includes(value) ? null : `must be ${choices.join(' or ')}`;
const trueOrFalse: Check = (value) => (typeof value === 'boolean' ? null : 'must be true or false');
const aFunction: Check = (value) => {
  if (typeof value !== 'function') return 'must be a function';
  return isAsync(value) ? 'must not be async: rules answer at once' : null;
};
const ON_INVALID = oneOf('revert', 'drop', 'reject');
/** What is in it is looked at by itself. */
const nested: Check = () => null;

const RULES: Checks<RulesOptions> = {
  mode: oneOf('enforce', 'observe'),
  onInvalid: ON_INVALID,
  onRuleError: oneOf('reject', 'revert', 'allow'),
  datasets: nested,
};

const DATASET: Checks<DatasetOptions> = {
  keys: nested,
  unknownKeys: oneOf('allow', 'drop', 'reject'),
  derive: aFunction,
  onInvalid: ON_INVALID,
};

const KEY: Checks<KeyOptions> = {
  rewrite: aFunction,
  serverOwned: trueOrFalse,
  immutable: trueOrFalse,
  removable: trueOrFalse,
  maxBytes: (value) =>
    Number.isSafeInteger(value) && Number(value) >= 0 ? null : 'must be a whole number from 0',
  schema: (value) => (isStandardSchema(value) ? null : 'must be a Standard Schema, number() or json()'),
  monotonic: oneOf('increasing', 'decreasing'),
  maxDelta: (value) => (Number.isFinite(value) && Number(value) > 0 ? null : 'must be a number above 0'),
  validate: aFunction,
  onInvalid: ON_INVALID,
  examples: nested,
};

const EXAMPLES: Checks<Examples> = { accepted: listOfExamples, refused: listOfExamples };

/** Pairs of which one leaves the other no effect, or says the opposite. */
const CONTRADICTIONS: readonly { has: (options: Members) => boolean; says: string }[] = [
  {
    has: ({ serverOwned, removable }) => serverOwned === true && removable === true,
    says: 'serverOwned and removable: true contradict each other',
  },
  {
    has: ({ immutable, removable }) => immutable === true && removable === true,
    says: 'immutable and removable: true contradict each other',
  },
  {
    has: ({ immutable, monotonic, maxDelta }) =>
      immutable === true && (monotonic !== undefined || maxDelta !== undefined),
    says: 'immutable leaves monotonic and maxDelta nothing to compare',
  },
];

/**
 * Everything that is wrong with rules as they were written, as `path: what`; an option that there is not is wrong, so
 * that no typing mistake lets through what was to be refused.
 */
export function checkRules(rules: unknown): string[] {
  return [
    ...checkOptions(rules, '', RULES),
    ...checkNamed(member(rules, 'datasets'), 'datasets', checkDataset),
  ];
}

function checkDataset(dataset: unknown, path: string): string[] {
  return [
    ...checkOptions(dataset, path, DATASET),
    ...checkNamed(member(dataset, 'keys'), `${path}.keys`, checkKey),
  ];
}

function checkKey(options: unknown, path: string): string[] {
  const problems = checkOptions(options, path, KEY);
  if (!isObject(options)) return problems;
  const { examples } = options;
  return [
    ...problems,
    ...(examples === undefined ? [] : checkOptions(examples, `${path}.examples`, EXAMPLES)),
    ...CONTRADICTIONS.filter(({ has }) => has(options)).map(({ says }) => `${path}: ${says}`),
  ];
}

function checkOptions(options: unknown, path: string, checks: Readonly<Record<string, Check>>): string[] {
  if (!isPlainObject(options)) return [`${path || 'the rules'}: must be an object of options`];
  const known = new Map(Object.entries(checks));
  return Object.entries(options).flatMap(([name, value]) => {
    const check = known.get(name);
    const problem = check
      ? value === undefined
        ? null
        : check(value)
      : noSuchOption(name, [...known.keys()]);
    return problem === null ? [] : [`${path && `${path}.`}${name}: ${problem}`];
  });
}

function noSuchOption(written: string, names: readonly string[]): string {
  const nearest = nearestName(written, names);
  return `there is no such option; ${nearest ? `did you mean ${nearest}?` : `there are ${names.join(', ')}`}`;
}

/** Of what is written by name or glob. */
function checkNamed(
  named: unknown,
  path: string,
  check: (rule: unknown, path: string) => string[],
): string[] {
  if (named === undefined) return [];
  if (!isPlainObject(named)) return [`${path}: must be an object of rules by name or glob`];
  return Object.entries(named).flatMap(([name, rule]) => [
    ...(name === '' ? [`${path}: a name or glob must not be empty`] : []),
    ...check(rule, `${path}.${name}`),
  ]);
}

function member(options: unknown, name: string): unknown {
  return isPlainObject(options) ? options[name] : undefined;
}

const MEMBERS_OF_EXAMPLE = ['key', 'oldValue', 'newValue'];

function listOfExamples(list: unknown): string | null {
  if (!Array.isArray(list)) return 'must be a list of examples';
  const wrong = list.findIndex((example) => !isExample(example));
  return wrong < 0
    ? null
    : `number ${wrong + 1} must be a value, or an object of texts with oldValue or newValue, and key perhaps`;
}

function isExample(example: unknown): boolean {
  if (typeof example === 'string') return true;
  if (!isPlainObject(example) || example.key === '') return false;
  const given = Object.entries(example).filter(([, value]) => value !== undefined);
  return (
    given.every(([name, value]) => MEMBERS_OF_EXAMPLE.includes(name) && typeof value === 'string') &&
    given.some(([name]) => name !== 'key')
  );
}

/** What is inherited is not read: `{ __proto__: … }` is another prototype, and no rule of that name. */
function isPlainObject(value: unknown): value is Members {
  if (!isObject(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Also where it was made in another context, whose constructors are others. */
function isAsync(value: object): boolean {
  return /^\[object Async(Generator)?Function\]$/.test(Object.prototype.toString.call(value));
}

/** Of some libraries it is a function. */
function isStandardSchema(value: unknown): boolean {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  const standard: unknown = '~standard' in value ? value['~standard'] : undefined;
  return isObject(standard) && standard.version === 1 && typeof standard.validate === 'function';
}
