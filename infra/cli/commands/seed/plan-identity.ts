import { hash } from 'node:crypto';

/** One step of a seeded identity. */
export type SeedStep =
  | {
      kind: 'sync';
      datasetName: string;
      /** Values by key; null removes the record. */
      values: Readonly<Record<string, string | null>>;
      /** Whether the device has not seen the last change of these records, so the service must reject its first try. */
      conflicts: boolean;
    }
  | { kind: 'delete'; datasetName: string };

export interface SeededIdentity {
  identityId: string;
  steps: SeedStep[];
}

const NAMES = [
  'Ada',
  'Bruno',
  'Chiara',
  'Diego',
  'Elif',
  'Femi',
  'Grażyna',
  'Hiroshi',
  'Ines',
  'Jonas',
  'Kalpana',
  'Liu Wei',
];
const LANGUAGES = ['de', 'en', 'es', 'fr', 'it', 'ja', 'pl', 'pt-BR', 'tr', 'zh-Hans'];
const ITEMS = ['sword', 'shield', 'lantern', 'rope', 'map', 'compass', 'potion'];
const MAX_LEVEL = 60;

/**
 * Plans the data of one identity: a saved game, often settings, and for some identities a second device with a
 * conflict, removed records or a deleted dataset. The record `level` of the saved game always stays.
 *
 * @param region the region of the pool; identity ids start with it
 * @param index the number of the identity. The same seed and number always give the same plan
 */
export function planIdentity(region: string, seed: number, index: number): SeededIdentity {
  const hex = hash('sha256', `${seed}:${index}`, 'hex');
  const random = createRandom(Number.parseInt(hex.slice(0, 8), 16));
  const happens = (share: number) => random() < share;
  const pick = <Value>(values: readonly Value[]) => values[Math.floor(random() * values.length)] as Value;
  const sync = (datasetName: string, values: Record<string, string | null>, conflicts = false): SeedStep => ({
    kind: 'sync',
    datasetName,
    values,
    conflicts,
  });

  // Few players are far ahead, as in a real game.
  const level = 1 + Math.floor(random() ** 3 * MAX_LEVEL);
  const score = Math.floor(level * 1_000 * (0.5 + random()));
  const items = ITEMS.filter(() => happens(0.4)).map((name) => ({
    name,
    count: 1 + Math.floor(random() * 5),
  }));
  const steps = [
    sync('savegame', {
      level: String(level),
      score: String(score),
      name: `${pick(NAMES)}-${index}`,
      inventory: JSON.stringify(items),
    }),
  ];
  if (happens(0.7)) {
    const volume = (Math.floor(random() * 11) / 10).toString();
    steps.push(sync('settings', { language: pick(LANGUAGES), theme: pick(['dark', 'light']), volume }));
    if (happens(0.05)) steps.push({ kind: 'delete', datasetName: 'settings' });
  }
  if (happens(0.3)) steps.push(sync('savegame', { score: String(score + 250) }));
  if (happens(0.15)) {
    steps.push(sync('savegame', { score: String(score + 400), level: String(level + 1) }, true));
  }
  if (happens(0.1)) steps.push(sync('savegame', { inventory: null }));
  return { identityId: `${region}:${toUuid(hex)}`, steps };
}

/** Formats the first half of a hash as a UUID of version 8 (RFC 9562: custom contents). */
function toUuid(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** Creates a generator of numbers from 0 to below 1 (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
