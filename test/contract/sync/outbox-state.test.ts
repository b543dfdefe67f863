import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createRelayOutbox } from '../../../functions/relay-outbox.ts';
import { createLambdaContext } from '../../../infra/local/lambda-context.ts';
import { createLogger, type RelayReport } from '../../../lib/aws/telemetry.ts';
import type { Database } from '../../../lib/database/database.ts';
import type { PublishOutcome } from '../../../lib/sync/ports/outbox.ts';
import { type OutboxState, readOutboxState } from '../../../lib/sync/store/outbox-state.ts';
import { createOutboxStore } from '../../../lib/sync/store/outbox-store.ts';
import { createStreamingSwitch } from '../../../lib/sync/store/streaming-switch.ts';
import { SERVICE_DATABASES } from '../../fixtures/database/databases.ts';
import { deleteAllRows } from '../../fixtures/database/delete-rows.ts';
import { insertOutboxRow, letLeasesAge } from '../../fixtures/database/outbox-rows.ts';
import { newPool, STREAMING } from '../../fixtures/identity/identity-pools.ts';

const INSERT = `
INSERT INTO sync.outbox (outbox_id, partition_key, event, created_at, attempts, parked_reason, stream_name)
VALUES ($1, 'key', '{}', now() - $2::double precision * interval '1 minute', 0, $3, $4)`;

describe.each(SERVICE_DATABASES)('the age of the outbox on $name', ({ open }) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());
  const readOutboxAge = async () => (await readOutboxState(database)).oldestMs;

  it('is 0 if no event is waiting', async () => {
    expect(await readOutboxAge()).toBe(0);
  });

  it('is the time since the oldest event that is not parked was written', async () => {
    await database.query(INSERT, ['00000000-0000-4000-8000-000000000001', 60, 'ValidationException', null]);
    await database.query(INSERT, ['00000000-0000-4000-8000-000000000002', 20, null, null]);
    await database.query(INSERT, ['00000000-0000-4000-8000-000000000003', 1, null, null]);
    const minutes = (await readOutboxAge()) / 60_000;
    expect(minutes).toBeGreaterThanOrEqual(20);
    expect(minutes).toBeLessThan(25);
  });

  it('does not include the events of a stream to which no pool streams, such as a deleted stream', async () => {
    await database.query('DELETE FROM sync.outbox');
    const pool = await newPool(database, { streams: { ...STREAMING, streamName: 'gone' } });
    await newPool(database, { streams: { ...STREAMING, streamName: 'current' } });
    await database.query(INSERT, ['00000000-0000-4000-8000-000000000011', 60, null, 'gone']);
    await database.query(INSERT, ['00000000-0000-4000-8000-000000000012', 20, null, 'current']);
    const age = async () => Math.floor((await readOutboxAge()) / 60_000);
    expect(await age()).toBe(60);
    await createStreamingSwitch(database).disable('gone', 'stream gone does not exist');
    expect(await age()).toBe(20);
    await database.query('DELETE FROM sync.identity_pools WHERE identity_pool_id = $1', [pool]);
    expect(await age()).toBe(20);
  });

  it('is 0 if the clock of the database was set back', async () => {
    await database.query('DELETE FROM sync.outbox');
    await database.query(INSERT, ['00000000-0000-4000-8000-000000000004', -5, null, null]);
    expect(await readOutboxAge()).toBe(0);
  });
});

describe.each(SERVICE_DATABASES)('the events that need an operator, on $name', ({ open }) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await deleteAllRows(database);
    for (const streamName of ['used', 'gone'])
      await newPool(database, { streams: { ...STREAMING, streamName } });
  });

  const state = () => readOutboxState(database);
  const outcomes: Record<string, PublishOutcome> = {
    gone: { error: 'ResourceNotFoundException', retryable: true, noStream: true },
    invalid: { error: 'ValidationException', retryable: false },
    broken: { error: 'Throttled', retryable: true },
  };

  /** Runs the function `relay-outbox`. The part of the run that publishes to the stream `broken` fails. */
  async function run(options: { broken?: string; read?: () => Promise<OutboxState> } = {}) {
    const logger = createLogger('relay-outbox');
    const warn = vi.spyOn(logger, 'warn');
    const reports: RelayReport[] = [];
    const outbox = createOutboxStore(database);
    const relay = createRelayOutbox({
      outbox,
      publisher: {
        publish: async (stream, entries) => {
          if (stream === options.broken) throw new Error('the lane broke');
          return entries.map(() => outcomes[stream] ?? 'published');
        },
      },
      streaming: createStreamingSwitch(database),
      streamName: 'used',
      state: { read: options.read ?? state, write: (report) => void reports.push(report) },
      logger,
      options: { disableAfterAttempts: 1, parkAfterRejections: 1 },
    });
    await letLeasesAge(database, 3_600_000);
    const [result] = await Promise.allSettled([relay({}, createLambdaContext('relay-outbox', 'us-east-1'))]);
    const error = result.status === 'rejected' ? String(result.reason) : null;
    return { error, reports, warnings: warn.mock.calls.map(([message, details]) => [message, details]) };
  }
  const WARNING = [
    'events wait for streams to which no pool streams; see docs/self-host.md',
    { unusedStreams: ['gone'] },
  ];

  it('are reported in each run until the stream exists again or a pool uses it', async () => {
    await insertOutboxRow(database, { streamName: 'gone' });
    await insertOutboxRow(database, { streamName: 'used' });
    for (const published of [1, 0, 0]) {
      const { reports, warnings } = await run();
      expect(reports).toEqual([{ oldestMs: 0, published, parked: 0, unusedStreams: ['gone'] }]);
      expect(warnings).toContainEqual(WARNING);
    }
    await database.query("UPDATE sync.identity_pools SET streaming_status = 'ENABLED'");
    expect((await state()).unusedStreams).toEqual([]);
    await database.query("UPDATE sync.identity_pools SET streaming_status = 'DISABLED'");
    expect((await state()).unusedStreams).toEqual(['gone']);
    await database.query("UPDATE sync.outbox SET stream_name = 'used'");
    await run();
    expect(await state()).toEqual({ oldestMs: 0, parked: 0, unusedStreams: [] });
  });

  it('are reported even if the relay of another stream fails', async () => {
    await insertOutboxRow(database, { streamName: 'gone' });
    await insertOutboxRow(database, { streamName: 'used' });
    const { error, reports, warnings } = await run({ broken: 'used' });
    expect(error).toBe('Error: the lane broke');
    expect(reports).toMatchObject([{ published: null, parked: 0, unusedStreams: ['gone'] }]);
    expect(reports[0]?.oldestMs).toBeGreaterThan(0);
    expect(warnings).toContainEqual(WARNING);
  });

  it('do not hide the error of the relay if their report fails too', async () => {
    await insertOutboxRow(database, { streamName: 'used' });
    const read = () => Promise.reject(new Error('the report failed'));
    expect((await run({ broken: 'used', read })).error).toBe('Error: the lane broke');
    expect((await run({ read })).error).toBe('Error: the report failed');
  });

  it('are reported if the run fails because it can publish nothing', async () => {
    await insertOutboxRow(database, { streamName: 'broken', createdAt: new Date(Date.now() - 3_600_000) });
    await newPool(database, { streams: { ...STREAMING, streamName: 'broken' } });
    const { error, reports } = await run();
    expect(error).toBe('Error: none of 1 events could be published: Throttled');
    expect(reports).toEqual([{ oldestMs: expect.any(Number), published: 0, parked: 0, unusedStreams: [] }]);
    expect(reports[0]?.oldestMs).toBeGreaterThan(3_500_000);
  });

  it('include parked events until the operator runs the statement in docs/self-host.md', async () => {
    await newPool(database, { streams: { ...STREAMING, streamName: 'invalid' } });
    for (let count = 0; count < 2; count += 1) await insertOutboxRow(database, { streamName: 'invalid' });
    for (let runs = 0; runs < 2; runs += 1) {
      expect((await run()).reports).toEqual([{ oldestMs: 0, published: 0, parked: 2, unusedStreams: [] }]);
    }
    const guide = await readFile(new URL('../../../docs/self-host.md', import.meta.url), 'utf8');
    const [statement = ''] = guide.match(/UPDATE sync\.outbox [^`;]+/) ?? [];
    expect((await database.query(statement)).rowsChanged).toBe(2);
    outcomes.invalid = 'published';
    expect((await run()).reports).toEqual([{ oldestMs: 0, published: 2, parked: 0, unusedStreams: [] }]);
  });

  it('are counted only as parked if they are parked and belong to an unused stream', async () => {
    await insertOutboxRow(database, { streamName: 'unknown' });
    await database.query("UPDATE sync.outbox SET parked_reason = 'ValidationException, 5 rejections'");
    expect(await state()).toEqual({ oldestMs: 0, parked: 1, unusedStreams: [] });
  });
});
