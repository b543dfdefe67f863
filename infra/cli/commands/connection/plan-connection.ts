import type { PoolSettings } from '../../../../lib/backfill/ports/operated-service.ts';
import type { PoolStreaming } from '../../../../lib/backfill/ports/sync-client.ts';

/** The settings that an operator wants for a pool. */
export interface Connection {
  /** Null keeps the pool's current stream. If the pool has no stream, null selects the default stream. */
  streamName: string | null;
  /** The role that the service assumes to write to the stream; null keeps the current role. */
  roleArn: string | null;
  /** The ARN of the function that is the sync trigger; null keeps the current sync trigger, if any. */
  syncTrigger: string | null;
}

/** One changed setting, formatted for people. */
export interface SettingChange {
  setting: 'streaming' | 'role' | 'sync trigger';
  from: string;
  to: string;
}

/**
 * The changes for the operator to read, and the requests that make these changes. If the current settings equal the
 * wanted settings, there are neither changes nor requests.
 */
export interface ConnectionPlan {
  changes: SettingChange[];
  /** The new streaming settings; absent if they do not change. */
  streaming?: PoolStreaming;
  syncTrigger?: { functionArn: string | null };
}

/**
 * Plans to turn on streaming and to set the sync trigger.
 * @param defaultStream used if the pool has no stream and `wanted` names none
 */
export function planConnection(is: PoolSettings, wanted: Connection, defaultStream: string): ConnectionPlan {
  return plan(is, {
    streaming: {
      isEnabled: true,
      streamName: wanted.streamName ?? is.streaming.streamName ?? defaultStream,
      roleArn: wanted.roleArn ?? is.streaming.roleArn,
    },
    syncTrigger: wanted.syncTrigger ?? is.syncTrigger,
  });
}

/** Plans to turn off streaming and the sync trigger. The pool keeps its stream and role for a later connection. */
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

/** Formats the settings of a pool for people. */
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
  if (isEnabled) return `ENABLED on ${streamName ?? 'an unnamed stream'}`;
  return streamName === null ? 'off' : `DISABLED, was on ${streamName}`;
}
