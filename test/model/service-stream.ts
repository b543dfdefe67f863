import { randomUUID } from 'node:crypto';
import type { Database } from '../../lib/database/database.ts';
import { relayOutbox } from '../../lib/sync/jobs/relay-outbox.ts';
import { runBulkPublishes } from '../../lib/sync/jobs/run-bulk-publish.ts';
import type { EventPublisher, PublishOutcome } from '../../lib/sync/ports/outbox.ts';
import { createBulkPublishJobStore } from '../../lib/sync/store/bulk-publish-job-store.ts';
import { createOutboxStore } from '../../lib/sync/store/outbox-store.ts';
import { createPayloadStore } from '../../lib/sync/store/payload-store.ts';
import { createStreamingSwitch } from '../../lib/sync/store/streaming-switch.ts';
import { letLeasesAge } from '../fixtures/database/outbox-rows.ts';
import type { ModelProcess } from './model-state.ts';
import type { Reception } from './model-stream.ts';
import { STREAM } from './setup.ts';

/** Publishes the service's outbox to streams in memory. */
export interface ServiceStream {
  /** The published events. The records of offloaded events are inline. */
  published: { stream: string; event: object }[];
  /** Runs the relay, with all postponed events due. */
  relay: (reception: Readonly<Record<string, Reception>>) => Promise<void>;
  /** @param maxWaiting maximum number of waiting events per bulk publish */
  runBulkPublishes: (process: ModelProcess, maxWaiting: number) => Promise<void>;
}

const OUTCOMES: Record<Reception, PublishOutcome> = {
  'accepts all': 'published',
  'does not exist': { error: 'ResourceNotFoundException', retryable: true, noStream: true },
  'rejects permanently': { error: 'InvalidArgumentException', retryable: false },
};

/** Links to payloads that are never opened, because the tests read the payloads from the database. */
export const links = {
  create() {
    const payloadId = randomUUID();
    return { payloadId, url: `http://127.0.0.1/payloads/${payloadId}`, expiresAt: 0 };
  },
  open: () => null,
};

export function createServiceStream(database: Database): ServiceStream {
  const outbox = createOutboxStore(database);
  const streaming = createStreamingSwitch(database);
  const bulkPublishes = createBulkPublishJobStore(database);
  const published: ServiceStream['published'] = [];

  return {
    published,

    async relay(reception) {
      const publisher: EventPublisher = {
        async publish(stream, entries) {
          const outcome = OUTCOMES[reception[stream] ?? 'accepts all'];
          for (const { data } of outcome === 'published' ? entries : []) {
            published.push({ stream, event: await readEvent(database, data) });
          }
          return entries.map(() => outcome);
        },
      };
      await letLeasesAge(database, 60 * 60 * 1000);
      await relayOutbox({ outbox, publisher, streaming, streamName: STREAM, now: Date.now });
    },

    async runBulkPublishes({ now, limits }, maxWaiting) {
      await runBulkPublishes({
        onFailure: (_, error) => {
          throw error;
        },
        bulkPublishes,
        offloading: { links, inlineBytes: limits.inlineBytes },
        now: () => now,
        options: { datasetsPerStep: 1, maxWaiting },
      });
    },
  };
}

/** Returns an event in the model's format, with offloaded records inline. */
async function readEvent(database: Database, data: Uint8Array): Promise<object> {
  const { payloadType, kinesisSyncRecordsURL, ...event } = JSON.parse(Buffer.from(data).toString());
  if (payloadType !== 'S3Url') return event;
  const [payloadId = ''] = /[0-9a-f-]{36}/.exec(kinesisSyncRecordsURL) ?? [];
  const body = await createPayloadStore(database).read(payloadId);
  return { ...event, kinesisSyncRecords: JSON.parse(body ?? 'null') };
}
