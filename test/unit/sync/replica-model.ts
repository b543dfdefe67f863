import { findDeletion } from '../../../lib/move/read-listing.ts';
import { type DatedRemoval, foldEvents } from '../../../lib/projection/fold-events.ts';
import { compareVersions } from '../../../lib/projection/version.ts';
import type { RecordsEvent, StreamRecord, Version } from '../../../lib/stream/stream-event.ts';
import { partOf } from '../../../lib/sync/part-of.ts';
import {
  type NextReplica,
  nextReplica,
  type ReplicaChange,
  type ReplicaRecord,
  type StoredReplica,
  type StoredReplicaRecord,
} from '../../../lib/sync/replica.ts';

export const DATASET = { identityPoolId: 'us-east-1:1', identityId: 'us-east-1:2', datasetName: 'game' };

/** A value that SQL text cannot store. */
export const UNSTORABLE = '\0';

/** A dataset at the origin, as Cognito Sync keeps it. Its sync count continues after a deletion. */
export class Origin {
  version: Version = { lastModifiedDate: 10, syncCount: 0 };
  deletedSyncCount = 0;
  rows = new Map<string, StreamRecord>();
  /** The events that SQL text can store; others never reach a replica. */
  readonly stream: (RecordsEvent | DatedRemoval)[] = [];

  get exists(): boolean {
    return this.version.syncCount > this.deletedSyncCount;
  }

  update(keys: readonly string[], value: string | null, afterMs: number): void {
    this.#advance(afterMs);
    const version = this.version;
    const records = keys.map((key) => ({ key, value, version, deviceLastModifiedDate: null }));
    for (const record of records) this.rows.set(record.key, record);
    if (value !== UNSTORABLE) this.stream.push({ kind: 'records', dataset: DATASET, version, records });
  }

  delete(afterMs: number): void {
    if (!this.exists) return;
    this.#advance(afterMs);
    this.deletedSyncCount = this.version.syncCount;
    this.rows.clear();
    this.stream.push({ kind: 'removal', dataset: DATASET, version: this.version });
  }

  /** Removes old tombstones, which sends no event. */
  expire(): void {
    for (const [key, { value }] of this.rows) if (value === null) this.rows.delete(key);
  }

  #advance(afterMs: number): void {
    const { lastModifiedDate, syncCount } = this.version;
    this.version = { lastModifiedDate: lastModifiedDate + afterMs, syncCount: syncCount + 1 };
  }

  /** Returns what `move copy` reads at this moment; null if the dataset does not exist. */
  async list(): Promise<ReplicaChange | null> {
    if (!this.exists) return null;
    const listed: ReplicaRecord[] = [...this.rows.values()].map((row) => ({
      ...row,
      lastModifiedBy: 'author',
    }));
    const deletedSyncCount = await findDeletion(async (count) => this.deletedSyncCount > count, {
      records: listed,
      syncCount: this.version.syncCount,
    });
    const oldest = Math.min(
      this.version.lastModifiedDate,
      ...listed.map(({ version }) => version.lastModifiedDate),
    );
    return {
      dataset: DATASET,
      version: this.version,
      removal: deletedSyncCount === 0 ? null : { lastModifiedDate: oldest, syncCount: deletedSyncCount },
      records: listed.filter(({ value }) => value !== UNSTORABLE),
      listing: {
        creationDate: 1,
        lastModifiedBy: 'author',
        unstorableKeys: listed.filter(({ value }) => value === UNSTORABLE).map(({ key }) => key),
      },
    };
  }
}

/** The replica (the dataset's copy in this service), as the store keeps it. */
export class Replica {
  stored: StoredReplica | null = null;
  readonly rows = new Map<string, StoredReplicaRecord & { value: string | null }>();

  /** @param between called between two transactions, each of which writes at most `rowsPerPart` rows */
  apply(change: ReplicaChange, rowsPerPart = Number.POSITIVE_INFINITY, between = () => {}): void {
    for (;;) {
      const next = nextReplica(this.stored, this.rows, change);
      if (next.records.length <= rowsPerPart) {
        this.#write(next);
        return;
      }
      const about = { records: next.records.slice(0, rowsPerPart), erasedKeys: [] };
      this.#write(partOf(this.stored, next, about));
      between();
    }
  }

  #write({ dataset, records, newRemoval, erasedKeys }: NextReplica): void {
    this.stored = dataset;
    for (const record of records) {
      this.rows.set(record.Key, {
        version: { lastModifiedDate: record.LastModifiedDate, syncCount: record.SyncCount },
        lastModifiedBy: record.LastModifiedBy ?? '',
        deviceLastModifiedDate: record.DeviceLastModifiedDate,
        isLive: record.Value !== null,
        value: record.Value,
      });
    }
    for (const [key, { version }] of this.rows) {
      if (newRemoval !== null && compareVersions(version, newRemoval) <= 0) this.rows.delete(key);
    }
    for (const key of erasedKeys) this.rows.delete(key);
  }

  /** Removes the version that `move copy` read of the replica, as it does if the origin does not list the dataset. */
  remove({ lastModifiedDate, syncCount }: StoredReplica, countAtOrigin: number): void {
    const version = { lastModifiedDate, syncCount };
    const removal = { lastModifiedDate, syncCount: Math.max(syncCount + 1, countAtOrigin) };
    this.apply({ dataset: DATASET, version, removal, records: [], listing: null });
  }

  follow(event: RecordsEvent | DatedRemoval): void {
    for (const change of foldEvents([event])) {
      const records = change.records.map((record) => ({ ...record, lastModifiedBy: null }));
      this.apply({ ...change, records, listing: null });
    }
  }

  /** Returns what a device sees. */
  view(): View {
    const { syncCount = 0, deletedSyncCount = 0, lastModifiedDate = 10 } = this.stored ?? {};
    const visible = [...this.rows].filter(([, { version }]) => version.syncCount > deletedSyncCount);
    const rows = visible.map(([key, { version, value }]) => ({ key, version, value })).sort(byKey);
    return { syncCount, lastModifiedDate, deletedSyncCount, rows };
  }
}

export interface View extends Version {
  deletedSyncCount: number;
  rows: { key: string; version: Version; value: string | null }[];
}

const byKey = (a: { key: string }, b: { key: string }) => (a.key < b.key ? -1 : 1);

export function viewOf({ version, deletedSyncCount, rows }: Origin): View {
  const all = [...rows.values()].map(({ key, version: of, value }) => ({ key, version: of, value }));
  return { ...version, deletedSyncCount, rows: all.sort(byKey) };
}

/** A device that keeps a copy of the dataset, as Amazon's clients do. */
export class Device {
  syncCount = 0;
  readonly values = new Map<string, string>();

  synchronize({ syncCount, deletedSyncCount, rows }: View): void {
    const isDeleted =
      syncCount <= deletedSyncCount || (this.syncCount > 0 && deletedSyncCount > this.syncCount);
    if (isDeleted) {
      this.values.clear();
      this.syncCount = 0;
    }
    for (const { key, version, value } of rows) {
      if (version.syncCount <= this.syncCount) continue;
      if (value === null) this.values.delete(key);
      else this.values.set(key, value);
    }
    this.syncCount = syncCount > deletedSyncCount ? syncCount : 0;
  }
}
