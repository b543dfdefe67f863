import type { StandardSchemaV1 } from '@standard-schema/spec';
import { describeThrown } from '../../../../lib/common/thrown.ts';
import type { DatasetRule, KeyRule, SyncRules } from '../../../../lib/rules/rules-model.ts';

type Report = (what: string) => void;

/**
 * Wraps rules so that each error that a user's function throws is passed to `report` with its message. The verdict of
 * the rules omits the message, because verdicts can be logged. The verdict says only that a function threw.
 * @param report receives, for example, `datasets.game.keys.score: validate threw: oops (/home/me/sync-rules.ts:7:13)`
 */
export function reportThrown(rules: SyncRules, report: Report): SyncRules {
  const datasets = rules.datasets.map((dataset) => reportOfDataset(dataset, report));
  return { ...rules, datasets, findDatasetRule: findAmong(datasets, rules.findDatasetRule) };
}

function reportOfDataset(dataset: DatasetRule, report: Report): DatasetRule {
  const { path, derive, findKeyRule } = dataset;
  const keys = dataset.keys.map((rule) => reportOfKey(rule, report));
  return {
    ...dataset,
    keys,
    findKeyRule: findAmong(keys, findKeyRule),
    derive: derive && reporting(derive, `${path}.derive: derive`, report),
  };
}

function reportOfKey(rule: KeyRule, report: Report): KeyRule {
  const { path, options } = rule;
  const { rewrite, validate, schema } = options;
  return {
    ...rule,
    options: {
      ...options,
      ...(rewrite && { rewrite: reporting(rewrite, `${path}: rewrite`, report) }),
      ...(validate && { validate: reporting(validate, `${path}: validate`, report) }),
      ...(schema && { schema: reportingSchema(schema, `${path}: schema`, report) }),
    },
  };
}

function reportingSchema(schema: StandardSchemaV1, name: string, report: Report): StandardSchemaV1 {
  const validate = (value: unknown) => schema['~standard'].validate(value);
  return { '~standard': { ...schema['~standard'], validate: reporting(validate, name, report) } };
}

function reporting<Given, Answer>(
  call: (given: Given) => Answer,
  name: string,
  report: Report,
): (given: Given) => Answer {
  return (given) => {
    try {
      return call(given);
    } catch (error) {
      report(`${name} threw: ${describeThrown(error)}`);
      throw error;
    }
  };
}

/**
 * Returns a function that finds a wrapped rule. It calls `find`, which returns the original rule, and then returns the
 * rule in `rules` with the same name. Names are unique.
 */
function findAmong<Rule extends { name: string }>(
  rules: readonly Rule[],
  find: (name: string) => { name: string } | undefined,
): (name: string) => Rule | undefined {
  const byName = new Map(rules.map((rule) => [rule.name, rule]));
  return (name) => byName.get(find(name)?.name ?? '');
}
