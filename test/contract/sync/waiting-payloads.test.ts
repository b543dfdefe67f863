import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { relayOutbox } from '../../../lib/sync/jobs/relay-outbox.ts';
import { runBulkPublishes } from '../../../lib/sync/jobs/run-bulk-publish.ts';
import { sweepPayloads } from '../../../lib/sync/jobs/sweep-payloads.ts';
import { createPayloadLinks } from '../../../lib/sync/payload-links.ts';
import { createBulkPublishJobStore } from '../../../lib/sync/store/bulk-publish-job-store.ts';
import { createOutboxStore } from '../../../lib/sync/store/outbox-store.ts';
import { createPayloadStore } from '../../../lib/sync/store/payload-store.ts';
import { createStreamingSwitch } from '../../../lib/sync/store/streaming-switch.ts';
import { SERVICE_DATABASES } from '../../fixtures/database/databases.ts';
import { deleteAllRows, deleteRows } from '../../fixtures/database/delete-rows.ts';
import { createPool } from '../../fixtures/identity/identity-pools.ts';
import { createMerger, mergeOf, newIdentity } from '../../fixtures/sync/merges.ts';
import { NEW_YEAR, POOL } from '../../fixtures/sync/stream-events.ts';
import { createDevice, createSyncService, DEVELOPER, put } from '../../fixtures/sync/sync-service.ts';

const DAY = 24 * 60 * 60 * 1000;
const INLINE_BYTES = 100;

describe.each(SERVICE_DATABASES)(
  'the payload of an event that is not published yet, on $name',
  ({ open }) => {
    let database: Database;
    let service: ReturnType<typeof createSyncService>;
    beforeAll(async () => {
      database = await open();
    });
    afterAll(() => database.close());
    beforeEach(async () => {
      await deleteAllRows(database);
      await createPool(database);
      service = createSyncService(database, { inlineBytes: INLINE_BYTES });
    });

    const links = createPayloadLinks({
      keys: [Buffer.alloc(32, 7)],
      origin: () => 'http://127.0.0.1:4580',
      now: () => service.clock.now,
      randomId: randomUUID,
    });
    const sweep = () => sweepPayloads(createPayloadStore(database), () => service.clock.now);
    const countPayloads = async () =>
      (await database.query<{ n: number }>('SELECT count(*) AS n FROM sync.payloads')).rows[0]?.n;
    const clear = () => deleteRows(database, ['sync.outbox', 'sync.payloads', 'sync.payload_parts']);
    const clearOutbox = () => deleteRows(database, ['sync.outbox']);

    const writers: Record<string, () => Promise<void>> = {
      async 'an update'() {
        await createDevice(service.operations).update(put('a', 'value'));
      },
      async 'a merge'() {
        const [guest, person] = [newIdentity(), newIdentity()];
        await createDevice(service.operations, { identityId: guest }).update(put('a', 'value'));
        await clear();
        const offloading = { links, inlineBytes: INLINE_BYTES };
        await createMerger(database, service.clock, { offloading })(mergeOf(guest, person));
      },
      async 'a bulk publish'() {
        await createDevice(service.operations).update(put('a', 'value'));
        await clear();
        await service.operations.BulkPublish({ IdentityPoolId: POOL }, DEVELOPER);
        await runBulkPublishes({
          bulkPublishes: createBulkPublishJobStore(database),
          offloading: { links, inlineBytes: INLINE_BYTES },
          now: () => service.clock.now,
          onFailure(_, error) {
            throw error;
          },
        });
      },
    };

    it.each(Object.keys(writers))('is deleted only after the event is published: %s', async (writer) => {
      await writers[writer]?.();
      const payloads = await countPayloads();
      expect(payloads).toBeGreaterThan(0);
      service.clock.now += 30 * DAY;
      expect(await sweep()).toBe(0);
      expect(await countPayloads()).toBe(payloads);
      await clearOutbox();
      expect(await sweep()).toBe(payloads);
    });

    it('is kept while the event is parked', async () => {
      await createDevice(service.operations).update(put('a', 'value'));
      const outbox = createOutboxStore(database);
      const [row] = await outbox.claim(1, 60_000);
      await outbox.park(row?.outboxId ?? '', 'ValidationException, 5 rejections');
      service.clock.now += 30 * DAY;
      expect(await sweep()).toBe(0);
      expect(await countPayloads()).toBe(1);
    });

    it('gets a new URL when the service that serves it publishes the event', async () => {
      await createDevice(service.operations).update(put('a', 'first'), put('b', 'second'));
      service.clock.now = NEW_YEAR + 30 * DAY;
      const payloads = createPayloadStore(database);
      const published: string[] = [];
      const outcome = await relayOutbox({
        outbox: createOutboxStore(database),
        publisher: {
          async publish(_, entries) {
            published.push(...entries.map(({ data }) => new TextDecoder().decode(data)));
            return entries.map(() => 'published');
          },
        },
        streaming: createStreamingSwitch(database),
        streamName: 'cognito-sync',
        renewal: { links, payloads },
        now: () => 0,
      });
      expect(outcome.published).toBe(1);
      const { kinesisSyncRecordsURL } = JSON.parse(published[0] ?? '{}');
      // The event can wait on the stream for almost seven days.
      service.clock.now += 7 * DAY - 60_000;
      await sweep();
      const { pathname, search } = new URL(kinesisSyncRecordsURL);
      const payloadId = links.open(pathname + search);
      expect(JSON.parse((await payloads.read(payloadId ?? randomUUID())) ?? '[]')).toMatchObject([
        { key: 'a', value: 'first' },
        { key: 'b', value: 'second' },
      ]);
      service.clock.now += 2 * 60_000;
      expect(await sweep()).toBe(1);
    });
  },
);
