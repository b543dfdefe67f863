import {
  afterDeletion,
  callsOf,
  deletionBase,
  isDeletedSince,
  isKnown,
  remember,
  type Sent,
  settle,
} from '../../lib/move/bridge-memory.ts';
import {
  type Agreed,
  type BothSides,
  type BridgedRow,
  isWritten,
  JUMP,
  type Pending,
} from '../../lib/move/bridge-state.ts';
import { type Conflict, decide } from '../../lib/move/decide.ts';

/** The ids of the updates that led to the current value of a key. */
type Causes = ReadonlySet<string>;

interface Patch {
  key: string;
  value: string | null;
  syncCount: number;
  deviceMs: number | null;
}

/** A dataset as Cognito Sync stores it. Its sync count and its date continue to increase after a deletion. */
class Service {
  syncCount = 0;
  deletedSyncCount = 0;
  modifiedMs = 0;
  rows = new Map<string, BridgedRow>();
  causes = new Map<string, Causes>();
  readonly skewMs: number;

  constructor(skewMs: number) {
    this.skewMs = skewMs;
  }

  get exists(): boolean {
    return this.syncCount > this.deletedSyncCount;
  }

  /** @returns the new count; `stale` if a patch is older than its row */
  update(patches: readonly Patch[], now: number): number | 'stale' | 'unknown count' {
    for (const { key, syncCount } of patches) {
      if (syncCount > this.syncCount) return 'unknown count';
      if (syncCount < (this.rows.get(key)?.syncCount ?? 0)) return 'stale';
    }
    this.#advance(now);
    for (const { key, value, deviceMs } of patches) {
      if (value === null && !this.rows.has(key)) continue;
      this.rows.set(key, { syncCount: this.syncCount, value, deviceMs, modifiedMs: this.modifiedMs });
    }
    return this.syncCount;
  }

  delete(now: number): void {
    this.#advance(now);
    this.deletedSyncCount = this.syncCount;
    this.rows.clear();
  }

  /** Removes tombstones with counts up to `atMost`. Services keep them for at least a year. */
  expire(atMost: number): void {
    for (const [key, { value, syncCount }] of this.rows)
      if (value === null && syncCount <= atMost) this.rows.delete(key);
  }

  jump(by: number): void {
    if (!this.exists && this.syncCount > 0) this.deletedSyncCount += by;
    this.syncCount += by;
  }

  live(): Record<string, string> {
    const live = [...this.rows].flatMap(([key, { value }]) => (value === null ? [] : [[key, value]]));
    return Object.fromEntries(live.toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1)));
  }

  copy(): Service {
    const copied = new Service(this.skewMs);
    Object.assign(copied, this, { rows: new Map(this.rows), causes: new Map(this.causes) });
    return copied;
  }

  #advance(now: number): void {
    this.syncCount += 1;
    this.modifiedMs = Math.max(now + this.skewMs, this.modifiedMs + 1);
  }
}

/** An event of the origin's stream. */
type Event = { kind: 'removal' } | { kind: 'records'; records: Parameters<typeof isKnown>[0] };

interface Device {
  syncCount: number;
  values: Map<string, { value: string; syncCount: number }>;
}

export type Side = 'here' | 'there';

/** Is called between two steps of a pass, and changes the dataset on one side as a device would. */
export type Disturb = () => void;

export interface PassOptions {
  disturb: readonly [afterListing: Disturb, afterHere: Disturb, inDeletion: Disturb];
  /** The step after which the pass is stopped: the listing, the writes here, or the first call at the origin. */
  stop: 'listed' | 'here' | 'there' | null;
  /** Whether a stopped pass has already sent its first call to the origin, which arrives later. */
  isLate: boolean;
}

/**
 * Simulates both sides of a bridged dataset: the origin ("there") and this service, the target ("here"). A pass of the
 * bridge compares both sides and writes to both. It calls the functions of lib/move that the real bridge uses.
 */
export class Bridge {
  origin: Service;
  target: Service;
  agreed: Agreed;
  pending = new Map<string, Pending>();
  mark = 0;
  now = 1_000;
  isMerged = false;
  readonly events: Event[] = [];
  readonly conflicts: Conflict[] = [];
  /** Accepted updates of devices, by id. */
  readonly updates = new Map<string, { key: string; value: string | null }>();
  /** For each id of an update, the ids of the updates and deletions that overwrote it. */
  readonly overwritten = new Map<string, Set<string>>();
  readonly listed = new Set<string>();
  readonly agreedRemovals = new Set<string>();
  /**
   * Counts passes that changed the origin (`writing`), accepted changes of devices here (`here`), stopped passes
   * (`stopped`), and other passes that did not end with agreement (`disturbed`).
   */
  readonly totals = { writing: 0, here: 0, stopped: 0, disturbed: 0 };
  readonly limits: { keys: number; bytes: number };
  #ids = 0;
  #late: { patches: Patch[]; causes: Map<string, Causes> }[] = [];
  #marks = 0;
  #backup: { target: Service; agreed: Agreed; pending: Map<string, Pending> } | null = null;

  constructor(
    origin: { syncs: readonly Record<string, string | null>[]; skewMs: number },
    keysPerPass: number,
  ) {
    this.origin = new Service(origin.skewMs);
    this.target = this.origin;
    this.agreed = { here: 0, there: 0 };
    this.limits = { keys: keysPerPass, bytes: 1_000 };
    for (const values of origin.syncs) {
      if (Object.keys(values).length === 0) this.deleteBy('there', newDevice());
      else for (const [key, value] of Object.entries(values)) this.write('there', newDevice(), key, value, 0);
    }
    this.#takeOver();
  }

  /** Gives the target the origin's dataset and raises the target's sync count, as a takeover does. */
  #takeOver(): void {
    const { syncCount, exists } = this.origin;
    this.target = Object.assign(this.origin.copy(), { skewMs: 0 });
    this.agreed = exists ? { here: syncCount, there: syncCount } : { here: 0, there: 0 };
    if (exists) this.target.syncCount += JUMP;
    this.events.length = 0;
    this.totals.here = 0;
    this.setMark();
  }

  setMark(): void {
    this.#marks += 1;
    this.mark = this.#marks;
  }

  serviceOf(side: Side): Service {
    return side === 'here' ? this.target : this.origin;
  }

  /** Lets a device read everything that it does not know. */
  pull(side: Side, device: Device): void {
    const service = this.serviceOf(side);
    // The service rejects a count above its own, after which the user installs the app again.
    if (device.syncCount > service.syncCount) Object.assign(device, newDevice());
    const isDeleted = device.syncCount > 0 && service.deletedSyncCount > device.syncCount;
    if (isDeleted || !service.exists) Object.assign(device, newDevice());
    for (const [key, { value, syncCount }] of service.rows) {
      if (syncCount <= device.syncCount) continue;
      if (value === null) device.values.delete(key);
      else device.values.set(key, { value, syncCount });
    }
    device.syncCount = service.exists ? service.syncCount : 0;
  }

  /** Lets a device read and then write. `deviceSkewMs`: how far its clock is ahead. */
  write(side: Side, device: Device, key: string, value: string | null, deviceSkewMs: number): void {
    this.now += 1;
    this.pull(side, device);
    const service = this.serviceOf(side);
    const id = `${value === null ? 'removal' : value}#${++this.#ids}`;
    const hasEffect = value !== null || service.rows.has(key);
    const syncCount = Math.max(device.syncCount, service.rows.get(key)?.syncCount ?? 0);
    const deviceMs = this.now + deviceSkewMs;
    const patch = { key, value: value === null ? null : id, syncCount, deviceMs };
    const written = service.update([patch], this.now);
    if (typeof written !== 'number') throw new Error(`rejected an up-to-date device: ${written}`);
    if (!hasEffect) {
      // The call increases the sync count, and creates the dataset if it does not exist.
      device.syncCount = written;
      this.#changed(side, { kind: 'records', records: [] });
      return;
    }
    if (value === null) device.values.delete(key);
    else device.values.set(key, { value: id, syncCount: written });
    device.syncCount = written;
    this.#overwrite(service, key, id);
    this.updates.set(id, { key, value: patch.value });
    this.#changed(side, { kind: 'records', records: [{ key, value: patch.value, syncCount: written }] });
  }

  deleteBy(side: Side, device: Device): void {
    this.now += 1;
    const service = this.serviceOf(side);
    if (!service.exists) return;
    const id = `deletion#${++this.#ids}`;
    for (const key of service.rows.keys()) this.#overwrite(service, key, id);
    service.delete(this.now);
    Object.assign(device, newDevice());
    this.#changed(side, { kind: 'removal' });
  }

  #overwrite(service: Service, key: string, by: string): void {
    for (const cause of service.causes.get(key) ?? []) {
      const all = this.overwritten.get(cause) ?? new Set();
      this.overwritten.set(cause, all.add(by));
    }
    service.causes.set(key, new Set([by]));
  }

  #changed(side: Side, event: Event): void {
    if (side === 'there') this.events.push(event);
    else {
      this.totals.here += 1;
      this.setMark();
    }
  }

  expire(side: Side): void {
    const isOwed = [...this.pending.values()].some(({ thereCount }) => thereCount === null);
    if (!isOwed) this.serviceOf(side).expire(this.agreed[side]);
  }

  /** Delivers an event of the origin, perhaps not for the first time. An unknown event causes another pass. */
  hint(event: Event): void {
    if (event.kind === 'removal' || !isKnown(event.records, this)) this.setMark();
  }

  /** Returns whether an update or a deletion lost a conflict that is listed. */
  hasLost(id: string): boolean {
    if (this.listed.has(id)) return true;
    const by = this.overwritten.get(id);
    return by !== undefined && [...by].every((other) => this.hasLost(other));
  }

  backUp(): void {
    const { target, agreed, pending } = this;
    this.#backup = { target: target.copy(), agreed, pending: new Map(pending) };
  }

  restore(): void {
    if (!this.#backup) return;
    Object.assign(this, { ...this.#backup, target: this.#backup.target.copy() });
    this.pending = new Map(this.#backup.pending);
    this.setMark();
  }

  /** Makes one pass as the bridge does. */
  pass({ disturb, stop, isLate }: PassOptions): void {
    this.now += 1;
    // Late calls of earlier passes no longer arrive: a request times out before the lease of its pass ends.
    this.#late = [];
    const { mark } = this;
    const listing = this.origin.copy();
    const base = deletionBase(this);
    const isDeletedThere = listing.exists
      ? base !== null && listing.deletedSyncCount > base
      : isDeletedSince(this, listing.syncCount);
    disturb[0]();
    if (stop === 'listed') {
      this.#stopped();
      return;
    }
    const { agreed, pending, isMerged } = this;
    const given = {
      here: this.target.copy(),
      there: listing,
      agreed,
      pending,
      isDeletedThere,
      isMerged,
      isMergedThere: false,
    };
    const plan = decide(given, this.limits);
    const causes = new Map(this.target.causes);
    this.#list(plan.conflicts, listing);
    // If an earlier pass has saved that it removes a key at the origin, the bridge cannot distinguish that removal from
    // a removal by a device.
    for (const [key, known] of pending) {
      const row = listing.rows.get(key);
      if (known.thereCount !== null || row?.value !== null || !isWritten(known, row)) continue;
      for (const cause of listing.causes.get(key) ?? []) this.agreedRemovals.add(cause);
    }
    this.#join(listing);
    if (this.target.syncCount > 0 || plan.writeHere.length > 0) this.target.jump(plan.jump);
    if (plan.writeHere.length > 0) {
      const own = this.target.live();
      const patches = plan.writeHere.map((write) => ({ ...write, syncCount: this.target.syncCount }));
      this.target.update(patches, this.now);
      for (const { key, value } of patches)
        if (value !== (own[key] ?? null)) this.target.causes.set(key, listing.causes.get(key) ?? new Set());
    }
    if (plan.deleteHere) this.target.delete(this.now);
    const saved = remember(plan, given, this.target.syncCount);
    this.agreed = saved.agreed;
    this.#save(saved.pending);
    const isOver = plan.writeThere.length === 0 && !plan.deleteThere;
    if (isOver && plan.isComplete && this.mark === mark) this.mark = 0;
    if (isOver) return;
    const decidedCauses = new Map(this.target.causes);
    disturb[1]();
    const calls = callsOf(plan.writeThere, 2);
    if (stop === 'here') {
      if (isLate && calls[0]) this.#late.push({ patches: calls[0], causes });
      this.#stopped();
      return;
    }
    if (plan.deleteThere) {
      this.#deleteThere(given, {
        mark,
        jump: plan.jump,
        stop,
        inDeletion: disturb[2],
        causes: decidedCauses,
      });
      return;
    }
    const sent: Sent[] = [];
    for (const call of calls) {
      const syncCount = this.#send(call, causes);
      if (syncCount === null) break;
      if (sent.length === 0) this.totals.writing += 1;
      sent.push({ keys: call.map(({ key }) => key), syncCount });
      if (stop === 'there') {
        this.#stopped();
        return;
      }
    }
    const settled = settle(plan, given, saved, sent);
    this.agreed = settled.agreed;
    this.#save(settled.pending);
    if (settled.isDone && this.mark === mark) this.mark = 0;
    if (!settled.isDone) this.totals.disturbed += 1;
  }

  #deleteThere(
    given: BothSides,
    {
      mark,
      jump,
      stop,
      inDeletion,
      causes,
    }: {
      mark: number;
      jump: number;
      stop: PassOptions['stop'];
      inDeletion: Disturb;
      /** The updates that led to the deletion here, by key. */
      causes: ReadonlyMap<string, Causes>;
    },
  ): void {
    if (this.origin.syncCount !== given.there.syncCount) {
      this.totals.disturbed += 1;
      return;
    }
    inDeletion();
    if (this.origin.syncCount !== given.there.syncCount) {
      this.conflicts.push({ key: null, kind: 'deleted', winner: 'here', hereMs: null, thereMs: null });
      for (const key of this.origin.rows.keys())
        for (const cause of this.origin.causes.get(key) ?? []) this.listed.add(cause);
    }
    this.origin.delete(this.now);
    this.origin.causes = new Map(causes);
    this.totals.writing += 1;
    this.events.push({ kind: 'removal' });
    if (stop === 'there') {
      this.#stopped();
      return;
    }
    const saved = afterDeletion(given, jump);
    this.agreed = saved.agreed;
    this.#save(saved.pending);
    if (this.mark === mark) this.mark = 0;
  }

  /** Delivers a late call of a stopped pass to the origin. */
  sendLate(): void {
    const late = this.#late.shift();
    if (late && this.origin.exists) this.#send(late.patches, late.causes);
  }

  #send(patches: readonly Patch[], causes: ReadonlyMap<string, Causes>): number | null {
    const syncCount = this.origin.update(patches, this.now);
    if (typeof syncCount !== 'number') return null;
    for (const { key } of patches) this.origin.causes.set(key, causes.get(key) ?? new Set());
    const records = patches.map(({ key, value }) => ({ key, value, syncCount }));
    this.events.push({ kind: 'records', records });
    return syncCount;
  }

  #list(conflicts: readonly Conflict[], listing: Service): void {
    for (const conflict of conflicts) {
      this.conflicts.push(conflict);
      const loser = conflict.winner === 'here' ? listing : this.target;
      for (const cause of loser.causes.get(conflict.key ?? '') ?? []) this.listed.add(cause);
    }
  }

  /** Gives each key with the same value on both sides the causes of both, for example of two removals. */
  #join(listing: Service): void {
    for (const key of new Set([...listing.causes.keys(), ...this.target.causes.keys()])) {
      const [a, b] = [this.target.rows.get(key)?.value ?? null, listing.rows.get(key)?.value ?? null];
      if (a !== b) continue;
      const both = new Set([...(this.target.causes.get(key) ?? []), ...(listing.causes.get(key) ?? [])]);
      this.target.causes.set(key, both);
      // Both sides agree that the key is removed. If a device that did not know the removal writes the key later, the
      // key is a new record.
      if (a === null) for (const cause of both) this.agreedRemovals.add(cause);
      if (this.origin.rows.get(key)?.syncCount === listing.rows.get(key)?.syncCount)
        this.origin.causes.set(key, both);
    }
  }

  #save(pending: ReadonlyMap<string, Pending | null>): void {
    for (const [key, value] of pending) {
      if (value) this.pending.set(key, value);
      else this.pending.delete(key);
    }
  }

  #stopped(): void {
    this.totals.stopped += 1;
  }
}

export function newDevice(): Device {
  return { syncCount: 0, values: new Map() };
}
