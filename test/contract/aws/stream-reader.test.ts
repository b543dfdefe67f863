import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createKinesisReader,
  type KinesisReader,
  KinesisReaderError,
  type RecordPage,
} from '../../../lib/aws/kinesis-reader.ts';
import { createKinesisStreamReader, createStreamReader } from '../../../lib/aws/stream-reader.ts';
import { EvidenceError } from '../../../lib/backfill/ports/evidence.ts';
import { type KinesisEmulator, startKinesisEmulator } from '../../fixtures/aws/kinesis-emulator.ts';
import { NEW_YEAR } from '../../fixtures/sync/stream-events.ts';

const SHARD = 'shardId-000000000000';
const ALL = { after: null, notBefore: null };

describe('the stream reader on an emulator', () => {
  let emulator: KinesisEmulator;
  beforeAll(async () => {
    emulator = await startKinesisEmulator();
  });
  afterAll(() => emulator.close());

  it('counts the records after a position, even if the position is from an earlier stream with the same name', async () => {
    const streamName = await emulator.createStream(1);
    const streams = createKinesisStreamReader(emulator.client);
    const count = async (after: string | null) =>
      (await streams.readBacklog(streamName, SHARD, { after, notBefore: null }))?.arrivals.length;
    expect(await count(null)).toBe(0);
    await emulator.put(streamName, ['k:0', 'k:1', 'k:2']);
    const reader = createKinesisReader(emulator.client);
    const iterator = await reader.openIterator(streamName, SHARD, { type: 'TRIM_HORIZON' });
    const { records, millisBehindLatest } = await reader.getRecords(iterator, 10);
    expect(millisBehindLatest).toBe(0);
    expect(await count(null)).toBe(3);
    expect(await count(records[1]?.sequenceNumber ?? '')).toBe(1);
    expect(await count(records[2]?.sequenceNumber ?? '')).toBe(0);
    expect(await count('1234567')).toBe(3);
  });

  it('returns null for an unknown shard, and throws for an unknown stream', async () => {
    const streamName = await emulator.createStream(1);
    const streams = createKinesisStreamReader(emulator.client);
    expect(await streams.readBacklog(streamName, 'shardId-000000000009', ALL)).toBeNull();
    await expect(streams.listShards('nowhere')).rejects.toMatchObject({
      name: 'EvidenceError',
      condition: 'not-found',
    });
    await expect(streams.readRetentionMs('nowhere')).rejects.toMatchObject({ condition: 'not-found' });
    expect(await streams.readRetentionMs(streamName)).toBe(24 * 60 * 60 * 1000);
    await expect(streams.readCreatedAt('nowhere')).rejects.toMatchObject({ condition: 'not-found' });
    // The emulator reports a time that is two to three seconds too early.
    expect(Math.abs(Date.now() - (await streams.readCreatedAt(streamName)))).toBeLessThan(60_000);
  });
});

describe('reading the backlog of a shard', () => {
  interface Page {
    arrivals?: number[];
    behind?: number;
    isLast?: boolean;
  }
  /** Creates a stream reader for a shard whose reads return these pages. The last page repeats. */
  function open(pages: Page[], openIterator?: KinesisReader['openIterator']) {
    let reads = 0;
    let pauses = 0;
    const reader: KinesisReader = {
      listShards: async () => [],
      openIterator: openIterator ?? (async () => '0'),
      async getRecords(): Promise<RecordPage> {
        const { arrivals = [], behind = 0, isLast = false } = pages[Math.min(reads, pages.length - 1)] ?? {};
        reads += 1;
        return {
          records: arrivals.map((at, index) => ({
            sequenceNumber: String(index),
            partitionKey: 'k',
            data: new Uint8Array(),
            arrivedAt: new Date(at),
          })),
          nextIterator: isLast ? undefined : String(reads),
          millisBehindLatest: behind,
        };
      },
    };
    const streams = createStreamReader({
      reader,
      readRetentionMs: async () => 0,
      readCreatedAt: async () => 0,
      async pause() {
        pauses += 1;
      },
    });
    return { streams, counts: () => ({ reads, pauses }) };
  }
  const read = (pages: Page[], notBefore: number | null = null) =>
    open(pages).streams.readBacklog('stream', SHARD, { after: '1', notBefore });

  it('continues past empty responses until records arrive, with pauses', async () => {
    const { streams, counts } = open([
      { behind: 9_000 },
      { behind: 5_000 },
      { arrivals: [NEW_YEAR], behind: 1 },
    ]);
    expect(await streams.readBacklog('stream', SHARD, ALL)).toEqual({
      arrivals: [NEW_YEAR],
      hasMore: true,
      isConclusive: true,
    });
    expect(counts()).toEqual({ reads: 3, pauses: 2 });
  });

  it('returns an empty backlog at the tip, and at the end of a closed shard', async () => {
    const empty = { arrivals: [], hasMore: false, isConclusive: true };
    expect(await read([{ behind: 9_000 }, {}])).toEqual(empty);
    expect(await read([{ behind: 9_000 }, { behind: 9_000, isLast: true }])).toEqual(empty);
  });

  it('is inconclusive if the reader reaches neither the tip nor the end of the shard', async () => {
    expect(await read([{ behind: 9_000 }])).toEqual({ arrivals: [], hasMore: true, isConclusive: false });
  });

  it('skips records that arrived before `notBefore`', async () => {
    const old = Array.from({ length: 100 }, () => NEW_YEAR - 1);
    expect(
      await read([{ arrivals: old }, { arrivals: old }, { arrivals: [NEW_YEAR - 1, NEW_YEAR] }], NEW_YEAR),
    ).toMatchObject({
      arrivals: [NEW_YEAR],
    });
    expect(await read([{ arrivals: old }, { arrivals: old, isLast: true }], NEW_YEAR)).toMatchObject({
      arrivals: [],
      isConclusive: true,
    });
  });

  it('throws an EvidenceError with the condition that fits the error of Kinesis', async () => {
    const failing = (error: Error) =>
      open([], () => Promise.reject(error)).streams.readBacklog('stream', SHARD, ALL);
    const denied = Object.assign(new Error('no'), { name: 'AccessDeniedException' });
    await expect(failing(denied)).rejects.toMatchObject({ condition: 'not-authorized' });
    await expect(failing(denied)).rejects.toBeInstanceOf(EvidenceError);
    const expired = new KinesisReaderError('iterator-expired', new Error('old'));
    await expect(failing(expired)).rejects.toMatchObject({ condition: 'unavailable' });
  });
});
