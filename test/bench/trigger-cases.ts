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

/** What a device can ask of the sync trigger, again and again. */
export interface TriggerCase {
  name: string;
  options: RulesOptions;
  /** The event of the next call, as JSON: a full dataset, all of it changed. */
  nextEvent: () => string;
}

const RECORDS = 1_024;
/** Of exact names, of globs with what is literal in front, at the end, and in the middle: 100 in all. */
const RULES_OF_A_FORM = 25;
const OLD_VALUE = 1_000;
const NEW_VALUE = 1_500;
/** Every rule refuses it. */
const REFUSED = 'no number';
/** Where keys that are never seen before differ from call to call. */
const MARK = '@';

const DATASET = { identityPoolId: POOL, identityId: IDENTITY, datasetName: 'game' };

export function triggerCases(): TriggerCase[] {
  const options = optionsOf({});
  return [
    { name: 'the same keys in each call', options, nextEvent: knownKeys(String(NEW_VALUE)) },
    { name: 'keys never seen before', options, nextEvent: newKeys(String(NEW_VALUE)) },
    { name: 'every third value refused', options, nextEvent: knownKeys(REFUSED) },
    { name: 'every third value refused, keys never seen before', options, nextEvent: newKeys(REFUSED) },
    {
      name: 'every record derived',
      options: optionsOf({ derive: deriveAll }),
      nextEvent: knownKeys(String(NEW_VALUE)),
    },
  ];
}

function optionsOf(dataset: Omit<DatasetOptions, 'keys'>): RulesOptions {
  const keys = Object.fromEntries(
    Array.from({ length: RULES_OF_A_FORM }, (_, rule) => rulesNumbered(rule)).flat(),
  );
  return { datasets: { [DATASET.datasetName]: { ...dataset, keys } } };
}

function rulesNumbered(rule: number): [nameOrGlob: string, options: KeyOptions][] {
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
  const text = eventText({ third, mark: MARK });
  let calls = 0;
  return () => {
    calls += 1;
    return text.replaceAll(MARK, `call ${calls}, `);
  };
}

/** @param third what every third record is to be */
function eventText({ third, mark = '' }: { third: string; mark?: string }): string {
  const keys = Array.from({ length: RECORDS }, (_, record) => keyOf(record, mark));
  const event = buildSyncTriggerEvent(
    DATASET,
    keys.map((key) => ({ Key: key, Value: String(OLD_VALUE) })),
    keys.map((key, record) => ({ key, value: record % 3 === 0 ? third : String(NEW_VALUE) })),
  );
  return JSON.stringify(event);
}

/** Of four records one has a rule by its name, or none where no name is left; the others have rules by globs. */
function keyOf(record: number, mark: string): string {
  const rule = record % RULES_OF_A_FORM;
  const name = `${mark}${record}`;
  const hasName = mark === '' && record < RULES_OF_A_FORM * 4;
  const ofForms = [
    hasName ? `setting-${rule}` : `note-${name}`,
    `level-${rule}.${name}`,
    `${name}.rank-${rule}`,
    `${name}.of-shop-${rule}.count`,
  ];
  return ofForms[record % ofForms.length] ?? name;
}

function deriveAll({ records, set }: DatasetToDerive): void {
  for (const [key, value] of Object.entries(records)) set(key, String(Number(value) + 1));
}
