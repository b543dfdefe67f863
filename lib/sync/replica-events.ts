import type { DatasetKey } from '../common/dataset-key.ts';
import type { Version } from '../stream/stream-event.ts';
import { deletionEvent, type Offloading, recordsEvent } from './build-stream-event.ts';
import { splitRecords } from './jobs/split-records.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import type { SyncRecord } from './model.ts';
import { exists, type OutgoingEvent } from './ports/sync-store.ts';
import type { NextReplica } from './replica.ts';

/**
 * Limits of an event that must hold its records. In JSON, a byte of a key or value takes up to six bytes, so only an event
 * with one record can be too large.
 */
const INLINE_RECORDS = 500;
const INLINE_BYTES = 120 * 1024;

/**
 * Builds the stream events of a change of a replica, with the versions of the other service. A consumer that has also
 * read that service's stream therefore finds nothing new in them.
 *
 * @param offloading null if this process cannot create links to payloads. A record that does not fit into an event is
 *   then left out; a bulk publish publishes it.
 */
export function replicaEvents(
  key: DatasetKey,
  { dataset, isChanged, published, publishedVersion, newRemoval }: NextReplica,
  offloading: Offloading | null,
): { events: OutgoingEvent[]; leftOut: number } {
  const removed = newRemoval === null ? [] : [deletionEvent(key, newRemoval)];
  if (published.length === 0 && (!isChanged || !exists(dataset))) return { events: removed, leftOut: 0 };
  if (offloading) {
    const written = splitRecords(published).map((group) =>
      recordsEvent(key, publishedVersion, group, offloading),
    );
    return { events: [...removed, ...written], leftOut: 0 };
  }
  const written = splitInline(published).map((group) => inlineEvent(key, publishedVersion, group));
  const events = written.filter((event) => event.payload === null);
  return { events: [...removed, ...events], leftOut: written.length - events.length };
}

/**
 * Builds an event that holds its records. If they do not fit into the event, the result has a payload, and must not be
 * published.
 */
function inlineEvent(key: DatasetKey, version: Version, records: readonly SyncRecord[]): OutgoingEvent {
  const links = { create: () => ({ payloadId: '', url: '', expiresAt: 0 }), open: () => null };
  return recordsEvent(key, version, records, { links, inlineBytes: DEFAULT_LIMITS.inlineBytes });
}

function splitInline(records: readonly SyncRecord[]): SyncRecord[][] {
  let group: SyncRecord[] = [];
  let bytes = 0;
  const groups = [group];
  for (const record of records) {
    const size = Buffer.byteLength(record.Key) + Buffer.byteLength(record.Value ?? '');
    if (group.length > 0 && (bytes + size > INLINE_BYTES || group.length === INLINE_RECORDS)) {
      group = [];
      groups.push(group);
      bytes = 0;
    }
    group.push(record);
    bytes += size;
  }
  return groups;
}
