import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createRelayOutbox } from '../../../functions/relay-outbox.ts';
import { createLambdaContext } from '../../../infra/local/lambda-context.ts';
import limits from '../../../infra/stack/function-limits.json' with { type: 'json' };
import { createLogger } from '../../../lib/aws/telemetry.ts';
import type { Outbox, OutboxRow } from '../../../lib/sync/ports/outbox.ts';

const TIMEOUT_MS = limits['relay-outbox'].timeout * 1_000;
/** The longest publish takes three attempts of a request to Kinesis; the longest upload, a check and two attempts. */
const SLOWEST_PUBLISH_MS = 45_000;
const SLOWEST_UPLOAD_MS = 12_000;

const linked = (payloadId: string) =>
  JSON.stringify({
    kinesisSyncRecordsURL: `https://payloads.invalid/payloads/${payloadId}?expires=1`,
    payloadType: 'S3Url',
  });

/** Creates an outbox that always has nine rows for each stream: one with its records, and eight with a payload each. */
function endlessOutbox(streams: readonly string[]): Outbox {
  let count = 0;
  const rowsOf = (streamName: string) =>
    Array.from({ length: 9 }, (_, index): OutboxRow => {
      count += 1;
      const payloadId = `00000000-0000-4000-8000-${String(count).padStart(12, '0')}`;
      const event = index === 0 ? '{}' : linked(payloadId);
      return { outboxId: payloadId, streamName, partitionKey: 'identity', event, attempts: 1, rejections: 0 };
    });
  return {
    claim: async (_limit, _leaseMs, of = { allBut: [] }) =>
      'only' in of
        ? rowsOf(String(of.only))
        : streams.filter((name) => !of.allBut.includes(name)).flatMap(rowsOf),
    remove: async () => undefined,
    countRejection: async () => undefined,
    postpone: async () => undefined,
    park: async () => undefined,
  };
}

describe('a run of relay-outbox in Lambda', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'], now: 0 });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** Runs the function. If `isSlow` is true, each request takes as long as its timeouts and retries allow. */
  async function run(streams: readonly string[], isSlow = true) {
    let uploading = 0;
    let mostUploads = 0;
    let uploads = 0;
    const spend = (ms: number) => isSlow && vi.setSystemTime(Date.now() + ms);
    const relay = createRelayOutbox({
      outbox: endlessOutbox(streams),
      publisher: {
        async publish(_stream, entries) {
          spend(SLOWEST_PUBLISH_MS);
          return entries.map(() => 'published' as const);
        },
      },
      streaming: { disable: async () => 0 },
      streamName: 'cognito-sync',
      uploads: {
        payloads: { read: async () => '[]', remove: async () => undefined },
        uploader: {
          async upload() {
            uploading += 1;
            uploads += 1;
            mostUploads = Math.max(mostUploads, uploading);
            if (uploads % 4 === 1) spend(SLOWEST_UPLOAD_MS);
            await new Promise(setImmediate);
            // A run without delays takes no time on this clock, so let its time end after 100 uploads.
            if (!isSlow && uploads === 100) vi.setSystemTime(TIMEOUT_MS);
            uploading -= 1;
          },
          isStored: async () => false,
          urlOf: async (payloadId) => `https://bucket.example/${payloadId}`,
        },
      },
      logger: createLogger('relay-outbox'),
    });
    const context = createLambdaContext('relay-outbox', 'us-east-1');
    await relay({}, { ...context, getRemainingTimeInMillis: () => TIMEOUT_MS - Date.now() });
    return { elapsedMs: Date.now(), mostUploads, uploads };
  }

  it('ends before its timeout, even if every request takes as long as it can', async () => {
    expect((await run(['a'])).elapsedMs).toBeLessThan(TIMEOUT_MS);
  });

  it('uploads at most four payloads at a time, however many streams have some', async () => {
    const { mostUploads, uploads } = await run(['a', 'b', 'c', 'd', 'e', 'f'], false);
    expect(uploads).toBeGreaterThanOrEqual(100);
    expect(mostUploads).toBe(4);
  });
});
