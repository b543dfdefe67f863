import { describe, expect, it } from 'vitest';
import { buildPushMessage } from '../../../lib/sync/push/push-message.ts';
import { IDENTITY, POOL } from '../../fixtures/sync/stream-events.ts';

const CHANGE = { identityPoolId: POOL, identityId: IDENTITY, datasetName: 'game', syncCount: 7 };
const IDS = { source: 'cognito-sync', identityPoolId: POOL, identityId: IDENTITY, datasetName: 'game' };

describe('the push message of a change', () => {
  it.each(['APNS', 'APNS_SANDBOX'] as const)('wakes the app on %s without an alert', (platform) => {
    expect(JSON.parse(buildPushMessage(CHANGE, platform))).toEqual({
      aps: { 'content-available': 1 },
      data: { ...IDS, syncCount: 7 },
    });
  });

  it.each(['GCM', 'ADM'] as const)('contains only strings on %s', (platform) => {
    expect(JSON.parse(buildPushMessage(CHANGE, platform))).toEqual({ data: { ...IDS, syncCount: '7' } });
  });

  it('contains only the members that describe the change', () => {
    const withValue = { ...CHANGE, value: 'what was written' };
    expect(buildPushMessage(withValue, 'APNS')).toBe(buildPushMessage(CHANGE, 'APNS'));
    expect(buildPushMessage(withValue, 'GCM')).toBe(buildPushMessage(CHANGE, 'GCM'));
  });
});
