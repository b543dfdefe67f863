import type { DatasetKey } from '../common/dataset-key.ts';
import type { RecordsEvent, StreamRecord, Version } from '../stream/stream-event.ts';
import { compareVersions, newest } from './version.ts';

/** The removal of a dataset, with a known version. */
export interface DatedRemoval {
  kind: 'removal';
  dataset: DatasetKey;
  version: Version;
}

/** An event that can be folded: its records are loaded, and its version is known. */
export type FoldableEvent = RecordsEvent | DatedRemoval;

/**
 * The result of folding the events of one dataset: the newest version of the dataset, of its removal and of each
 * record.
 */
export interface DatasetChange {
  dataset: DatasetKey;
  version: Version;
  /** Records at or below this version are removed. Null if the events contain no removal. */
  removal: Version | null;
  /** One per key, in no particular order. */
  records: StreamRecord[];
}

/**
 * Folds events into one change per dataset. The change contains the newest version of the dataset, of its removal and
 * of each record key. Each of these is a maximum in the version order. The result therefore does not depend on the
 * order of the events or on how often each event occurs.
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
  for (const record of newestOfEachKey(event.records)) {
    // A record that is newer than the removal makes the dataset exist again. The record can be newer than the event
    // itself, so the record's version counts, too.
    change.version = newest(change.version, record.version);
    const known = records.get(record.key);
    if (!known || compareVersions(record.version, known.version) > 0) records.set(record.key, record);
  }
}

/**
 * Returns the newest entry that one event has for each key. Several entries for a key count as if they were in separate
 * events. If two entries have the same version, the later entry wins, because it is what the device intended.
 */
function newestOfEachKey(records: readonly StreamRecord[]): Iterable<StreamRecord> {
  const newestByKey = new Map<string, StreamRecord>();
  for (const record of records) {
    const known = newestByKey.get(record.key);
    if (!known || compareVersions(record.version, known.version) >= 0) newestByKey.set(record.key, record);
  }
  return newestByKey.values();
}

/** Returns a unique text per dataset. It is unique because the ids and the name contain no white space. */
export function datasetKeyText({ identityPoolId, identityId, datasetName }: DatasetKey): string {
  return `${identityPoolId} ${identityId} ${datasetName}`;
}
