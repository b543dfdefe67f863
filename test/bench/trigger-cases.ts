import { number } from 'cognito-sync-backend/rules';
import { z } from 'zod';
import type {
  DatasetOptions,
  DatasetToDerive,
  KeyOptions,
  RulesOptions,
} from '../../lib/rules/rules-model.ts';
import { buildSyncTriggerEvent } from '../../lib/sync/trigger/build-sync-trigger-event.ts';
import { IDENTITY, POOL } from '../fixtures/sync/stream-events.ts';

/** A case of the trigger benchmark: the rules, and the events of repeated calls of the sync trigger. */
export interface TriggerCase {
  name: string;
  options: RulesOptions;
  /** Returns the event of the next call as JSON: a full dataset in which every record changes. */
  nextEvent: () => string;
}

const RECORDS = 1_024;
/**
 * Number of rules per form. The four forms are exact names, and globs with the literal part at the start, at the end or
 * in the middle. That makes 100 rules.
 */
const RULES_PER_FORM = 25;
const OLD_VALUE = 1_000;
const NEW_VALUE = 1_500;
/** A value that every rule rejects. */
const REJECTED = 'no number';
/** Placeholder in keys for the part that differs from call to call. */
const PLACEHOLDER = '@';

const DATASET = { identityPoolId: POOL, identityId: IDENTITY, datasetName: 'game' };

export function triggerCases(): TriggerCase[] {
  const options = optionsOf({});
  return [
    { name: 'the same keys in each call', options, nextEvent: knownKeys(String(NEW_VALUE)) },
    { name: 'keys never seen before', options, nextEvent: newKeys(String(NEW_VALUE)) },
    { name: 'every third value refused', options, nextEvent: knownKeys(REJECTED) },
    { name: 'every third value refused, keys never seen before', options, nextEvent: newKeys(REJECTED) },
    {
      name: 'every record derived',
      options: optionsOf({ derive: deriveAll }),
      nextEvent: knownKeys(String(NEW_VALUE)),
    },
  ];
}

function optionsOf(dataset: Omit<DatasetOptions, 'keys'>): RulesOptions {
  const keys = Object.fromEntries(
    Array.from({ length: RULES_PER_FORM }, (_, rule) => rulesOfNumber(rule)).flat(),
  );
  return { datasets: { [DATASET.datasetName]: { ...dataset, keys } } };
}

function rulesOfNumber(rule: number): [nameOrGlob: string, options: KeyOptions][] {
  return [
    [`setting-${rule}`, { schema: z.string().regex(/^\d+$/), removable: false }],
    [`level-${rule}.*`, { schema: number(), monotonic: 'increasing' }],
    [`*.rank-${rule}`, { schema: number(z.number().int().min(0)), maxDelta: 1_000 }],
    [
      `*.of-shop-${rule}.*`,
      { validate: ({ oldValue = '', newValue = '' }) => Number(newValue) >= Number(oldValue), maxBytes: 100 },
    ],
  ];
}

function knownKeys(third: string): TriggerCase['nextEvent'] {
  const text = eventText({ third });
  return () => text;
}

function newKeys(third: string): TriggerCase['nextEvent'] {
  const text = eventText({ third, placeholder: PLACEHOLDER });
  let calls = 0;
  return () => {
    calls += 1;
    return text.replaceAll(PLACEHOLDER, `call ${calls}, `);
  };
}

/** @param third the new value of every third record */
function eventText({ third, placeholder = '' }: { third: string; placeholder?: string }): string {
  const keys = Array.from({ length: RECORDS }, (_, record) => keyOf(record, placeholder));
  const event = buildSyncTriggerEvent(
    DATASET,
    keys.map((key) => ({ Key: key, Value: String(OLD_VALUE) })),
    keys.map((key, record) => ({ key, value: record % 3 === 0 ? third : String(NEW_VALUE) })),
  );
  return JSON.stringify(event);
}

/**
 * Returns the key of a record. Three of four keys match the glob of a rule. The fourth key is the exact name of a rule.
 * If the keys contain the placeholder, or if all names are already used, the fourth key matches no rule.
 */
function keyOf(record: number, placeholder: string): string {
  const rule = record % RULES_PER_FORM;
  const name = `${placeholder}${record}`;
  const hasName = placeholder === '' && record < RULES_PER_FORM * 4;
  const keys = [
    hasName ? `setting-${rule}` : `note-${name}`,
    `level-${rule}.${name}`,
    `${name}.rank-${rule}`,
    `${name}.of-shop-${rule}.count`,
  ];
  return keys[record % keys.length] ?? name;
}

function deriveAll({ records, set }: DatasetToDerive): void {
  for (const [key, value] of Object.entries(records)) set(key, String(Number(value) + 1));
}
