import { isObject } from '../common/json.ts';
import { nearestName } from '../common/nearest-name.ts';
import type { Members } from '../stream/read-members.ts';
import type { DatasetOptions, Examples, KeyOptions, RulesOptions } from './rules-model.ts';

/** Checks the value of an option. Returns what is wrong with it, or null. */
type Check = (value: unknown) => string | null;
type Checks<Options> = Readonly<Record<keyof Options, Check>>;

const oneOf =
  (...choices: string[]): Check =>
  (value) =>
    typeof value === 'string' && choices.includes(value) ? null : `must be ${choices.join(' or ')}`;
const trueOrFalse: Check = (value) => (typeof value === 'boolean' ? null : 'must be true or false');
const aFunction: Check = (value) => {
  if (typeof value !== 'function') return 'must be a function';
  return isAsync(value) ? 'must not be async: rules are synchronous' : null;
};
const ON_INVALID = oneOf('revert', 'drop', 'reject');
/** An option whose content is checked separately. */
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
    Number.isSafeInteger(value) && Number(value) >= 0 ? null : 'must be an integer of 0 or more',
  schema: (value) => (isStandardSchema(value) ? null : 'must be a Standard Schema, number() or json()'),
  monotonic: oneOf('increasing', 'decreasing'),
  maxDelta: (value) =>
    Number.isFinite(value) && Number(value) > 0 ? null : 'must be a number greater than 0',
  validate: aFunction,
  onInvalid: ON_INVALID,
  examples: nested,
};

const EXAMPLES: Checks<Examples> = { accepted: listOfExamples, refused: listOfExamples };

/** Combinations of options in which one option contradicts another option or makes it ineffective. */
const CONTRADICTIONS: readonly { has: (options: Members) => boolean; text: string }[] = [
  {
    has: ({ serverOwned, removable }) => serverOwned === true && removable === true,
    text: 'serverOwned and removable: true contradict each other',
  },
  {
    has: ({ immutable, removable }) => immutable === true && removable === true,
    text: 'immutable and removable: true contradict each other',
  },
  {
    has: ({ immutable, monotonic, maxDelta }) =>
      immutable === true && (monotonic !== undefined || maxDelta !== undefined),
    text: 'monotonic and maxDelta have no effect with immutable: true',
  },
];

/**
 * Checks rules as the user wrote them. An unknown option is an error. Otherwise a misspelled option would be ignored,
 * and changes that the user meant to refuse would be accepted.
 *
 * @returns every problem, as `path: problem`
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
    ...CONTRADICTIONS.filter(({ has }) => has(options)).map(({ text }) => `${path}: ${text}`),
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
      : unknownOption(name, [...known.keys()]);
    return problem === null ? [] : [`${path && `${path}.`}${name}: ${problem}`];
  });
}

function unknownOption(option: string, names: readonly string[]): string {
  const nearest = nearestName(option, names);
  return `unknown option; ${nearest ? `did you mean ${nearest}?` : `use one of ${names.join(', ')}`}`;
}

/** Checks an object whose member names are names or globs. */
function checkNamed(
  named: unknown,
  path: string,
  check: (rule: unknown, path: string) => string[],
): string[] {
  if (named === undefined) return [];
  if (!isPlainObject(named))
    return [`${path}: must be an object whose keys are names or globs and whose values are rules`];
  return Object.entries(named).flatMap(([name, rule]) => [
    ...(name === '' ? [`${path}: a name or glob must not be empty`] : []),
    ...check(rule, `${path}.${name}`),
  ]);
}

function member(options: unknown, name: string): unknown {
  return isPlainObject(options) ? options[name] : undefined;
}

const EXAMPLE_MEMBERS = ['key', 'oldValue', 'newValue'];

function listOfExamples(list: unknown): string | null {
  if (!Array.isArray(list)) return 'must be a list of examples';
  const invalid = list.findIndex((example) => !isExample(example));
  return invalid < 0
    ? null
    : `example ${invalid + 1} must be a string, or an object of strings with oldValue, newValue or both, and optionally key`;
}

function isExample(example: unknown): boolean {
  if (typeof example === 'string') return true;
  if (!isPlainObject(example) || example.key === '') return false;
  const given = Object.entries(example).filter(([, value]) => value !== undefined);
  return (
    given.every(([name, value]) => EXAMPLE_MEMBERS.includes(name) && typeof value === 'string') &&
    given.some(([name]) => name !== 'key')
  );
}

/**
 * Whether a value is a plain object. An object literal with the member `__proto__: …` is not plain: this syntax sets
 * the object's prototype instead of adding a rule with that name. Inherited members are not read, so such a rule would
 * be ignored.
 */
function isPlainObject(value: unknown): value is Members {
  if (!isObject(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/**
 * Whether a function is async. Also recognizes a function of another JavaScript context, in which constructors differ.
 */
function isAsync(value: object): boolean {
  return /^\[object Async(Generator)?Function\]$/.test(Object.prototype.toString.call(value));
}

/** Whether a value is a Standard Schema. In some libraries, a schema is a function. */
function isStandardSchema(value: unknown): boolean {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  const standard: unknown = '~standard' in value ? value['~standard'] : undefined;
  return isObject(standard) && standard.version === 1 && typeof standard.validate === 'function';
}
