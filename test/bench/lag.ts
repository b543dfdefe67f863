import { setTimeout as sleep } from 'node:timers/promises';
import type { KinesisClient } from '@aws-sdk/client-kinesis';
import { localKinesis, putAll } from '../fixtures/aws/kinesis.ts';
import { startPostgresServer } from '../fixtures/database/postgres-server.ts';
import { quantile, type Table } from './measure.ts';
import { startCloud } from './start-process.ts';
import { syncEvents } from './sync-batch.ts';

const EVENTS_PER_PUT = 10;
const PUT_EVERY_MS = 50;
const RECORDS = 10;
const SECONDS = 10;
/** Number of puts in the first second. They run code that is not compiled yet, so they are not measured. */
const WARM_UP_PUTS = 1000 / PUT_EVERY_MS;
const POLL_EVERY_MS = 5;
const PROGRESS_TIMEOUT_MS = 30_000;

/** Measures the time from the response to PutRecords to committed rows, in the local cloud under a steady load. */
export async function benchLag(): Promise<Table[]> {
  const onEmbedded = await benchLocalCloud(undefined);
  const server = await startPostgresServer();
  const onPostgres = await benchLocalCloud(server.url).finally(() => server.close());
  const rows = { 'embedded database': onEmbedded, 'PostgreSQL 18': onPostgres };
  const rate = (EVENTS_PER_PUT * 1000) / PUT_EVERY_MS;
  return [
    { title: `Time from event to row in the local cloud, ${rate} events/s, ${RECORDS} records each`, rows },
  ];
}

async function benchLocalCloud(databaseUrl: string | undefined): Promise<Record<string, string>> {
  const { ready, stop } = await startCloud({ databaseUrl });
  const { url } = ready;
  const kinesis = localKinesis(url);
  const { lags, eventsPerSecond } = await measure(kinesis, url).finally(stop);
  kinesis.destroy();
  const counted = lags.slice(WARM_UP_PUTS);
  const ms = (q: number) => `${quantile(counted, q).toFixed(0)} ms`;
  return { p50: ms(0.5), p95: ms(0.95), max: ms(1), put: `${eventsPerSecond.toFixed(0)} events/s` };
}

/**
 * Measures one lag per put, in milliseconds. The shard keeps the order, so the number of projected events shows which
 * puts are projected.
 */
async function measure(
  kinesis: KinesisClient,
  url: string,
): Promise<{ lags: number[]; eventsPerSecond: number }> {
  const putCount = WARM_UP_PUTS + (SECONDS * 1000) / PUT_EVERY_MS;
  const respondedAt: number[] = [];
  const lags: number[] = [];
  const puts = Array.from({ length: putCount }, (_, index) =>
    syncEvents({ events: EVENTS_PER_PUT, records: RECORDS, group: `lag ${index}`, version: 1 }),
  );

  async function putSteadily(): Promise<void> {
    const start = performance.now();
    for (const [index, events] of puts.entries()) {
      await sleep(Math.max(0, start + index * PUT_EVERY_MS - performance.now()));
      await putAll(kinesis, events);
      respondedAt.push(performance.now());
    }
  }

  async function watch(): Promise<void> {
    for (let lastProgressAt = performance.now(); lags.length < putCount; await sleep(POLL_EVERY_MS)) {
      const projected = await projectedEvents(url);
      const seenAt = performance.now();
      while ((lags.length + 1) * EVENTS_PER_PUT <= projected) {
        // Rows can be visible before the response to the put arrives.
        lags.push(Math.max(0, seenAt - (respondedAt[lags.length] ?? seenAt)));
        lastProgressAt = seenAt;
      }
      if (seenAt - lastProgressAt > PROGRESS_TIMEOUT_MS) {
        throw new Error(`no event was projected for ${PROGRESS_TIMEOUT_MS} ms`);
      }
    }
  }

  await Promise.all([putSteadily(), watch()]);
  const [first = 0] = respondedAt;
  const seconds = ((respondedAt.at(-1) ?? 0) - first) / 1000;
  return { lags, eventsPerSecond: ((putCount - 1) * EVENTS_PER_PUT) / seconds };
}

/** Reads from /healthz how many events the stream handler has committed. This request does not query the database. */
async function projectedEvents(url: string): Promise<number> {
  const response = await fetch(`${url}/healthz`);
  const { projection } = (await response.json()) as { projection: { recordsChanged: number } };
  return projection.recordsChanged / RECORDS;
}
