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
        syncCount: output && syncCountOf(input, output),
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

/**
 * Returns the sync count of the deleted dataset, or the highest sync count of the written records. If the sync trigger
 * left out a patch, the output contains the stored record, whose count is not above the count of the patch.
 */
function syncCountOf(input: object, output: object): number | null {
  const dataset = 'Dataset' in output ? [output.Dataset] : [];
  const patches = listOf(input, 'RecordPatches').filter(isObject);
  const sent = new Map(patches.map(({ Key, SyncCount }) => [Key, Number(SyncCount ?? 0)]));
  const counts = [...dataset, ...listOf(output, 'Records')]
    .filter(isObject)
    .filter(({ Key, SyncCount }) => Number(SyncCount) > (sent.get(Key) ?? -1))
    .map(({ SyncCount }) => Number(SyncCount));
  return counts.length === 0 ? null : counts.reduce((one, other) => Math.max(one, other));
}

function textOf(of: object, name: string): string | null {
  const value: unknown = Reflect.get(of, name);
  return typeof value === 'string' ? value : null;
}

function listOf(of: object, name: string): readonly unknown[] {
  const value: unknown = Reflect.get(of, name);
  return Array.isArray(value) ? value : [];
}
