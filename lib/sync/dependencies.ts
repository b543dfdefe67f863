import type { Limits } from './limits.ts';
import type { PayloadLinks } from './payload-links.ts';
import type { BulkPublishJobStore } from './ports/bulk-publish-job-store.ts';
import type { InvokeFunction } from './ports/functions.ts';
import type { PoolStore } from './ports/pool-store.ts';
import type { SyncStore } from './ports/sync-store.ts';
import type { Push } from './push/push-to-devices.ts';
import type { SessionTokens } from './session-token.ts';

/** What the operations are made with; each takes what it needs of it. */
export interface SyncDependencies {
  store: SyncStore;
  pools: PoolStore;
  bulkPublishes: BulkPublishJobStore;
  tokens: SessionTokens;
  payloadLinks: PayloadLinks;
  /** Epoch milliseconds. */
  now: () => number;
  limits: Limits;
  /**
   * Told the id of the event in the outbox once a change is committed; the answer waits for it. It can have the event
   * published, but what comes of it changes nothing for the caller: the change is made.
   */
  afterWrite: (outboxId: string) => Promise<void> | void;
  /** Told that a bulk publish has been asked for: it can have it begun, which happens anyway after a while. */
  afterBulkPublish: () => void;
  /** For the sync triggers of pools. */
  invokeFunction: InvokeFunction;
  /** Devices, and the way to them. */
  push: Push;
  /** Whether there is a stream of this name to publish to. */
  streamExists: (streamName: string) => Promise<boolean>;
}
