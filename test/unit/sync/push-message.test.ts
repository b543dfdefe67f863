import { describe, expect, it } from 'vitest';
import { buildPushMessage } from '../../../lib/sync/push/push-message.ts';
import { IDENTITY, POOL } from '../../fixtures/sync/stream-events.ts';

const CHANGE = { identityPoolId: POOL, identityId: IDENTITY, datasetName: 'game', syncCount: 7 };
const IDS = { source: 'cognito-sync', identityPoolId: POOL, identityId: IDENTITY, datasetName: 'game' };

describe('the message of a change', () => {
  it.each(['APNS', 'APNS_SANDBOX'] as const)(
    'wakes the app on %s without a word to the person',
    (platform) => {
      expect(JSON.parse(buildPushMessage(CHANGE, platform))).toEqual({
        aps: { 'content-available': 1 },
        data: { ...IDS, syncCount: 7 },
      });
    },
  );

  it.each(['GCM', 'ADM'] as const)('has texts alone on %s', (platform) => {
    expect(JSON.parse(buildPushMessage(CHANGE, platform))).toEqual({ data: { ...IDS, syncCount: '7' } });
  });

  it('tells of nothing but the change, whatever else is known of it', () => {
    const more = { ...CHANGE, value: 'what was written' };
    expect(buildPushMessage(more, 'APNS')).toBe(buildPushMessage(CHANGE, 'APNS'));
    expect(buildPushMessage(more, 'GCM')).toBe(buildPushMessage(CHANGE, 'GCM'));
  });
});
