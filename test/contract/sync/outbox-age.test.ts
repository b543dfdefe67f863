import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRelayOutbox } from '../../../functions/relay-outbox.ts';
import { createLambdaContext } from '../../../infra/local/lambda-context.ts';
import { createLogger } from '../../../lib/aws/telemetry.ts';
import type { Database } from '../../../lib/database/database.ts';
import { readOutboxAge } from '../../../lib/sync/store/outbox-age.ts';
import { createOutboxStore } from '../../../lib/sync/store/outbox-store.ts';
import { createStreamingSwitch } from '../../../lib/sync/store/streaming-switch.ts';
import { DATABASES } from '../../fixtures/database/databases.ts';
import { newPool, STREAMING } from '../../fixtures/identity/identity-pools.ts';

const INSERT = `
INSERT INTO sync.outbox (outbox_id, partition_key, event, created_at, attempts, parked_reason, stream_name)
VALUES ($1, 'key', '{}', now() - $2::double precision * interval '1 minute', 0, $3, $4)`;

describe.each(DATABASES)('the age of the outbox on $name', ({ open }) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());

  it('is 0 if no event is waiting', async () => {
    expect(await readOutboxAge(database)).toBe(0);
  });

  it('is the time since the oldest event was written, without parked events', async () => {
    await database.query(INSERT, ['00000000-0000-4000-8000-000000000001', 60, 'ValidationException', null]);
    await database.query(INSERT, ['00000000-0000-4000-8000-000000000002', 20, null, null]);
    await database.query(INSERT, ['00000000-0000-4000-8000-000000000003', 1, null, null]);
    const minutes = (await readOutboxAge(database)) / 60_000;
    expect(minutes).toBeGreaterThanOrEqual(20);
    expect(minutes).toBeLessThan(25);
  });

  it('does not include the events of a stream to which no pool streams, such as a deleted stream', async () => {
    await database.query('DELETE FROM sync.outbox');
    const pool = await newPool(database, { streams: { ...STREAMING, streamName: 'gone' } });
    await newPool(database, { streams: { ...STREAMING, streamName: 'current' } });
    await database.query(INSERT, ['00000000-0000-4000-8000-000000000011', 60, null, 'gone']);
    await database.query(INSERT, ['00000000-0000-4000-8000-000000000012', 20, null, 'current']);
    const age = async () => Math.floor((await readOutboxAge(database)) / 60_000);
    expect(await age()).toBe(60);
    await createStreamingSwitch(database).disable('gone', 'stream gone does not exist');
    expect(await age()).toBe(20);
    await database.query('DELETE FROM sync.identity_pools WHERE identity_pool_id = $1', [pool]);
    expect(await age()).toBe(20);
  });

  it('is 0 if the clock of the database was set back', async () => {
    await database.query('DELETE FROM sync.outbox');
    await database.query(INSERT, ['00000000-0000-4000-8000-000000000004', -5, null, null]);
    expect(await readOutboxAge(database)).toBe(0);
  });

  it('is reported by the relay, even if the run then fails because it can publish nothing', async () => {
    await database.query('DELETE FROM sync.outbox');
    await database.query(INSERT, ['00000000-0000-4000-8000-000000000005', 60, null, null]);
    const ages: number[] = [];
    const relay = createRelayOutbox({
      outbox: createOutboxStore(database),
      publisher: {
        publish: async (_stream, entries) => entries.map(() => ({ error: 'Throttled', retryable: true })),
      },
      streaming: createStreamingSwitch(database),
      streamName: 'cognito-sync',
      report: async () => void ages.push(await readOutboxAge(database)),
      logger: createLogger('relay-outbox'),
    });
    const run = relay({}, createLambdaContext('relay-outbox', 'us-east-1'));
    await expect(run).rejects.toThrow('none of 1 events could be published: Throttled');
    expect(ages).toEqual([expect.any(Number)]);
    expect(ages[0]).toBeGreaterThanOrEqual(3_600_000);
  });
});
