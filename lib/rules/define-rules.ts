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

/** Rules that cannot be used. The message is one line that names every place that is wrong. */
export class RulesError extends SetupError {
  override name = 'RulesError';
  /** One for each place, such as `datasets.game.keys.score.maxBytes: must be a whole number from 0`. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`the sync rules cannot be used: ${problems.join('; ')}`);
    this.problems = problems;
  }
}

/**
 * Checks rules and makes them ready to be asked; what becomes of the options afterwards has no effect.
 *
 * One rule applies to a dataset, and one to a key of it: the one with that exact name, else, of the globs that match, the
 * one with most literal characters, else the first. They are not merged.
 *
 * @throws {RulesError} naming every place that is wrong
 */
export function defineRules(rules: RulesOptions): SyncRules {
  const problems = checkRules(rules);
  if (problems.length > 0) throw new RulesError(problems);
  const { mode = 'enforce', onInvalid = 'revert', onRuleError = 'reject', datasets = {} } = rules;
  const all = Object.entries(datasets).map(([name, dataset]) => toDatasetRule(dataset, name, onInvalid));
  return Object.freeze({ mode, onRuleError, datasets: all, findDatasetRule: lookUpIn(all) });
}

function toDatasetRule(
  { keys = {}, unknownKeys = 'allow', derive, onInvalid: ofDataset }: DatasetOptions,
  name: string,
  ofRules: OnInvalid,
): DatasetRule {
  const path = `datasets.${name}`;
  const all = Object.entries(keys).map(
    ([key, options]): KeyRule => ({
      name: key,
      path: `${path}.keys.${key}`,
      options: { ...options },
      onInvalid: options.onInvalid ?? ofDataset ?? ofRules,
    }),
  );
  return { name, path, keys: all, findKeyRule: lookUpIn(all), unknownKeys, derive };
}

function lookUpIn<Rule extends { name: string }>(rules: readonly Rule[]) {
  return createNameLookup(rules.map((rule): [string, Rule] => [rule.name, rule]));
}

/**
 * What a rules file exports by default.
 * @throws {RulesError} it is not what `defineRules` answers: without this, each call would fail by itself
 */
export function requireSyncRules(exported: unknown): SyncRules {
  if (isSyncRules(exported)) return exported;
  throw new RulesError(['the default export of the file must be what defineRules answers']);
}

/** By what can be asked of them: the file may have come by another copy of `defineRules`. */
function isSyncRules(exported: unknown): exported is SyncRules {
  return isObject(exported) && typeof exported.findDatasetRule === 'function';
}
