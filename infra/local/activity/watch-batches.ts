import type { KinesisStreamRecord } from 'aws-lambda';
import { toDelivery } from '../../../lib/projection/delivery.ts';
import type { BatchReport } from '../../../lib/projection/project-batch.ts';
import { MAX_DATASETS, type ProjectedDataset } from '../../../lib/query/activity.ts';
import type { ActivityFeed } from '../../../lib/query/activity-feed.ts';
import { decodeStreamEvent } from '../../../lib/stream/decode-stream-event.ts';

/** Reports to the activity feed each batch that the projection has written to the query store. */
export function watchBatches(
  feed: ActivityFeed,
): (batch: BatchReport, records: readonly KinesisStreamRecord[]) => void {
  return (batch, records) => {
    const [first] = records;
    if (!feed.isWatched() || batch.events === 0 || first === undefined) return;
    const { streamName, shardId } = toDelivery(first).position;
    feed.emit({
      kind: 'projected',
      streamName,
      shardId,
      ...batch,
      datasets: records
        .slice(0, Math.min(batch.events, MAX_DATASETS))
        .map(datasetOf)
        .filter((dataset) => dataset !== null),
    });
  };
}

/** Returns the dataset of an event; null if the event is in quarantine because it cannot be decoded. */
function datasetOf(record: KinesisStreamRecord): ProjectedDataset | null {
  try {
    const event = decodeStreamEvent(toDelivery(record).data);
    const isRemoval = event.kind === 'removal';
    const { syncCount } = isRemoval ? event : event.version;
    return { ...event.dataset, syncCount, isRemoval };
  } catch {
    return null;
  }
}
