import type { DatasetKey } from '../common/dataset-key.ts';
import type { RecordsEvent, StreamRecord, Version } from '../stream/stream-event.ts';
import { compareVersions, newest } from './version.ts';

/** A removal of a dataset whose version is known. */
export interface DatedRemoval {
  kind: 'removal';
  dataset: DatasetKey;
  version: Version;
}

/** An event that can be folded: its records at hand, its version known. */
export type FoldableEvent = RecordsEvent | DatedRemoval;

/** What the events say of one dataset: the newest version of it, of its removal and of each record named. */
export interface DatasetChange {
  dataset: DatasetKey;
  version: Version;
  /** Records at or below this version are not there any more. Null: no removal among the events. */
  removal: Version | null;
  /** One per key, in no particular order. */
  records: StreamRecord[];
}

/**
 * Folds events to the newest version per dataset, removal and key. The result does not depend on the order of
 * the events, nor on how often each occurs: each part of it is a maximum in the version order.
 */
export function foldEvents(events: Iterable<FoldableEvent>): DatasetChange[] {
  const changes = new Map<string, { change: DatasetChange; records: Map<string, StreamRecord> }>();
  for (const event of events) {
    const name = datasetKeyText(event.dataset);
    let entry = changes.get(name);
    if (!entry) {
      const change = { dataset: event.dataset, version: event.version, removal: null, records: [] };
      entry = { change, records: new Map() };
      changes.set(name, entry);
    }
    foldEvent(entry.change, entry.records, event);
  }
  return Array.from(changes.values(), ({ change, records }) => ({
    ...change,
    records: [...records.values()],
  }));
}

function foldEvent(change: DatasetChange, records: Map<string, StreamRecord>, event: FoldableEvent): void {
  change.version = newest(change.version, event.version);
  if (event.kind === 'removal') {
    change.removal = newest(change.removal, event.version);
    return;
  }
  for (const record of lastOfEachKey(event.records)) {
    // A dataset with a record newer than its removal is there again, whatever the event itself says.
    change.version = newest(change.version, record.version);
    const known = records.get(record.key);
    if (!known || compareVersions(record.version, known.version) > 0) records.set(record.key, record);
  }
}

/** Where two entries of one event name one key, the last one is what the device meant. */
function lastOfEachKey(records: readonly StreamRecord[]): Iterable<StreamRecord> {
  return new Map(records.map((record) => [record.key, record])).values();
}

/** One text per dataset. The ids and the name hold no white space, so the joined text is unique. */
export function datasetKeyText({ identityPoolId, identityId, datasetName }: DatasetKey): string {
  return `${identityPoolId} ${identityId} ${datasetName}`;
}
