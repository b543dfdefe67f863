import { describe, expect, it } from 'vitest';
import { planConnection, planDisconnection } from '../../../infra/cli/commands/connection/plan-connection.ts';
import type { PoolSettings } from '../../../lib/backfill/ports/operated-service.ts';

const ROLE = 'arn:aws:iam::123456789012:role/stream';
const TRIGGER = 'arn:aws:lambda:us-east-1:123456789012:function:sync-trigger';
const NEW: PoolSettings = {
  streaming: { isEnabled: false, streamName: null, roleArn: null },
  syncTrigger: null,
};
const CONNECTED: PoolSettings = {
  streaming: { isEnabled: true, streamName: 'mine', roleArn: ROLE },
  syncTrigger: TRIGGER,
};
const NOTHING = { streamName: null, roleArn: null, syncTrigger: null };

describe('a connection plan', () => {
  it('enables the default stream for a pool that never had one', () => {
    expect(planConnection(NEW, { ...NOTHING, roleArn: ROLE, syncTrigger: TRIGGER }, 'cognito-sync')).toEqual({
      changes: [
        { setting: 'streaming', from: 'off', to: 'ENABLED on cognito-sync' },
        { setting: 'role', from: 'none', to: ROLE },
        { setting: 'sync trigger', from: 'none', to: TRIGGER },
      ],
      streaming: { isEnabled: true, streamName: 'cognito-sync', roleArn: ROLE },
      syncTrigger: { functionArn: TRIGGER },
    });
  });

  it('does not change settings that already have the requested value, or for which no value is requested', () => {
    expect(planConnection(CONNECTED, NOTHING, 'cognito-sync')).toEqual({ changes: [] });
    const same = { streamName: 'mine', roleArn: ROLE, syncTrigger: TRIGGER };
    expect(planConnection(CONNECTED, same, 'cognito-sync')).toEqual({ changes: [] });
  });

  it('changes only the stream and keeps the role if only the stream differs', () => {
    expect(planConnection(CONNECTED, { ...NOTHING, streamName: 'other' }, 'cognito-sync')).toEqual({
      changes: [{ setting: 'streaming', from: 'ENABLED on mine', to: 'ENABLED on other' }],
      streaming: { isEnabled: true, streamName: 'other', roleArn: ROLE },
    });
  });

  it('restores the stream that the pool had before it was disconnected', () => {
    const plan = planDisconnection(CONNECTED);
    expect(plan).toMatchObject({
      streaming: { isEnabled: false, streamName: 'mine', roleArn: ROLE },
      syncTrigger: { functionArn: null },
    });
    const disconnected = { streaming: plan.streaming ?? NEW.streaming, syncTrigger: null };
    expect(planConnection(disconnected, NOTHING, 'cognito-sync').streaming).toEqual(CONNECTED.streaming);
    expect(planDisconnection(disconnected)).toEqual({ changes: [] });
    expect(planDisconnection(NEW)).toEqual({ changes: [] });
  });
});
