import { describe, expect, it } from 'vitest';
import { describeHealth, type HealthReport, lagOf } from '../../../infra/console/page/health-words.ts';

const HEALTHY: HealthReport = {
  status: 'ok',
  database: 'embedded',
  writes: { lastError: null },
  logins: { mode: 'trusted', keySets: [] },
  projection: { events: 3, lastBatch: null },
  mappings: [
    {
      functionName: 'project-stream',
      streamName: 'cognito-sync',
      lastError: null,
      shards: [{ shardId: 'shard', millisBehind: 20, lastError: null }],
    },
  ],
  schedules: [{ functionName: 'relay-outbox', lastError: null }],
};
const shard = (change: object) => [
  { ...HEALTHY.mappings[0], shards: [{ shardId: 'shard', millisBehind: 20, lastError: null, ...change }] },
];

const withHealth = (change: object): HealthReport => ({ ...HEALTHY, ...change });

describe('describeHealth', () => {
  it('says that everything works', () => {
    const { summary, parts } = describeHealth(HEALTHY, 0);
    expect(summary).toMatchObject({ state: 'good', text: 'Everything works.' });
    expect(parts.every(({ state }) => state === 'good')).toBe(true);
  });

  it.each([
    ['the database rejects writes', { writes: { lastError: 'ENOSPC' } }, 'bad', 'rejects writes (ENOSPC)'],
    [
      'a batch fails',
      { mappings: shard({ lastError: 'TimeoutError' }) },
      'bad',
      'retried because of an error (TimeoutError)',
    ],
    [
      'a schedule fails',
      { schedules: [{ functionName: 'relay-outbox', lastError: 'Error' }] },
      'bad',
      'relay-outbox (Error)',
    ],
    ['the rows are late', { mappings: shard({ millisBehind: 65_000 }) }, 'warn', '1 min behind the stream'],
    [
      'a login provider is unavailable',
      { logins: { mode: 'verified', keySets: [{ source: 'https://example.com', lastError: 'timed out' }] } },
      'warn',
      'https://example.com (timed out)',
    ],
  ])('names the problem first if %s', (_, change, state, text) => {
    const { summary, parts } = describeHealth(withHealth(change), 0);
    expect(summary?.state).toBe(state);
    expect(parts[0]).toMatchObject({ state, text: expect.stringContaining(text) });
  });

  it('gives no summary without the number of events in quarantine, unless a part has a problem', () => {
    expect(describeHealth(HEALTHY, undefined).summary).toBeUndefined();
    const failing = withHealth({ writes: { lastError: 'ENOSPC' } });
    expect(describeHealth(failing, undefined).summary?.text).toBe('One part has a problem.');
  });

  it.each([
    [1, 'One event was not projected'],
    [1_200, '1,200 events were not projected'],
  ])('warns of %i events in quarantine', (quarantined, text) => {
    const { summary, parts } = describeHealth(HEALTHY, quarantined);
    expect(summary?.text).toBe('Everything works, but something needs attention.');
    expect(parts[0]).toMatchObject({
      state: 'warn',
      part: 'Quarantine',
      text: expect.stringContaining(text),
    });
  });
});

describe('lagOf', () => {
  it('is the lag of the slowest shard, or null without shards', () => {
    expect(lagOf(HEALTHY)).toBe(20);
    expect(lagOf(withHealth({ mappings: [] }))).toBeNull();
  });
});
