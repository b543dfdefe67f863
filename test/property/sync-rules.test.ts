import { defineRules } from 'cognito-sync-backend/rules';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluateRules } from '../../lib/rules/evaluate-rules.ts';
import type { DatasetOptions, KeyOptions } from '../../lib/rules/rules-model.ts';
import type { DatasetRecord, SyncTriggerEvent } from '../../lib/rules/sync-trigger-event.ts';
import { readTriggerAnswer } from '../../lib/sync/trigger/read-trigger-answer.ts';
import { IDENTITY, POOL } from '../fixtures/sync/stream-events.ts';

/** Set `PROPERTY_RUNS=5000` for a long run. */
const RUNS = { numRuns: Number(process.env.PROPERTY_RUNS ?? 1_000) };
const KEYS = ['a', 'b', 'ab', 'ba', '__proto__', 'constructor', '1'];
const GLOBS = ['a', 'b', 'a*', '*b', '*', 'constructor', '*o*'];

const value = fc.oneof(
  fc.integer({ min: -20, max: 20 }).map(String),
  fc.constantFrom('', 'x', 'é', '1e1', '0.5', '01', 'longer than all', '-0', '1e999', '9007199254740993'),
);
const onInvalid = fc.constantFrom('revert' as const, 'drop' as const, 'reject' as const);

/** Generates options of a key that do not contradict each other, because `defineRules` rejects contradictions. */
const keyOptions: fc.Arbitrary<KeyOptions> = fc
  .record(
    {
      serverOwned: fc.boolean(),
      immutable: fc.boolean(),
      removable: fc.constant(false),
      maxBytes: fc.nat(4),
      monotonic: fc.constantFrom('increasing' as const, 'decreasing' as const),
      maxDelta: fc.integer({ min: 1, max: 10 }),
      onInvalid,
    },
    { requiredKeys: [] },
  )
  .map(({ immutable = false, ...others }) => {
    const isCompared = others.monotonic !== undefined || others.maxDelta !== undefined;
    return { ...others, immutable: immutable && !isCompared };
  });

const named = <Rule>(rule: fc.Arbitrary<Rule>) =>
  fc.uniqueArray(fc.tuple(fc.constantFrom(...GLOBS), rule), { selector: ([name]) => name, maxLength: 4 });

interface Setting {
  keys: [string, KeyOptions][];
  dataset: Pick<DatasetOptions, 'unknownKeys' | 'onInvalid'>;
  /** The values that `derive` sets; null removes the key. */
  derived: [string, string | null][];
}

const setting: fc.Arbitrary<Setting> = fc.record({
  keys: named(keyOptions),
  dataset: fc.record(
    { unknownKeys: fc.constantFrom('allow' as const, 'drop' as const, 'reject' as const), onInvalid },
    { requiredKeys: [] },
  ),
  derived: fc.array(fc.tuple(fc.constantFrom(...KEYS), fc.option(value)), { maxLength: 3 }),
});

const record: fc.Arbitrary<DatasetRecord | null> = fc.oneof(
  fc.record({ oldValue: value, newValue: value, op: fc.constant('replace' as const) }),
  fc.record({ newValue: value, op: fc.constant('replace' as const) }),
  fc.record({ oldValue: value, op: fc.constant('remove' as const) }),
  fc.constant({ op: 'remove' as const }),
  fc.constant(null),
);

const records = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...KEYS), record), { selector: ([key]) => key })
  .map((entries): SyncTriggerEvent['datasetRecords'] =>
    JSON.parse(JSON.stringify(Object.fromEntries(entries))),
  );

const eventOf = (datasetRecords: SyncTriggerEvent['datasetRecords']): SyncTriggerEvent => ({
  version: 2,
  eventType: 'SyncTrigger',
  region: 'us-east-1',
  identityPoolId: POOL,
  identityId: IDENTITY,
  datasetName: 'game',
  datasetRecords,
});

function rulesOf({ keys, dataset, derived }: Setting) {
  const derive: DatasetOptions['derive'] = ({ set, remove }) => {
    for (const [key, wanted] of derived) wanted === null ? remove(key) : set(key, wanted);
  };
  const game = { ...dataset, keys: Object.fromEntries(keys), ...(derived.length > 0 ? { derive } : {}) };
  return defineRules({ datasets: { game } });
}

/** Returns the value that a record requests: null to remove the record, undefined to leave it unchanged. */
function newValueOf(entry: DatasetRecord | null | undefined): string | null | undefined {
  if (!entry) return undefined;
  return entry.op === 'remove' ? null : (entry.newValue ?? null);
}

/** Finds the rule of a key by comparing all rules. */
function ruleFor(keys: Setting['keys'], key: string): KeyOptions | undefined {
  const literals = (glob: string) => [...glob].filter((letter) => letter !== '*').length;
  let best: [string, KeyOptions] | undefined;
  // `rulesOf` turns the list into an object, which moves integer keys to the front. No glob is an integer, so the globs
  // keep this order.
  for (const rule of keys) {
    const [glob] = rule;
    if (glob === key) return rule[1];
    const pattern = new RegExp(`^${glob.replaceAll('*', '.*')}$`);
    if (glob.includes('*') && pattern.test(key) && (!best || literals(glob) > literals(best[0]))) best = rule;
  }
  return best?.[1];
}

const asNumber = (text: string) => {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'number' && Number.isFinite(parsed) ? parsed : null;
  } catch {
    return null;
  }
};

const isComparable = (number: number) => Math.abs(number) < 2 ** 53;

/** Returns whether the rule of a key rejects a change. */
function isRejected(
  options: KeyOptions,
  oldValue: string | null,
  newValue: string | null,
  isDerived: boolean,
): boolean {
  if (options.serverOwned && !isDerived) return true;
  if (options.immutable && oldValue !== null) return true;
  if (newValue === null) return options.removable === false;
  if (new TextEncoder().encode(newValue).length > (options.maxBytes ?? Number.POSITIVE_INFINITY)) return true;
  if (!options.monotonic && !options.maxDelta) return false;
  const to = asNumber(newValue);
  const from = oldValue === null ? null : asNumber(oldValue);
  if (to === null || !isComparable(to)) return true;
  if (from === null || !isComparable(from)) return false;
  if (options.monotonic === 'increasing' ? to < from : options.monotonic && to > from) return true;
  return Math.abs(to - from) > (options.maxDelta ?? Number.POSITIVE_INFINITY);
}

describe('arbitrary rules on arbitrary events', () => {
  it('return a response that the service accepts, with every key and other member of the event', () => {
    fc.assert(
      fc.property(setting, records, (rules, sent) => {
        const verdict = evaluateRules(rulesOf(rules), eventOf(sent));
        if (verdict.kind === 'rejected') return;
        const response = JSON.parse(JSON.stringify(verdict.event));
        readTriggerAnswer(response, {
          event: eventOf(sent),
          patches: [],
          syncCount: 1,
          stored: new Map(),
          maxPatches: 2_500,
        });
        expect({ ...response, datasetRecords: sent }).toEqual(eventOf(sent));
        for (const [key, entry] of Object.entries(sent)) {
          expect(Object.hasOwn(response.datasetRecords, key)).toBe(true);
          const own = Object.entries<DatasetRecord | null>(response.datasetRecords).find(
            ([name]) => name === key,
          );
          expect(own?.[1]?.oldValue).toBe(entry?.oldValue);
        }
      }),
      RUNS,
    );
  });

  it('return no new value that the rule for its key rejects', () => {
    fc.assert(
      fc.property(setting, records, (rules, sent) => {
        const verdict = evaluateRules(rulesOf(rules), eventOf(sent));
        if (verdict.kind === 'rejected') return;
        const requested = new Map(Object.entries(sent));
        for (const [key, entry] of Object.entries(verdict.event.datasetRecords)) {
          const oldValue = requested.get(key)?.oldValue ?? null;
          const newValue = newValueOf(entry);
          if (newValue === undefined || newValue === oldValue) continue;
          const isDerived = rules.derived.some(([derived, wanted]) => derived === key && wanted === newValue);
          const options = ruleFor(rules.keys, key);
          if (options) expect(isRejected(options, oldValue, newValue, isDerived)).toBe(false);
          else if (newValue !== null) expect(rules.dataset.unknownKeys ?? 'allow').toBe('allow');
        }
      }),
      RUNS,
    );
  });

  it('apply every change that no rule rejects, if the rules derive no values', () => {
    fc.assert(
      fc.property(setting, records, (rules, sent) => {
        const verdict = evaluateRules(rulesOf({ ...rules, derived: [] }), eventOf(sent));
        const returned = new Map(
          verdict.kind === 'answer' ? Object.entries(verdict.event.datasetRecords) : [],
        );
        let rejected = 0;
        for (const [key, entry] of Object.entries(sent)) {
          const oldValue = entry?.oldValue ?? null;
          const newValue = newValueOf(entry);
          if (newValue === undefined || newValue === oldValue) continue;
          const options = ruleFor(rules.keys, key);
          const isUnknown = newValue !== null && (rules.dataset.unknownKeys ?? 'allow') !== 'allow';
          if (options ? isRejected(options, oldValue, newValue, false) : isUnknown) rejected += 1;
          else if (verdict.kind === 'answer') expect(returned.get(key)).toEqual(entry);
        }
        expect(verdict.decisions.length > 0).toBe(rejected > 0);
        if (verdict.kind === 'answer') expect(verdict.decisions).toHaveLength(rejected);
      }),
      RUNS,
    );
  });

  it('do not change their own response if that response is evaluated again', () => {
    fc.assert(
      fc.property(setting, records, (setup, sent) => {
        const rules = rulesOf({ ...setup, derived: [] });
        const first = evaluateRules(rules, eventOf(sent));
        if (first.kind === 'rejected') return;
        expect(evaluateRules(rules, first.event)).toEqual({ ...first, decisions: [] });
      }),
      RUNS,
    );
  });

  it('return the same response each time, and do not modify the event', () => {
    fc.assert(
      fc.property(setting, records, (rules, sent) => {
        const before = JSON.stringify(sent);
        const defined = rulesOf(rules);
        const verdict = evaluateRules(defined, eventOf(sent));
        expect(JSON.stringify(sent)).toBe(before);
        expect(evaluateRules(defined, eventOf(sent))).toEqual(verdict);
        expect(evaluateRules(rulesOf(rules), eventOf(sent))).toEqual(verdict);
      }),
      RUNS,
    );
  });
});
