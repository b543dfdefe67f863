import { type BothSides, type BridgedRow, isWritten, JUMP } from './bridge-state.ts';

/** A decision that the operator should know: a change of one side overwrote a change of the other side. */
export interface Conflict {
  /**
   * Null if the conflict concerns the whole dataset. Either a device changed the dataset at the origin while the bridge
   * deleted it there, or a device deleted the dataset there after a merge here had moved the dataset's records.
   */
  key: string | null;
  /**
   * `changed`: both sides changed the key. `deleted`: one side deleted the dataset, and the other side changed the key.
   * The key survives. `unexplained`: the sides differ although neither changed the key, for example after a restore.
   */
  kind: 'changed' | 'deleted' | 'unexplained';
  winner: 'here' | 'there';
  /** The dates that were compared; null if the side has no row. */
  hereMs: number | null;
  thereMs: number | null;
}

/** A conflict of a whole dataset. */
export const DELETION: Conflict = {
  key: null,
  kind: 'deleted',
  winner: 'here',
  hereMs: null,
  thereMs: null,
};

/** A record to write. A value of null removes the record. */
export interface Write {
  key: string;
  value: string | null;
  deviceMs: number | null;
}

/** What a pass does, and in which order: first here, then at the origin. */
export interface Plan {
  writeHere: Write[];
  deleteHere: boolean;
  /** Is added to the dataset's count here before the write; 0 if the count is already far above that of the origin. */
  jump: number;
  /** `syncCount`: the count of the row at the origin; 0 without a row. */
  writeThere: (Write & { syncCount: number })[];
  deleteThere: boolean;
  conflicts: Conflict[];
  /** Keys that need no write from the other side, but count as agreed after the pass. */
  settled: string[];
  /** False if more keys differ than one pass may write. */
  isComplete: boolean;
  /** Date of the last write of a device at the origin since both sides agreed; null if there was none. */
  lastOldWrite: number | null;
}

/** A plan that changes nothing. */
export const NO_CHANGE: Plan = {
  writeHere: [],
  deleteHere: false,
  jump: 0,
  writeThere: [],
  deleteThere: false,
  conflicts: [],
  settled: [],
  isComplete: true,
  lastOldWrite: null,
};

/**
 * Maximum number of keys per pass, and of bytes: those of the records and those of their events. Aurora DSQL allows
 * 3,000 rows and 10 MiB per transaction, and a key takes up to three rows.
 */
const KEYS_PER_PASS = 500;
const BYTES_PER_PASS = 5 * 1024 * 1024;

/**
 * Decides what each side must write so that both sides have the same live values. The decision depends only on the
 * complete states of both sides. Events and marks are only hints about when to decide, so their order and repetition
 * change nothing.
 *
 * If both sides changed a key, the newest device date wins. A device date counts at most as the date at which the
 * device's own service received the row, so that a device whose clock is ahead does not win indefinitely. If one side
 * deleted the dataset and the other side changed a key, the key survives.
 *
 * @param limits overrides the limits of a pass, for tests
 */
export function decide(given: BothSides, limits = { keys: KEYS_PER_PASS, bytes: BYTES_PER_PASS }): Plan {
  const sides = restarted(given);
  const plan = decideSides(sides, limits);
  // The copy that the merge made is not deleted: it can have newer records.
  const { isMerged, isMergedThere, isDeletedThere, agreed } = given;
  const isKept = isMerged && isDeletedThere && !isMergedThere && agreed.there > 0;
  const conflicts = isKept ? [...plan.conflicts, DELETION] : plan.conflicts;
  return { ...plan, conflicts, lastOldWrite: lastOldWriteOf(sides) };
}

/**
 * Returns the date of the last write of a device at the origin since both sides agreed. A deletion is not included: the
 * listing has no date for it, but `hintChange` saves the date of its event.
 */
function lastOldWriteOf(sides: BothSides): number | null {
  let last: number | null = null;
  for (const [key, { modifiedMs }] of sides.there.rows)
    if (changesOf(sides, key).isThere) last = Math.max(last ?? modifiedMs, modifiedMs);
  return last;
}

function decideSides(sides: BothSides, limits: { keys: number; bytes: number }): Plan {
  const { here, there, pending, agreed, isDeletedThere, isMerged } = sides;
  const owed = [...pending].flatMap(([key, { thereCount }]) => (thereCount === null ? [key] : []));
  const keys = new Set([...owed, ...here.rows.keys(), ...there.rows.keys()]);
  const outcomes = [...keys].map((key) => decideKey(sides, key));
  const isEmpty = outcomes.every(({ isLive }) => !isLive);
  const jump = jumpOf(sides);
  const isDeletedHere =
    !here.exists && here.deletedSyncCount > agreed.here && (agreed.there > 0 || pending.size > 0);
  if (isEmpty && !isMerged && isDeletedHere && there.exists) return { ...NO_CHANGE, jump, deleteThere: true };
  if (isEmpty && isDeletedThere && !there.exists && here.exists)
    return { ...NO_CHANGE, jump, settled: owed, deleteHere: true };
  return toPlan(outcomes, jump, limits);
}

/**
 * Returns by how much the dataset's count must be raised. A count of the origin must not be mistaken for one of this
 * service. With raised counts, a device that comes from the origin receives everything that was written here, and the
 * origin rejects the device if it goes back. A takeover raises the counts of existing datasets; this function raises
 * the count of a dataset that was created later.
 */
function jumpOf({ here, there, isMerged }: BothSides): number {
  return !isMerged && here.syncCount < there.syncCount + JUMP / 2 ? JUMP : 0;
}

interface Outcome {
  key: string;
  action: 'here' | 'there' | 'settled' | null;
  /**
   * Writes the row here again with a new count, because a device could mistake the row's count for one of the origin.
   */
  again: Write | null;
  write: Write & { syncCount: number };
  conflict: Conflict | null;
  /** Whether the key has a value after the pass. */
  isLive: boolean;
}

/**
 * Forgets the agreed count of the origin if the counts there have started from the beginning. It is not documented
 * whether Amazon's counts do so when a dataset is created again.
 */
function restarted({ agreed, pending, there, ...sides }: BothSides): BothSides {
  if (!there.exists || there.syncCount >= agreed.there) return { agreed, pending, there, ...sides };
  const kept = [...pending].filter(([, { thereCount }]) => thereCount === null);
  const owed = new Map(kept.map(([key, of]) => [key, { ...of, afterThere: 0 }]));
  return { agreed: { ...agreed, there: 0 }, pending: owed, there, ...sides };
}

function decideKey(sides: BothSides, key: string): Outcome {
  const row = sides.here.rows.get(key);
  const isMistakable =
    row !== undefined &&
    row.syncCount > sides.agreed.here &&
    row.syncCount < sides.there.syncCount + JUMP / 2;
  const outcome = decideValue(sides, key);
  if (!isMistakable || outcome.action === 'here' || sides.isMerged) return { ...outcome, again: null };
  const again = { key, value: row.value, deviceMs: row.deviceMs ?? row.modifiedMs };
  return { ...outcome, action: outcome.action ?? 'settled', again };
}

function decideValue(sides: BothSides, key: string): Omit<Outcome, 'again'> {
  const hereRow = sides.here.rows.get(key);
  const thereRow = sides.there.rows.get(key);
  const { isOwed, isHere, isThere } = changesOf(sides, key);
  const hereValue = hereRow?.value ?? null;
  const thereValue = thereRow?.value ?? null;
  const about = (winner: 'here' | 'there', kind: Conflict['kind']): Conflict => ({
    key,
    kind,
    winner,
    hereMs: hereRow ? dateOf(hereRow) : null,
    thereMs: thereRow ? dateOf(thereRow) : null,
  });
  const toHere = (conflict: Conflict | null = null): Omit<Outcome, 'again'> => {
    const sentMs = thereRow ? (thereRow.deviceMs ?? thereRow.modifiedMs) : null;
    // `chooseMerged` compares the date again, but does not know when the origin received the row. So the date is
    // limited to that time here.
    const deviceMs = thereRow && sides.isMerged ? dateOf(thereRow) : sentMs;
    const write = { key, value: thereValue, deviceMs, syncCount: 0 };
    return { key, action: 'here', write, conflict, isLive: thereValue !== null };
  };
  const toThere = (conflict: Conflict | null = null): Omit<Outcome, 'again'> => {
    const deviceMs = hereRow ? (hereRow.deviceMs ?? hereRow.modifiedMs) : null;
    const write = { key, value: hereValue, deviceMs, syncCount: thereRow?.syncCount ?? 0 };
    return { key, action: 'there', write, conflict, isLive: hereValue !== null };
  };
  if (sides.isMerged) {
    // Nothing is written at the origin: the records that the merge moved away here are not removed there. A removal is
    // written here even if the key has no row here, because the copy that the merge made can have the record.
    const isEqual = hereValue === thereValue && (hereRow !== undefined || thereRow === undefined);
    const ignored = { ...toHere(), action: isOwed ? ('settled' as const) : null };
    if (!isThere || isEqual) return ignored;
    if (!isHere || !hereRow || !thereRow) return toHere();
    if (dateOf(hereRow) < dateOf(thereRow)) return toHere(about('there', 'changed'));
    return { ...ignored, action: 'settled', conflict: about('here', 'changed') };
  }
  if (hereValue === thereValue) {
    // A device that used the origin may have an earlier value and a count above that of the row here. Such a device
    // would never receive the row, so the row gets a new count.
    const isHidden = hereRow ? hereRow.syncCount < sides.there.syncCount + JUMP / 2 : true;
    if (thereRow && isThere && isHidden) return toHere();
    const write = { key, value: hereValue, deviceMs: null, syncCount: 0 };
    return { key, action: isOwed ? 'settled' : null, write, conflict: null, isLive: hereValue !== null };
  }
  if (isHere && !isThere) return toThere();
  if (isThere && !isHere) return toHere();
  const kind = isHere ? 'changed' : 'unexplained';
  if (hereRow && thereRow)
    return dateOf(hereRow) >= dateOf(thereRow) ? toThere(about('here', kind)) : toHere(about('there', kind));
  // Only one side has a row, because the dataset was deleted on the other side. If it was deleted on both sides, the key is
  // a new one, unless an interrupted pass may have written it at the origin before.
  const isNew = hereRow ? sides.here.deletedSyncCount > sides.agreed.here && !isOwed : sides.isDeletedThere;
  const of = kind === 'changed' ? 'deleted' : kind;
  const conflict = isHere && isNew ? null : about(hereRow ? 'here' : 'there', of);
  return hereRow ? toThere(conflict) : toHere(conflict);
}

/** Returns which sides changed a key since both agreed on it. */
function changesOf({ here, there, agreed, pending, isDeletedThere }: BothSides, key: string) {
  const known = pending.get(key);
  const hereRow = here.rows.get(key);
  const thereRow = there.rows.get(key);
  const isEcho = known?.thereCount === null && thereRow !== undefined && isWritten(known, thereRow);
  const thereCount = known?.thereCount ?? (isEcho ? thereRow.syncCount : null);
  const isAgreed = known !== undefined && thereCount !== null;
  const baseHere = Math.max(agreed.here, isAgreed ? known.hereCount : 0);
  // A pass that decided to write a key had seen the origin's rows up to the count `afterThere`.
  const baseThere = Math.max(agreed.there, thereCount ?? known?.afterThere ?? 0);
  const isOwed = known?.thereCount === null && !isEcho;
  return {
    isOwed: known?.thereCount === null,
    // If nothing existed there when both sides agreed, a deletion here says nothing about what exists there now.
    isHere:
      isOwed || (hereRow ? hereRow.syncCount > baseHere : baseThere > 0 && here.deletedSyncCount > baseHere),
    isThere: thereRow ? thereRow.syncCount > baseThere : isDeletedThere,
  };
}

/** Returns the date that decides a conflict. */
export function dateOf({ deviceMs, modifiedMs }: Pick<BridgedRow, 'deviceMs' | 'modifiedMs'>): number {
  return Math.min(deviceMs ?? modifiedMs, modifiedMs);
}

/** Keys that the origin may refuse come last, so that each pass has room for the other keys. */
function rankOf({ action, write }: Outcome): number {
  if (action !== 'there' || write.value === null) return 0;
  return write.syncCount > 0 ? 1 : 2;
}

/** The bytes of a text in a row, and in the event: JSON in a JSON text, which escapes some characters twice. */
function bytesOf(text: string): number {
  return Buffer.byteLength(text) + Buffer.byteLength(JSON.stringify(JSON.stringify(text)));
}

function toPlan(outcomes: readonly Outcome[], jump: number, limits: { keys: number; bytes: number }): Plan {
  const plan: Plan = { ...NO_CHANGE, writeHere: [], jump, writeThere: [], conflicts: [], settled: [] };
  let keys = 0;
  let bytes = 0;
  for (const { key, action, write, again, conflict } of outcomes.toSorted((a, b) => rankOf(a) - rankOf(b))) {
    if (action === null) continue;
    bytes += bytesOf(key) + bytesOf(write.value ?? '');
    keys += 1;
    if (keys > limits.keys || (keys > 1 && bytes > limits.bytes)) return { ...plan, isComplete: false };
    if (conflict) plan.conflicts.push(conflict);
    const { syncCount: _, ...record } = write;
    if (again) plan.writeHere.push(again);
    if (action === 'here') plan.writeHere.push(record);
    else if (action === 'there') plan.writeThere.push(write);
    else plan.settled.push(key);
  }
  return plan;
}
