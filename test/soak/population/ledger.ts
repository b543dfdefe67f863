/** A service: the one that owned the users before, or this one. */
export type Side = 'origin' | 'target';

export interface Place {
  identityId: string;
  datasetName: string;
}

/** A change of one record that a device sent. */
export interface Change extends Place {
  side: Side;
  key: string;
  /** Each value is written only once. Null if the record was removed. */
  value: string | null;
  /** The sync count of the record that the device knew; 0 if it knew no record. */
  baseCount: number;
  /** The values that the device may have known. Null stands for no value. */
  bases: readonly (string | null)[];
  /** The sync count in the response; null if the device got no response, so the change is in doubt. */
  syncCount: number | null;
  /** Epoch milliseconds. `ackedAt` is infinite for a change in doubt. */
  sentAt: number;
  ackedAt: number;
  /** The dates of the record as the service returned them; null if unknown. Epoch milliseconds. */
  deviceMs: number | null;
  modifiedMs: number | null;
}

/** A deletion of a dataset that a device sent. */
export interface Deletion extends Place {
  side: Side;
  sentAt: number;
  /** Infinite if the device got no response. */
  ackedAt: number;
  /** The values that devices of this side had received before, by key. */
  known: ReadonlyMap<string, string>;
}

/** A record as the API returns it. */
export interface WireRecord {
  Key?: string;
  Value?: string | null;
  SyncCount?: number;
  /** Seconds. */
  LastModifiedDate?: number;
  DeviceLastModifiedDate?: number | null;
}

/** A patch of UpdateRecords as a device sends it. */
export interface WirePatch {
  Op?: string;
  Key?: string;
  Value?: string | null;
  SyncCount?: number;
}

/** What devices have sent and received. It is recorded between the devices and the services. */
export interface PopulationLedger {
  readonly changes: readonly Change[];
  readonly deletions: readonly Deletion[];
  /** Enters records that a device received. */
  received(side: Side, place: Place, records: readonly WireRecord[]): void;
  /** Enters an update. `records` is null if the device received no response. */
  updated(
    side: Side,
    place: Place,
    update: {
      patches: readonly WirePatch[];
      records: readonly WireRecord[] | null;
      sentAt: number;
      at: number;
    },
  ): void;
  /** Enters a deletion of a dataset. */
  deleted(side: Side, place: Place, about: { sentAt: number; ackedAt: number }): void;
}

export function placeName({ identityId, datasetName }: Place): string {
  return `${identityId} ${datasetName}`;
}

export function createPopulationLedger(): PopulationLedger {
  const changes: Change[] = [];
  const deletions: Deletion[] = [];
  /** The values that devices received, by dataset, key and sync count. For one sync count, the sides can differ. */
  const values = new Map<string, Set<string | null>>();
  /** The newest values that devices of a side received, by side and dataset. */
  const newest = new Map<string, Map<string, { value: string | null; syncCount: number }>>();

  function received(side: Side, place: Place, records: readonly WireRecord[]): void {
    const name = `${side} ${placeName(place)}`;
    const known = newest.get(name) ?? new Map();
    newest.set(name, known);
    for (const { Key = '', Value = null, SyncCount = 0 } of records) {
      const version = `${placeName(place)} ${Key} ${SyncCount}`;
      values.set(version, (values.get(version) ?? new Set()).add(Value));
      if (SyncCount >= (known.get(Key)?.syncCount ?? 0))
        known.set(Key, { value: Value, syncCount: SyncCount });
    }
  }

  return {
    changes,
    deletions,
    received,

    updated(side, place, { patches, records, sentAt, at }) {
      for (const { Op, Key = '', Value = null, SyncCount = 0 } of patches) {
        const value = Op === 'remove' ? null : Value;
        const known = values.get(`${placeName(place)} ${Key} ${SyncCount}`);
        const record = records?.find((each) => each.Key === Key);
        changes.push({
          ...place,
          side,
          key: Key,
          value,
          baseCount: SyncCount,
          bases: SyncCount === 0 || known === undefined ? [null] : [...known],
          syncCount: records === null ? null : (record?.SyncCount ?? 0),
          sentAt,
          ackedAt: records === null ? Number.POSITIVE_INFINITY : at,
          deviceMs: toMs(record?.DeviceLastModifiedDate),
          modifiedMs: toMs(record?.LastModifiedDate),
        });
      }
      if (records) received(side, place, records);
    },

    deleted(side, place, { sentAt, ackedAt }) {
      const name = `${side} ${placeName(place)}`;
      const known = [...(newest.get(name) ?? [])].flatMap(([key, { value }]) =>
        value === null ? [] : [[key, value] as const],
      );
      deletions.push({ ...place, side, sentAt, ackedAt, known: new Map(known) });
      if (ackedAt !== Number.POSITIVE_INFINITY) newest.delete(name);
    },
  };
}

function toMs(seconds: number | null | undefined): number | null {
  return typeof seconds === 'number' ? Math.round(seconds * 1_000) : null;
}
