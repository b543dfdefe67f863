import type { PoolSettings } from '../../../../lib/backfill/operated-service.ts';
import type { PoolStreaming } from '../../../../lib/backfill/sync-client.ts';

/** What a pool is to be connected with. */
export interface Connection {
  /** Null for the stream it has, or `byDefault` where it has none. */
  streamName: string | null;
  /** With which the service writes to the stream; null for the one it has. */
  roleArn: string | null;
  /** The ARN of a function; null for the one it has, or none. */
  syncTrigger: string | null;
}

/** One setting, as people read it. */
export interface SettingChange {
  setting: 'streaming' | 'role' | 'sync trigger';
  from: string;
  to: string;
}

/** What is to be set to come from what is to what is wanted; nothing where both are the same. */
export interface ConnectionPlan {
  changes: SettingChange[];
  /** Absent where it stays. */
  streaming?: PoolStreaming;
  syncTrigger?: { functionArn: string | null };
}

/** @param byDefault the stream of a pool that never had one, where none is named */
export function planConnection(is: PoolSettings, wanted: Connection, byDefault: string): ConnectionPlan {
  return plan(is, {
    streaming: {
      isEnabled: true,
      streamName: wanted.streamName ?? is.streaming.streamName ?? byDefault,
      roleArn: wanted.roleArn ?? is.streaming.roleArn,
    },
    syncTrigger: wanted.syncTrigger ?? is.syncTrigger,
  });
}

/** Streaming off and no sync trigger; stream and role stay noted for the next time. */
export function planDisconnection(is: PoolSettings): ConnectionPlan {
  return plan(is, { streaming: { ...is.streaming, isEnabled: false }, syncTrigger: null });
}

function plan(is: PoolSettings, wanted: PoolSettings): ConnectionPlan {
  const before = describeSettings(is);
  const after = describeSettings(wanted);
  const changes = after.flatMap(({ setting, value: to }, index): SettingChange[] => {
    const from = before[index]?.value ?? '';
    return from === to ? [] : [{ setting, from, to }];
  });
  const isChanged = (setting: SettingChange['setting']) =>
    changes.some((change) => change.setting === setting);
  return {
    changes,
    ...((isChanged('streaming') || isChanged('role')) && { streaming: wanted.streaming }),
    ...(isChanged('sync trigger') && { syncTrigger: { functionArn: wanted.syncTrigger } }),
  };
}

/** The settings of a pool as people read them. */
export function describeSettings({
  streaming,
  syncTrigger,
}: PoolSettings): { setting: SettingChange['setting']; value: string }[] {
  return [
    { setting: 'streaming', value: describeStreaming(streaming) },
    { setting: 'role', value: streaming.roleArn ?? 'none' },
    { setting: 'sync trigger', value: syncTrigger ?? 'none' },
  ];
}

export function describeStreaming({ isEnabled, streamName }: Omit<PoolStreaming, 'roleArn'>): string {
  if (isEnabled) return `ENABLED on ${streamName ?? 'a stream that is not named'}`;
  return streamName === null ? 'off' : `DISABLED, was on ${streamName}`;
}
