import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { createPublishNow } from '../../../lib/sync/jobs/publish-now.ts';
import { createPayloadLinks } from '../../../lib/sync/payload-links.ts';
import type { EventPublisher, PublishOutcome } from '../../../lib/sync/ports/outbox.ts';
import { createOutboxStore, type OutboxStore } from '../../../lib/sync/store/outbox-store.ts';
import { DATABASES } from '../../fixtures/database/databases.ts';
import { deleteAllRows } from '../../fixtures/database/delete-rows.ts';
import { insertOutboxRow } from '../../fixtures/database/outbox-rows.ts';

const MINUTE_MS = 60_000;

describe.each(DATABASES)('the immediate publication of an event on $name', ({ open }) => {
  let database: Database;
  let outbox: OutboxStore;
  let published: [streamName: string, partitionKey: string, event: string][];
  let reported: string[];
  let now: number;
  beforeAll(async () => {
    database = await open();
    outbox = createOutboxStore(database);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await deleteAllRows(database);
    published = [];
    reported = [];
    now = 0;
  });

  const create = (publish: () => Promise<PublishOutcome>) => {
    const publisher: EventPublisher = {
      async publish(streamName, entries) {
        for (const { partitionKey, data } of entries) {
          published.push([streamName, partitionKey, new TextDecoder().decode(data)]);
        }
        return [await publish()];
      },
    };
    return createPublishNow({
      outbox,
      publisher,
      streamName: 'default-stream',
      now: () => now,
      sleep: (ms) => sleep(ms, undefined, { ref: false }),
      report: (error) => reported.push(error),
    });
  };
  const succeeding = () => create(async () => 'published');

  it('publishes the given event to its stream, removes its row, and does not change other rows', async () => {
    const other = await insertOutboxRow(database, { event: '{"other":1}' });
    const row = { streamName: 'players', partitionKey: 'someone', event: '{"a":"ü"}' };
    await succeeding()(await insertOutboxRow(database, row));
    expect(published).toEqual([['players', 'someone', '{"a":"ü"}']]);
    expect(await outbox.claim(10, MINUTE_MS)).toEqual([
      expect.objectContaining({ outboxId: other, attempts: 1 }),
    ]);
    expect(reported).toEqual([]);
  });

  it('publishes an event without a stream to the default stream', async () => {
    await succeeding()(await insertOutboxRow(database));
    expect(published).toEqual([['default-stream', 'identity', '{}']]);
  });

  it('does not publish a row that the relay has claimed, parked or removed', async () => {
    const publishNow = succeeding();
    const claimed = await insertOutboxRow(database);
    await outbox.claim(1, MINUTE_MS);
    await publishNow(claimed);
    await outbox.park(claimed, 'refused');
    await publishNow(claimed);
    await outbox.remove([claimed]);
    await publishNow(claimed);
    expect(published).toEqual([]);
    expect(reported).toEqual([]);
  });

  it('leaves a row that the stream refused to the relay', async () => {
    const outboxId = await insertOutboxRow(database);
    await create(async () => ({ error: 'ProvisionedThroughputExceededException', retryable: true }))(
      outboxId,
    );
    expect(reported).toEqual(['ProvisionedThroughputExceededException']);
    await expect
      .poll(() => outbox.claim(10, MINUTE_MS), { timeout: 10_000 })
      .toEqual([expect.objectContaining({ outboxId, attempts: 2 })]);
  });

  it('leaves an offloaded event to the relay, which uploads its records first', async () => {
    const links = createPayloadLinks({
      keys: [Buffer.alloc(32, 7)],
      origin: () => 'https://payloads.invalid',
      now: Date.now,
      randomId: randomUUID,
    });
    const event = JSON.stringify({ kinesisSyncRecordsURL: links.create().url, payloadType: 'S3Url' });
    const outboxId = await insertOutboxRow(database, { event });
    await succeeding()(outboxId);
    expect(published).toEqual([]);
    expect(await outbox.claim(10, MINUTE_MS)).toEqual([expect.objectContaining({ outboxId })]);
    await succeeding()(await insertOutboxRow(database, { event: JSON.stringify({ value: event }) }));
    expect(published.length).toBe(1);
  });

  it('returns early if the stream does not answer, and keeps the row', async () => {
    const outboxId = await insertOutboxRow(database);
    const startedAt = performance.now();
    await create(() => new Promise(() => undefined))(outboxId);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(reported).toEqual(['TimedOut']);
    expect(await outbox.count()).toEqual({ waiting: 1, parked: 0 });
  });

  it('does not wait for a stream again for some seconds after a timeout', async () => {
    const publishNow = create(() => new Promise(() => undefined));
    for (const at of [0, 1_000, 6_000]) {
      now = at;
      await publishNow(await insertOutboxRow(database));
    }
    expect(published.length).toBe(2);
    expect(await outbox.count()).toEqual({ waiting: 3, parked: 0 });
  });

  it('never rejects, and reports the failure instead', async () => {
    const publishNow = create(async () => {
      throw new TypeError('no network');
    });
    await publishNow(await insertOutboxRow(database));
    await publishNow('not-an-id');
    expect(reported).toEqual(['TypeError', expect.stringMatching(/Error$/)]);
  });
});
