import { type Change, type Deletion, type Place, placeName, type Side } from './ledger.ts';

/** A conflict as `move conflicts --json` lists it. Dates are ISO 8601. */
export interface DecidedConflict extends Place {
  /** Null if the conflict concerns the whole dataset. */
  key: string | null;
  winner: 'here' | 'there';
  here: string | null;
  there: string | null;
}

/** The live records of a side, by dataset. A correct listing has each key once. */
export type Contents = ReadonlyMap<string, readonly (readonly [key: string, value: string])[]>;

export interface Population {
  changes: readonly Change[];
  deletions: readonly Deletion[];
  conflicts: readonly DecidedConflict[];
  contents: Readonly<Record<Side, Contents>>;
  /** Identities that exist on only one side. */
  onlyAt: ReadonlyMap<string, Side>;
  /** For identities that were merged: the identity to which their datasets were moved. */
  mergedInto: ReadonlyMap<string, string>;
  /** Writes of the bridge, by side and dataset. */
  bridgeWrites: Readonly<Record<Side, ReadonlyMap<string, number>>>;
  /** How often a pass of the bridge over a dataset may have been interrupted. Then the next pass can write again. */
  interruptions: (place: string) => number;
}

/**
 * Checks what remains after all changes have arrived.
 *
 * @returns one line per acknowledged change that is lost, per value that differs between the sides or that no device
 * wrote there, and per dataset to which the bridge wrote more often than devices changed it
 */
export function checkPopulation(population: Population): string[] {
  const canonical = withCanonicalPlaces(population);
  const byKey = Map.groupBy(canonical.changes.filter(hasEffect), (change) => keyName(change, change.key));
  const all: Lookup = {
    ...canonical,
    finals: { origin: toFinals(canonical.contents.origin), target: toFinals(canonical.contents.target) },
    byKey,
    deletionsOf: Map.groupBy(canonical.deletions, placeName),
    conflictsOf: Map.groupBy(canonical.conflicts, placeName),
  };
  return [
    ...repeatedKeys(canonical),
    ...[...byKey.values()].flat().flatMap((change) => lostChange(all, change)),
    ...canonical.deletions.flatMap((deletion) => lostDeletion(all, deletion)),
    ...unexplained(all),
    ...excessiveWrites(all),
  ];
}

interface Lookup extends Population {
  finals: Record<Side, ReadonlyMap<string, string>>;
  byKey: ReadonlyMap<string, readonly Change[]>;
  deletionsOf: ReadonlyMap<string, readonly Deletion[]>;
  conflictsOf: ReadonlyMap<string, readonly DecidedConflict[]>;
}

/**
 * Whether a change can change a record. A service accepts a removal with the base count 0 only if the key has neither a
 * record nor a tombstone. Such a removal changes nothing there, so a record of the other side may remain.
 */
const hasEffect = ({ value, baseCount }: Change) => value !== null || baseCount > 0;
const keyName = (place: Place, key: string) => `${placeName(place)} ${key}`;
const SIDES = ['origin', 'target'] as const;

/** Replaces the names of merged identities' datasets by the names of the copies, which both sides must have. */
function withCanonicalPlaces(population: Population): Population {
  const { mergedInto } = population;
  const move = <P extends Place>(place: P): P => {
    const into = mergedInto.get(place.identityId);
    return into === undefined
      ? place
      : { ...place, identityId: into, datasetName: `${place.datasetName}.${place.identityId}` };
  };
  // Leaves out the datasets that a merged identity still has at the origin. The target has copies of them. The origin
  // keeps them, because the identity was not merged there.
  const withoutMerged = (contents: Contents) =>
    new Map([...contents].filter(([name]) => !mergedInto.has(name.slice(0, name.indexOf(' ')))));
  return {
    ...population,
    changes: population.changes.map(move),
    deletions: population.deletions.map(move),
    conflicts: population.conflicts.map(move),
    contents: {
      origin: withoutMerged(population.contents.origin),
      target: withoutMerged(population.contents.target),
    },
    bridgeWrites: {
      origin: moveCounts(population.bridgeWrites.origin, move),
      target: moveCounts(population.bridgeWrites.target, move),
    },
  };
}

function moveCounts(counts: ReadonlyMap<string, number>, move: (place: Place) => Place): Map<string, number> {
  const moved = new Map<string, number>();
  for (const [name, count] of counts) {
    const [identityId = '', datasetName = ''] = name.split(' ');
    const place = placeName(move({ identityId, datasetName }));
    moved.set(place, (moved.get(place) ?? 0) + count);
  }
  return moved;
}

function toFinals(contents: Contents): Map<string, string> {
  const finals = new Map<string, string>();
  for (const [name, records] of contents)
    for (const [key, value] of records) finals.set(`${name} ${key}`, value);
  return finals;
}

function repeatedKeys({ contents }: Population): string[] {
  return SIDES.flatMap((side) =>
    [...contents[side]].flatMap(([name, records]) =>
      records.length === new Set(records.map(([key]) => key)).size
        ? []
        : [`${name}: the ${side} returned a key twice`],
    ),
  );
}

/** The sides on which an identity exists. */
function sidesOf({ onlyAt }: Population, { identityId }: Place): readonly Side[] {
  const only = onlyAt.get(identityId);
  return only === undefined ? SIDES : [only];
}

function lostChange(all: Lookup, change: Change): string[] {
  if (change.syncCount === null || isAccounted(all, change, new Set())) return [];
  const finals = SIDES.map(
    (side) => `${side} ${all.finals[side].get(keyName(change, change.key)) ?? 'nothing'}`,
  );
  const what = `${keyName(change, change.key)}: ${change.value ?? 'a removal'}, count ${change.syncCount}`;
  return [`${what}, acknowledged by the ${change.side}, is lost: ${finals.join(', ')}`];
}

/** Whether a change is on both sides, was superseded by a device that knew it, or is in the list of conflicts. */
function isAccounted(all: Lookup, change: Change, visited: Set<Change>): boolean {
  if (visited.has(change)) return false;
  visited.add(change);
  const name = keyName(change, change.key);
  const isFinal = sidesOf(all, change).every((side) => (all.finals[side].get(name) ?? null) === change.value);
  return (
    isFinal ||
    isListed(all, change) ||
    (all.deletionsOf.get(placeName(change)) ?? []).some(({ ackedAt }) => ackedAt >= change.sentAt) ||
    (all.byKey.get(name) ?? []).some(
      // A change in doubt explains another one only if it was stored.
      (other) => supersedes(other, change) && (other.syncCount !== null || isAccounted(all, other, visited)),
    )
  );
}

function supersedes(newer: Change, older: Change): boolean {
  if (newer === older || newer.ackedAt < older.sentAt) return false;
  if (newer.bases.includes(older.value)) return true;
  if (newer.side !== older.side || newer.syncCount === null) return false;
  return newer.syncCount > (older.syncCount ?? Number.POSITIVE_INFINITY);
}

function isListed({ conflictsOf }: Lookup, change: Change): boolean {
  return (conflictsOf.get(placeName(change)) ?? []).some(({ key, winner, here, there }) => {
    if (key === null) return true;
    if (key !== change.key) return false;
    const lost = winner === 'here' ? there : here;
    // Without a date, the side that lost had no row: the dataset was deleted there.
    return lost === null ? change.value === null : isDateOf(change, Date.parse(lost));
  });
}

/** The date in a conflict is the device date, limited to the date at which the service received the record. */
function isDateOf({ deviceMs, modifiedMs }: Change, date: number): boolean {
  if (modifiedMs === null) return true;
  if (deviceMs === null || deviceMs === modifiedMs) return date === modifiedMs;
  return deviceMs < modifiedMs ? date === deviceMs : date >= modifiedMs && date <= deviceMs;
}

function lostDeletion(all: Lookup, deletion: Deletion): string[] {
  if (deletion.ackedAt === Number.POSITIVE_INFINITY) return [];
  const listed = (all.conflictsOf.get(placeName(deletion)) ?? []).map(({ key }) => key);
  return [...deletion.known].flatMap(([key, value]) => {
    const name = keyName(deletion, key);
    const remains = SIDES.filter((side) => all.finals[side].get(name) === value);
    if (remains.length === 0 || listed.includes(key) || listed.includes(null)) return [];
    // A device that did not know of the deletion may have written the value at the same time.
    const isNewer = (all.byKey.get(name) ?? []).some(
      (change) => change.value === value && change.ackedAt >= deletion.sentAt,
    );
    return isNewer ? [] : [`${name}: ${value} returned after the dataset was deleted: ${remains.join(', ')}`];
  });
}

function unexplained(all: Lookup): string[] {
  const names = new Set([...all.finals.origin.keys(), ...all.finals.target.keys()]);
  return [...names].flatMap((name) => {
    const [origin, target] = [all.finals.origin.get(name) ?? null, all.finals.target.get(name) ?? null];
    const identityId = name.slice(0, name.indexOf(' '));
    const isOnOneSide = all.onlyAt.has(identityId);
    const differs = origin === target || isOnOneSide ? [] : [`${name}: origin ${origin}, target ${target}`];
    const written = new Set(all.byKey.get(name)?.map(({ value }) => value));
    const foreign = [...new Set([origin, target])].filter((value) => value !== null && !written.has(value));
    return [...differs, ...foreign.map((value) => `${name}: ${value} was never written there`)];
  });
}

/**
 * Finds datasets to which the bridge wrote more often than necessary. Each change on a side can cause one write to the
 * other side, and each conflict one write to each side. A merge can cause a write for what each side has.
 */
function excessiveWrites(all: Lookup): string[] {
  const { changes, deletions, conflicts, bridgeWrites, interruptions, mergedInto } = all;
  const copies = new Set([...mergedInto].map(([from, into]) => `${into} .${from}`));
  const isCopy = (name: string) => copies.has(name.replace(/ [^.]*/, ' '));
  return SIDES.flatMap((side) =>
    [...bridgeWrites[side]].flatMap(([name, writes]) => {
      const isCause = (of: Place & { side: Side }) =>
        placeName(of) === name && (of.side !== side || isCopy(name));
      // Each call has its own moment, and a call can change several records.
      const calls = new Set(changes.filter(isCause).map(({ sentAt, syncCount }) => `${sentAt} ${syncCount}`));
      const causes = calls.size + deletions.filter(isCause).length;
      const decided = conflicts.filter((conflict) => placeName(conflict) === name).length;
      const limit = causes + decided + interruptions(name) + (isCopy(name) ? 2 : 0);
      return writes <= limit
        ? []
        : [
            `${name}: the bridge wrote ${writes} times at the ${side}, but only ${causes} changes caused that`,
          ];
    }),
  );
}
