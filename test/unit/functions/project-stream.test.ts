import { afterEach, describe, expect, it, vi } from 'vitest';
import { createProjectStream } from '../../../functions/project-stream.ts';
import { createLambdaContext } from '../../../infra/local/lambda-context.ts';
import { createProjectionTotals } from '../../../infra/local/projection-totals.ts';
import { createLogger, createReporter } from '../../../lib/aws/telemetry.ts';
import type { QueryStore } from '../../../lib/projection/ports/query-store.ts';
import type { BatchReport } from '../../../lib/projection/project-batch.ts';
import { PayloadUnavailableError } from '../../../lib/stream/ports/fetch-payload.ts';
import { deliver, NEW_YEAR, toBytes, toKinesisEvent, wireEvent } from '../../fixtures/sync/stream-events.ts';

const inline = (arrivedAt: number) => deliver(toBytes(wireEvent()), NEW_YEAR + arrivedAt);
const offloaded = (arrivedAt: number) =>
  deliver(
    toBytes(
      wireEvent({ payloadType: 'S3Url', kinesisSyncRecords: null, kinesisSyncRecordsURL: 'https://x' }),
    ),
    NEW_YEAR + arrivedAt,
  );

/** Projects a batch ten seconds after NEW_YEAR. All payloads are unavailable. */
async function reportOf(
  deliveries: Parameters<typeof toKinesisEvent>[0],
  {
    parallelizationFactor = 1,
    apply = async () => ({ recordsChanged: 1 }),
    logger = createLogger('test'),
  } = {},
) {
  const reports: BatchReport[] = [];
  const saved: { isKnown: boolean }[] = [];
  const store: QueryStore = {
    apply,
    versionsOf: async () => [],
    keepRemovalVersion: async (_, version) => version,
    quarantine: async () => undefined,
    saveProgress: async (_, about) => void saved.push(about),
  };
  const handler = createProjectStream({
    store,
    fetchPayload: () => Promise.reject(new PayloadUnavailableError('busy')),
    parallelizationFactor,
    report: (batch) => void reports.push(batch),
    logger,
    now: () => NEW_YEAR + 10_000,
  });
  await handler(toKinesisEvent(deliveries), createLambdaContext('test', 'us-east-1'));
  return { reports, saved };
}

describe('the report of a batch', () => {
  it('contains the lag of the last event in the batch', async () => {
    const { reports, saved } = await reportOf([inline(1_000), inline(9_000)]);
    expect(reports).toEqual([
      { events: 2, records: 1, recordsChanged: 1, quarantined: 0, batchMs: 0, lagMs: 1_000 },
    ]);
    expect(saved).toEqual([{ isKnown: true }]);
  });

  it('contains the age of the first event whose payload is unavailable, if there is one', async () => {
    const { reports } = await reportOf([inline(1_000), offloaded(4_000), inline(9_000)]);
    expect(reports).toMatchObject([{ events: 1, lagMs: 6_000 }]);
  });

  it('contains the age of the first event if nothing could be written', async () => {
    const { reports, saved } = await reportOf([inline(1_000), inline(9_000)], {
      apply: () => Promise.reject(new Error('down')),
    });
    expect(reports).toMatchObject([{ events: 0, lagMs: 9_000 }]);
    expect(saved).toEqual([]);
  });

  it('never contains a negative lag, even if the clocks differ', async () => {
    expect((await reportOf([inline(11_000)])).reports).toMatchObject([{ lagMs: 0 }]);
  });

  it('is the only output of a batch without failures; a quarantined event also causes a warning with the counts', async () => {
    const logger = createLogger('test');
    const info = vi.spyOn(logger, 'info');
    const warn = vi.spyOn(logger, 'warn');
    await reportOf([inline(1_000)], { logger });
    expect([info.mock.calls, warn.mock.calls]).toEqual([[], []]);
    await reportOf([inline(1_000), deliver(toBytes({}), NEW_YEAR)], { logger });
    expect(info.mock.calls).toEqual([]);
    expect(warn.mock.calls).toEqual([
      [expect.stringContaining('quarantine list'), expect.objectContaining({ events: 2, quarantined: 1 })],
    ]);
  });

  it('marks the position in the shard as unknown if batches of a shard run concurrently', async () => {
    expect((await reportOf([inline(1)], { parallelizationFactor: 2 })).saved).toEqual([{ isKnown: false }]);
  });
});

const BATCH = { events: 3, records: 20, recordsChanged: 15, quarantined: 1, batchMs: 12, lagMs: 345 };

describe('the metrics', () => {
  afterEach(() => vi.restoreAllMocks());

  it('are one line in embedded metric format per batch', () => {
    const lines: string[] = [];
    // The reporter writes directly to standard output, because Lambda's console adds a prefix to each line.
    vi.spyOn(process.stdout, 'write').mockImplementation((line) => lines.push(String(line)) > 0);
    const report = createReporter('project-stream');
    report(BATCH);
    report({ ...BATCH, events: 4 });
    const [first, second] = lines.map((line) => JSON.parse(line));
    expect(first).toMatchObject({
      service: 'project-stream',
      Events: 3,
      Records: 20,
      RecordsChanged: 15,
      RecordsStale: 5,
      EventsQuarantined: 1,
      BatchDuration: 12,
      Lag: 345,
    });
    const [{ Namespace, Dimensions, Metrics }] = first._aws.CloudWatchMetrics;
    expect({ Namespace, Dimensions }).toEqual({
      Namespace: 'cognito-sync-backend',
      Dimensions: [['service']],
    });
    expect(Metrics).toContainEqual({ Name: 'Lag', Unit: 'Milliseconds' });
    expect(second.Events).toBe(4);
  });

  it('are summed in the local cloud; a batch without events is not counted as a batch', () => {
    const { add, totals } = createProjectionTotals();
    for (const batch of [
      BATCH,
      BATCH,
      { ...BATCH, events: 0, records: 0, recordsChanged: 0, quarantined: 0, lagMs: 9 },
    ])
      add(batch);
    expect(totals()).toEqual({
      batches: 2,
      events: 6,
      records: 40,
      recordsChanged: 30,
      recordsStale: 10,
      eventsQuarantined: 2,
      lastBatch: { batchMs: 12, lagMs: 9 },
    });
  });
});
