import { expect } from 'vitest';
import type { Database } from '../../lib/database/database.ts';
import { toDelivery } from '../../lib/projection/delivery.ts';
import { compareVersions } from '../../lib/projection/version.ts';
import type { Version } from '../../lib/stream/stream-event.ts';
import type { PlannedStream } from './stream.ts';

/** The saved position of a shard, or the position of a record. */
export interface Progress {
  shard_id: string;
  sequence_number: string;
  arrived_at: Date;
}

export async function readProgress(observer: Database): Promise<Progress[]> {
  const { rows } = await observer.query<Progress>(
    'SELECT shard_id, sequence_number, arrived_at FROM query.stream_progress ORDER BY shard_id',
  );
  return rows;
}

export function positionOf(record: PlannedStream['shards'][number][number]): Progress {
  const { shardId, sequenceNumber, arrivedAt } = toDelivery(record).position;
  return { shard_id: shardId, sequence_number: sequenceNumber, arrived_at: new Date(arrivedAt) };
}

/**
 * Expects that every record up to the saved position is in the rows or in quarantine. This must be true at any time.
 */
export async function expectProgressToBeTrue(
  { shards, carried, quarantined }: PlannedStream,
  observer: Database,
): Promise<void> {
  // Read the progress first. Rows and quarantine only grow, so a record that is missing when they are read was also
  // missing when the progress was read.
  const progress = await readProgress(observer);
  const covered = shards.flat().filter((record) => {
    const { shard_id, sequence_number } = positionOf(record);
    return progress.some((row) => row.shard_id === shard_id && sequence_number <= row.sequence_number);
  });
  const kept = await readKept(observer);
  const stored = await readVersions(observer);
  const missing = covered.filter((record) => {
    if (quarantined.has(record)) return !kept.has(record.eventID);
    return carried.get(record)?.some(({ name, version }) => isBelow(stored.get(name), version));
  });
  expect(missing.map(positionOf)).toEqual([]);
}

function isBelow(stored: Version | undefined, version: Version): boolean {
  return stored === undefined || compareVersions(stored, version) < 0;
}

async function readKept(observer: Database): Promise<Set<string>> {
  const { rows } = await observer.query<{ id: string }>(
    `SELECT shard_id || ':' || sequence_number AS id FROM query.quarantine`,
  );
  return new Set(rows.map(({ id }) => id));
}

/** Returns the versions of all records, including tombstones. */
async function readVersions(observer: Database): Promise<Map<string, Version>> {
  const { rows } = await observer.query<{ name: string; ms: number; count: number }>(
    `SELECT identity_pool_id || '/' || identity_id || '/' || dataset_name || '/' || record_key AS name,
       records.last_modified_ms AS ms, records.sync_count AS count
     FROM projection.records JOIN projection.datasets USING (dataset_id)`,
  );
  return new Map(rows.map(({ name, ms, count }) => [name, { lastModifiedDate: ms, syncCount: count }]));
}
