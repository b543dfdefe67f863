import { AsyncLocalStorage } from 'node:async_hooks';
import { isObject } from '../../../lib/common/json.ts';
import type { ActivityFeed } from '../../../lib/query/activity-feed.ts';
import { INTERNAL_ERROR, refusalOf } from '../../../lib/wire/errors.ts';
import type { WatchCall } from '../../../lib/wire/sync-api.ts';

/** The operations that are reported: those that change data, or register or subscribe a device. */
const REPORTED = new Set([
  'DeleteDataset',
  'RegisterDevice',
  'SubscribeToDataset',
  'UnsubscribeFromDataset',
  'UpdateRecords',
]);

/** The id of the request that is being answered. Set only while a client listens to the feed. */
export type CurrentRequest = AsyncLocalStorage<string>;

export function createCurrentRequest(): CurrentRequest {
  return new AsyncLocalStorage();
}

/**
 * Reports to the activity feed each call of an operation in `REPORTED`.
 * @param now milliseconds, for durations
 */
export function watchCalls(
  feed: ActivityFeed,
  { current, now }: { current: CurrentRequest; now: () => number },
): WatchCall {
  return async ({ operation, requestId, input, caller }, work) => {
    if (!feed.isWatched() || !REPORTED.has(operation)) return work();
    const startedAt = now();
    const report = (output: object | null, error: { code: string; message: string } | null) =>
      feed.emit({
        kind: 'sync',
        operation,
        requestId,
        identityPoolId:
          textOf(input, 'IdentityPoolId') ?? (caller.kind === 'identity' ? caller.identityPoolId : null),
        identityId: textOf(input, 'IdentityId') ?? (caller.kind === 'identity' ? caller.identityId : null),
        datasetName: textOf(input, 'DatasetName'),
        syncCount: output && syncCountOf(output),
        records: listOf(input, 'RecordPatches').length,
        durationMs: Math.round(now() - startedAt),
        deviceId: textOf(input, 'DeviceId') ?? (output && textOf(output, 'DeviceId')),
        error,
      });
    try {
      const output = await current.run(requestId, work);
      report(output, null);
      return output;
    } catch (error) {
      const { code, message } = refusalOf(error) ?? INTERNAL_ERROR;
      report(null, { code, message });
      throw error;
    }
  };
}

/** Returns the sync count of the deleted dataset, or the highest sync count of the written records. */
function syncCountOf(output: object): number | null {
  const dataset = 'Dataset' in output && isObject(output.Dataset) ? output.Dataset : {};
  const counts = [dataset, ...listOf(output, 'Records')].map((record) =>
    isObject(record) && typeof record.SyncCount === 'number' ? record.SyncCount : -1,
  );
  const highest = counts.reduce((one, other) => Math.max(one, other), -1);
  return highest < 0 ? null : highest;
}

function textOf(of: object, name: string): string | null {
  const value: unknown = Reflect.get(of, name);
  return typeof value === 'string' ? value : null;
}

function listOf(of: object, name: string): readonly unknown[] {
  const value: unknown = Reflect.get(of, name);
  return Array.isArray(value) ? value : [];
}
