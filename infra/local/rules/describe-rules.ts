import type { KeyOptions, KeyRule, SyncRules } from '../../../lib/rules/rules-model.ts';

/** Sync rules in a form that the console shows. */
export interface DescribedRules {
  mode: SyncRules['mode'];
  onRuleError: SyncRules['onRuleError'];
  datasets: {
    name: string;
    unknownKeys: 'allow' | 'drop' | 'reject';
    derives: boolean;
    keys: { name: string; path: string; onInvalid: KeyRule['onInvalid']; conditions: string[] }[];
  }[];
}

/** Describes rules without the functions of the rules file, whose code cannot be described. */
export function describeRules({ mode, onRuleError, datasets }: SyncRules): DescribedRules {
  return {
    mode,
    onRuleError,
    datasets: datasets.map(({ name, unknownKeys, derive, keys }) => ({
      name,
      unknownKeys,
      derives: derive !== undefined,
      keys: keys.map((key) => ({
        name: key.name,
        path: key.path,
        onInvalid: key.onInvalid,
        conditions: conditionsOf(key.options),
      })),
    })),
  };
}

/** Returns what a value must satisfy, in the order in which the rules check it. */
function conditionsOf(options: KeyOptions): string[] {
  const { monotonic, maxDelta, maxBytes } = options;
  return [
    options.rewrite && 'is rewritten',
    options.serverOwned && 'only derive writes it',
    options.immutable && 'never changes',
    options.removable === false && 'cannot be removed',
    maxBytes !== undefined && `at most ${maxBytes} bytes`,
    options.schema && 'matches a schema',
    monotonic && (monotonic === 'increasing' ? 'never decreases' : 'never increases'),
    maxDelta !== undefined && `changes by at most ${maxDelta}`,
    options.validate && 'passes a function',
  ].filter((condition) => typeof condition === 'string');
}
