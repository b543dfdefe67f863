import type { ActivityFeed } from '../../../lib/query/activity-feed.ts';
import type { PushChannel, PushDevice } from '../../../lib/sync/ports/push.ts';

/** Wraps a push channel, and reports to the activity feed each push message that the channel has sent. */
export function watchPush(feed: ActivityFeed, channel: PushChannel): PushChannel {
  return {
    register: (device) => channel.register(device),
    async send(device, message) {
      await channel.send(device, message);
      if (feed.isWatched()) feed.emit({ kind: 'push', ...aboutMessage(device, message) });
    },
  };
}

/** Reads the dataset from a message that `buildPushMessage` built. */
function aboutMessage({ deviceId, platform }: PushDevice, message: string) {
  const { data = {} }: { data?: Readonly<Record<string, string | number | undefined>> } = JSON.parse(message);
  const { identityPoolId = null, identityId = null, datasetName = null, syncCount } = data;
  return {
    deviceId,
    platform,
    identityPoolId: identityPoolId === null ? null : String(identityPoolId),
    identityId: identityId === null ? null : String(identityId),
    datasetName: datasetName === null ? null : String(datasetName),
    syncCount: syncCount === undefined ? null : Number(syncCount),
  };
}
