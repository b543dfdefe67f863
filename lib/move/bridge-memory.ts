import { type Agreed, type BothSides, hashOf, isWritten, type Pending } from './bridge-state.ts';
import type { Plan } from './decide.ts';

/** What a transaction saves about a dataset for the next pass. */
export interface Memory {
  agreed: Agreed;
  /** `Pending` by key; null to delete it. */
  pending: Map<string, Pending | null>;
}

/**
 * Maximum number of `Pending` that a transaction deletes because the new agreed counts replace them. Any others remain
 * stored, without effect.
 */
const OLD_PENDING = 500;

/**
 * Returns what the bridge saves in the transaction that writes the dataset here. The transaction is committed before
 * anything is written at the origin, so that a crash afterwards loses nothing.
 *
 * @param countHere the dataset's count after the transaction
 */
export function remember(plan: Plan, { here, there, ...sides }: BothSides, countHere: number): Memory {
  const { pending } = sides;
  // If both sides agreed on a deletion, the agreed count rises with the dataset's count. This hides no change, because
  // a deleted dataset has no rows.
  const isJumped = !here.exists && sides.agreed.here >= here.syncCount;
  const agreed = isJumped ? { ...sides.agreed, here: sides.agreed.here + plan.jump } : sides.agreed;
  const saved = new Map<string, Pending | null>();
  // Nothing is saved about a deletion at the origin. If it does not succeed, the next pass decides it again.
  if (plan.deleteThere) return { agreed, pending: saved };
  const put = (key: string, value: string | null, thereCount: number | null) =>
    saved.set(key, {
      valueHash: hashOf(value),
      hereCount: countHere,
      afterThere: there.syncCount,
      thereCount,
    });
  const countThere = there.exists ? there.syncCount : 0;
  if (plan.isComplete) {
    const old = [...pending].filter(([, { thereCount }]) => thereCount !== null).slice(0, OLD_PENDING);
    const owed = [...pending].filter(([, { thereCount }]) => thereCount === null);
    for (const [key] of [...owed, ...old]) saved.set(key, null);
  } else {
    for (const { key, value } of plan.writeHere) put(key, value, countThere);
    for (const key of plan.settled) put(key, null, countThere);
  }
  for (const { key, value } of plan.writeThere) put(key, value, null);
  if (!plan.isComplete) return { agreed, pending: saved };
  return { agreed: { here: countHere, there: countThere }, pending: saved };
}

/** Keys that one call wrote at the origin, and the count that the origin returned. */
export interface Sent {
  keys: readonly string[];
  syncCount: number;
}

/**
 * Returns what is saved after the writes at the origin, and whether the pass is done or another one is needed. If the
 * counts show that no one else wrote there since the listing, both sides agree up to the count of the last write.
 *
 * @param saved what `remember` returned, which the earlier transaction has saved
 * @param sent the calls that succeeded
 */
export function settle(
  plan: Plan,
  { there }: Pick<BothSides, 'there'>,
  saved: Memory,
  sent: readonly Sent[],
): Memory & { isDone: boolean } {
  const isAlone = sent.every(({ syncCount }, index) => syncCount === there.syncCount + index + 1);
  const isAgreed = plan.isComplete && isAlone;
  const pending = new Map<string, Pending | null>();
  for (const { keys, syncCount } of sent) {
    for (const key of keys) {
      const known = saved.pending.get(key);
      if (known) pending.set(key, isAgreed ? null : { ...known, thereCount: syncCount });
    }
  }
  const written = sent.reduce((sum, { keys }) => sum + keys.length, 0);
  const last = sent.at(-1)?.syncCount ?? saved.agreed.there;
  return {
    agreed: isAgreed ? { ...saved.agreed, there: last } : saved.agreed,
    pending,
    isDone: isAgreed && written === plan.writeThere.length,
  };
}

/**
 * Returns a count. The bridge asks the origin whether the dataset was deleted after this count. Null if no pass has
 * seen or written the dataset at the origin, so that a deletion would not matter.
 */
export function deletionBase({ agreed, pending }: Pick<BothSides, 'agreed' | 'pending'>): number | null {
  if (agreed.there > 0) return agreed.there;
  const counts = [...pending.values()].flatMap(({ thereCount, afterThere }) => {
    // An interrupted pass may have written the key at the origin: with a count above `afterThere`, and at least with
    // count 1, which the first write of a dataset has.
    if (thereCount === null) return [Math.max(1, afterThere)];
    return thereCount > 0 ? [thereCount] : [];
  });
  return counts.length === 0 ? null : Math.min(...counts);
}

/** Returns whether a dataset that does not exist at the origin was deleted there since both sides agreed. */
export function isDeletedSince(
  { agreed, pending }: Pick<BothSides, 'agreed' | 'pending'>,
  syncCountThere: number,
): boolean {
  if (agreed.there > 0) return true;
  return [...pending.values()].some(({ thereCount, afterThere }) =>
    thereCount === null ? syncCountThere > afterThere : thereCount > 0,
  );
}

/** Returns what is saved after the bridge deleted the dataset at the origin because it was deleted here. */
export function afterDeletion({ here, pending }: Pick<BothSides, 'here' | 'pending'>, jump: number): Memory {
  const owed = [...pending].filter(([, { thereCount }]) => thereCount === null).map(([key]) => key);
  return {
    agreed: { here: here.syncCount + jump, there: 0 },
    pending: new Map(owed.map((key) => [key, null])),
  };
}

/**
 * Returns whether an event of the origin contains nothing new: earlier passes have read all its records at the origin, or
 * have written them there.
 */
export function isKnown(
  records: readonly { key: string; value: string | null; syncCount: number }[],
  { agreed, pending }: Pick<BothSides, 'agreed' | 'pending'>,
): boolean {
  return records.every(({ key, ...record }) => {
    const known = pending.get(key);
    if (record.syncCount <= agreed.there) return true;
    if (known === undefined) return false;
    return known.thereCount === null ? isWritten(known, record) : record.syncCount <= known.thereCount;
  });
}

/** Limits of one call. They are far below this service's limit of a body with records (lib/wire/body-limits.ts). */
const PATCHES_PER_CALL = 200;
const BYTES_PER_CALL = 512 * 1024;

/**
 * Divides the writes at the origin into calls. New keys come last, in calls of their own: if the dataset is full at the
 * origin, the origin rejects only these calls.
 */
export function callsOf(writes: Plan['writeThere'], perCall = PATCHES_PER_CALL): Plan['writeThere'][] {
  const rank = ({ value, syncCount }: Plan['writeThere'][number]) =>
    value === null ? 0 : syncCount > 0 ? 1 : 2;
  const calls: Plan['writeThere'][] = [];
  for (const turn of [0, 1, 2]) {
    let bytes = 0;
    let call: Plan['writeThere'] = [];
    for (const write of writes.filter((each) => rank(each) === turn)) {
      const size = Buffer.byteLength(write.key) + Buffer.byteLength(write.value ?? '');
      if (call.length > 0 && (call.length === perCall || bytes + size > BYTES_PER_CALL)) {
        calls.push(call);
        call = [];
        bytes = 0;
      }
      call.push(write);
      bytes += size;
    }
    if (call.length > 0) calls.push(call);
  }
  return calls;
}
