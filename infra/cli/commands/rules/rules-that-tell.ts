import type { StandardSchemaV1 } from '@standard-schema/spec';
import { describeThrown } from '../../../../lib/common/thrown.ts';
import type { DatasetRule, KeyRule, SyncRules } from '../../../../lib/rules/rules-model.ts';

type Tell = (what: string) => void;

/**
 * The same rules, but they tell what the user's functions throw: a verdict says only that they did, as it can be logged.
 * @param tell such as `datasets.game.keys.score: validate threw: oops (/home/me/sync-rules.ts:7:13)`
 */
export function rulesThatTell(rules: SyncRules, tell: Tell): SyncRules {
  const datasets = rules.datasets.map((dataset) => ofDataset(dataset, tell));
  return { ...rules, datasets, findDatasetRule: findAmong(datasets, rules.findDatasetRule) };
}

function ofDataset(dataset: DatasetRule, tell: Tell): DatasetRule {
  const { path, derive, findKeyRule } = dataset;
  const keys = dataset.keys.map((rule) => ofKey(rule, tell));
  return {
    ...dataset,
    keys,
    findKeyRule: findAmong(keys, findKeyRule),
    derive: derive && telling(derive, `${path}.derive: derive`, tell),
  };
}

function ofKey(rule: KeyRule, tell: Tell): KeyRule {
  const { path, options } = rule;
  const { rewrite, validate, schema } = options;
  return {
    ...rule,
    options: {
      ...options,
      ...(rewrite && { rewrite: telling(rewrite, `${path}: rewrite`, tell) }),
      ...(validate && { validate: telling(validate, `${path}: validate`, tell) }),
      ...(schema && { schema: schemaTelling(schema, `${path}: schema`, tell) }),
    },
  };
}

function schemaTelling(schema: StandardSchemaV1, name: string, tell: Tell): StandardSchemaV1 {
  const validate = (value: unknown) => schema['~standard'].validate(value);
  return { '~standard': { ...schema['~standard'], validate: telling(validate, name, tell) } };
}

function telling<Given, Answer>(
  call: (given: Given) => Answer,
  name: string,
  tell: Tell,
): (given: Given) => Answer {
  return (given) => {
    try {
      return call(given);
    } catch (error) {
      tell(`${name} threw: ${describeThrown(error)}`);
      throw error;
    }
  };
}

/** Finds the rule of the same name, which is one only. */
function findAmong<Rule extends { name: string }>(
  rules: readonly Rule[],
  find: (name: string) => { name: string } | undefined,
): (name: string) => Rule | undefined {
  const byName = new Map(rules.map((rule) => [rule.name, rule]));
  return (name) => byName.get(find(name)?.name ?? '');
}
