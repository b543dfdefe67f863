import type { wireEvent } from '../fixtures/sync/stream-events.ts';
import type { Rows } from './rows.ts';

type Wire = ReturnType<typeof wireEvent>;

/**
 * Computes the expected rows by applying each event once, in order. Unlike the projection, compares no versions.
 *
 * @param events with their records inline, in the order in which they were published
 */
export function referenceOf(events: readonly Wire[]): Rows {
  const datasets = new Map<string, Rows['datasets'][string]>();
  const records = new Map<string, Map<string, Rows['records'][string]>>();
  for (const event of events) {
    const name = `${event.identityPoolId}/${event.identityId}/${event.datasetName}`;
    const live = records.get(name) ?? new Map<string, Rows['records'][string]>();
    records.set(name, live);
    const wired = event.kinesisSyncRecords as Wire[] | null;
    if (wired === null) live.clear();
    for (const { key, value, syncCount, lastModifiedDate } of wired ?? []) {
      const text = `${name}/${key}`;
      if (typeof value !== 'string') live.delete(text);
      else live.set(text, { value, syncCount: Number(syncCount), lastModified: Number(lastModifiedDate) });
    }
    const before = datasets.get(name);
    datasets.set(name, {
      deleted: wired === null,
      records: live.size,
      syncCount: Number(event.syncCount ?? before?.syncCount),
      lastModified: Number(event.lastModifiedDate ?? before?.lastModified),
    });
  }
  return {
    datasets: Object.fromEntries(datasets),
    records: Object.fromEntries([...records.values()].flatMap((live) => [...live])),
  };
}
