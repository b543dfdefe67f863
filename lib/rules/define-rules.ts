import { SetupError } from '../common/errors.ts';
import { isObject } from '../common/json.ts';
import { checkRules } from './check-rules.ts';
import { createNameLookup } from './name-lookup.ts';
import type {
  DatasetOptions,
  DatasetRule,
  KeyRule,
  OnInvalid,
  RulesOptions,
  SyncRules,
} from './rules-model.ts';

/** The rules are invalid. The message is one line that lists every problem with its path. */
export class RulesError extends SetupError {
  override name = 'RulesError';
  /** One text per problem, such as `datasets.game.keys.score.maxBytes: must be an integer of 0 or more`. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`invalid sync rules: ${problems.join('; ')}`);
    this.problems = problems;
  }
}

/**
 * Validates and compiles rules. Later changes to the options object have no effect.
 *
 * At most one rule applies to a dataset, and at most one rule applies to each key in the dataset. If a rule has exactly
 * the name of the dataset or key, that rule applies. Otherwise, the matching glob with the most literal characters
 * applies. If several matching globs have the same number of literal characters, the first of these globs applies.
 * Rules are not merged.
 *
 * @throws {RulesError} the rules are invalid; the message lists every problem
 */
export function defineRules(rules: RulesOptions): SyncRules {
  const problems = checkRules(rules);
  if (problems.length > 0) throw new RulesError(problems);
  const { mode = 'enforce', onInvalid = 'revert', onRuleError = 'reject', datasets = {} } = rules;
  const all = Object.entries(datasets).map(([name, dataset]) => toDatasetRule(dataset, name, onInvalid));
  return Object.freeze({ mode, onRuleError, datasets: all, findDatasetRule: lookUpIn(all) });
}

function toDatasetRule(
  { keys = {}, unknownKeys = 'allow', derive, onInvalid: datasetOnInvalid }: DatasetOptions,
  name: string,
  rulesOnInvalid: OnInvalid,
): DatasetRule {
  const path = `datasets.${name}`;
  const all = Object.entries(keys).map(
    ([key, options]): KeyRule => ({
      name: key,
      path: `${path}.keys.${key}`,
      options: { ...options },
      onInvalid: options.onInvalid ?? datasetOnInvalid ?? rulesOnInvalid,
    }),
  );
  return { name, path, keys: all, findKeyRule: lookUpIn(all), unknownKeys, derive };
}

function lookUpIn<Rule extends { name: string }>(rules: readonly Rule[]) {
  return createNameLookup(rules.map((rule): [string, Rule] => [rule.name, rule]));
}

/**
 * Validates the default export of a rules file.
 *
 * @throws {RulesError} the export is not the result of `defineRules`; without this check, every call would fail later
 */
export function requireSyncRules(exported: unknown): SyncRules {
  if (isSyncRules(exported)) return exported;
  throw new RulesError(['the default export of the file must be the result of defineRules']);
}

/**
 * Whether a value is the result of `defineRules`. Checks its members, because the file may have imported another copy
 * of `defineRules`.
 */
function isSyncRules(exported: unknown): exported is SyncRules {
  return isObject(exported) && typeof exported.findDatasetRule === 'function';
}
